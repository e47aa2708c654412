#include "shunt/base/endpoint.hpp"

#include <gtest/gtest.h>

namespace shunt::base {
namespace {

TEST(Endpoint, ParsesAndPrintsEveryForm) {
  for (const char* text : {"127.0.0.1:80", "[::1]:80", "unix:/run/a.sock", "10.0.0.1", "::1"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
  }
  EXPECT_EQ(Endpoint::parse("[::1]")->to_string(), "::1");
  EXPECT_EQ(Endpoint::parse("::1")->with_port(8).to_string(), "[::1]:8");
}

TEST(Endpoint, RefusesWhatIsNoAddressAndSaysWhy) {
  for (const char* text : {"", "localhost:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "[::1", "[::1]80", "1.2.3:80", "unix:", "127.0.0.1:80x"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, ErrorCode::kInvalid);
    EXPECT_FALSE(endpoint.error().message.empty());
  }
  EXPECT_FALSE(Endpoint::parse("unix:" + std::string(200, 'x')));
}

TEST(Endpoint, KnowsLoopback) {
  for (const char* text :
       {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:/x", "[::ffff:127.0.0.1]:1"}) {
    EXPECT_TRUE(Endpoint::parse(text)->is_loopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"}) {
    EXPECT_FALSE(Endpoint::parse(text)->is_loopback()) << text;
  }
}

TEST(Endpoint, ComparesByAddressAndPort) {
  EXPECT_EQ(*Endpoint::parse("127.0.0.1:80"), *Endpoint::parse("127.0.0.1:80"));
  EXPECT_FALSE(*Endpoint::parse("127.0.0.1:80") == *Endpoint::parse("127.0.0.1:81"));
  EXPECT_EQ(*Endpoint::parse("unix:/a"), *Endpoint::parse("unix:/a"));
}

}  // namespace
}  // namespace shunt::base
