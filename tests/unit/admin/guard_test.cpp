#include "src/admin/guard.hpp"

#include <gtest/gtest.h>

namespace shunt::admin {
namespace {

const Door kUnix{};
const Door kTcp{true, "127.0.0.1", 9900};

TEST(Guard, TakesItsOwnNamesWithTheRightPortOverTcp) {
  for (const char* host : {"127.0.0.1:9900", "localhost:9900", "LocalHost:9900", "[::1]:9900"}) {
    EXPECT_TRUE(is_own_name(kTcp, host)) << host;
  }
  for (const char* host :
       {"127.0.0.1", "localhost", "localhost:9901", "127.0.0.2:9900", "evil.example:9900",
        "evil.example", "localhost.evil.example:9900", "localhost:9900:9900",
        "localhost:", "[::1:9900", "[::1]x:9900", "", ":9900", "shunt:9900", "user@localhost:9900",
        "localhost:09900", "localhost:9900 "}) {
    EXPECT_FALSE(is_own_name(kTcp, host)) << host;
  }
}

TEST(Guard, TakesAnAddressOfItsOwnAndTheDefaultPort) {
  const Door door{true, "127.0.0.2", 80};
  EXPECT_TRUE(is_own_name(door, "127.0.0.2"));
  EXPECT_TRUE(is_own_name(door, "localhost"));
  EXPECT_TRUE(is_own_name(door, "127.0.0.2:80"));
  EXPECT_FALSE(is_own_name(door, "127.0.0.2:8080"));
}

TEST(Guard, TakesLocalNamesOnTheUnixSocket) {
  for (const char* host : {"localhost", "localhost:80", "127.0.0.1", "[::1]", "shunt", ""}) {
    EXPECT_TRUE(is_own_name(kUnix, host)) << host;
  }
  EXPECT_FALSE(is_own_name(kUnix, "evil.example"));
}

TEST(Guard, RefusesForeignOrigins) {
  EXPECT_FALSE(why_foreign(kTcp, "localhost:9900", std::nullopt));
  EXPECT_FALSE(why_foreign(kTcp, "localhost:9900", "http://localhost:9900"));
  for (const char* origin :
       {"http://evil.example", "null", "", "https://localhost:9900", "http://localhost:9901",
        "http://127.0.0.1:9900", "http://localhost"}) {
    EXPECT_TRUE(why_foreign(kTcp, "localhost:9900", origin)) << origin;
  }
  EXPECT_TRUE(why_foreign(kTcp, std::nullopt, "http://localhost:9900"));
  EXPECT_TRUE(why_foreign(kUnix, "localhost", "http://evil.example"));
}

TEST(Guard, KnowsJsonByItsContentType) {
  for (const char* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"", " application/json ;"}) {
    EXPECT_TRUE(is_json(type)) << type;
  }
  for (const char* type :
       {"", "text/plain", "application/jsonx", "application/json; charset=latin-1",
        "application/x-www-form-urlencoded", "text/plain; application/json"}) {
    EXPECT_FALSE(is_json(type)) << type;
  }
}

}  // namespace
}  // namespace shunt::admin
