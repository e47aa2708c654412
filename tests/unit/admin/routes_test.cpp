#include "src/admin/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/admin/request_fields.hpp"

namespace shunt::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

RouteMatch match(std::string_view target) {
  return match_route(parse_target(target).value().segments);
}

TEST(Routes, AreFoundByTheirPath) {
  for (const Route& route : routes()) {
    std::string target(route.path);
    if (const auto app = target.find("{app}"); app != std::string::npos)
      target.replace(app, 5, "web");
    ASSERT_EQ(match(target).route, &route) << target;
    EXPECT_EQ(match(target).app, target.find("web") == std::string::npos ? "" : "web");
  }
}

TEST(Routes, OtherPathsHaveNone) {
  for (const char* target :
       {"/", "/v1", "/v1/", "/v1/status/", "//v1/status", "/v1/apps", "/v1/apps/",
        "/v1/apps//switch", "/v1/apps/web/switch/x", "/V1/status", "/live/x"}) {
    EXPECT_EQ(match(target).route, nullptr) << target;
  }
}

TEST(Routes, ADashStandsForTheOnlyApp) {
  EXPECT_EQ(match("/v1/apps/-/switch").app, "");
}

TEST(Routes, NamesArePercentDecoded) {
  EXPECT_EQ(match("/v1/apps/my%20app/switch").app, "my app");
  EXPECT_EQ(match("/v1/apps/a%2Fb/switch").app, "a/b");
  EXPECT_EQ(match("/v1/%73tatus").route->id, RouteId::kStatus);
}

TEST(Routes, TargetsComeInOriginAndAbsoluteForm) {
  EXPECT_THAT(parse_target("/a/b?x=1&y=%26&z").value().query,
              ElementsAre(Pair("x", "1"), Pair("y", "&"), Pair("z", "")));
  const Target absolute = parse_target("http://localhost:9900/v1/status?x=1").value();
  EXPECT_EQ(absolute.authority, "localhost:9900");
  EXPECT_THAT(absolute.segments, ElementsAre("v1", "status"));
  EXPECT_EQ(parse_target("http://localhost").value().authority, "localhost");
  for (const char* target : {"", "v1/status", "*", "/a%2", "/a b", "/\x01", "ftp://x/", "/a#b"}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
}

// Plain paths go around the URL parser; a query that changes nothing sends them through it.
TEST(Routes, PlainPathsMeanWhatTheUrlParserSays) {
  for (const std::string path : {"/", "/live", "/v1/apps/web/switch", "/v1/apps/-/switch", "/v1/",
                                 "//", "//v1", "/v1//apps", "/./v1", "/v1/../x", "/~a_b-c.d"}) {
    const auto plain = parse_target(path);
    const auto parsed = parse_target(path + "?");
    ASSERT_EQ(plain.has_value(), parsed.has_value()) << path;
    if (!plain) continue;
    EXPECT_EQ(plain->segments, parsed->segments) << path;
  }
}

TEST(RequestFields, UnknownAndRepeatedParametersAreFaults) {
  const Route& connections = *match("/v1/apps/web/connections").route;
  EXPECT_TRUE(check_query({{"pool", "a"}, {"node", "b"}, {"limit", "1"}}, connections).empty());
  EXPECT_EQ(check_query({{"pol", "a"}, {"pool", "a"}, {"pool", "b"}}, connections).size(), 2U);
  EXPECT_EQ(check_query({{"pool", "a\n"}}, connections).size(), 1U);
  EXPECT_EQ(check_query({{"x", ""}}, *match("/live").route).size(), 1U);
}

TEST(RequestFields, NumbersAreWholeAndBounded) {
  Faults faults;
  EXPECT_EQ(number_param({{"limit", "10"}}, "limit", 10, faults), 10U);
  EXPECT_FALSE(number_param({}, "limit", 10, faults));
  EXPECT_TRUE(faults.empty());
  for (const char* text : {"11", "-1", "", "1x", " 1", "0x1", "99999999999999999999"}) {
    faults.clear();
    EXPECT_FALSE(number_param({{"limit", text}}, "limit", 10, faults)) << text;
    EXPECT_EQ(faults.size(), 1U) << text;
  }
}

TEST(RequestFields, KeysAndEpochsMayBeQuoted) {
  Faults faults;
  EXPECT_EQ(read_key("deploy-4711", faults), "deploy-4711");
  EXPECT_EQ(read_key("\"deploy-4711\"", faults), "deploy-4711");
  EXPECT_EQ(read_epoch("\"41\"", faults), 41U);
  EXPECT_EQ(read_epoch("41", faults), 41U);
  EXPECT_TRUE(faults.empty());
  for (const std::string& key :
       {std::string(), std::string("\"\""), std::string("a b"), std::string("a\"b"),
        std::string(129, 'k'), std::string("\xC3\xA4")}) {
    faults.clear();
    static_cast<void>(read_key(key, faults));
    EXPECT_EQ(faults.size(), 1U) << key;
  }
  for (const char* epoch : {"", "*", "\"-1\"", "\"41", "W/\"41\"", "\"41\", \"42\""}) {
    faults.clear();
    static_cast<void>(read_epoch(epoch, faults));
    EXPECT_EQ(faults.size(), 1U) << epoch;
  }
}

}  // namespace
}  // namespace shunt::admin
