#include "shunt/base/network.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>

namespace shunt::base {
namespace {

using ::testing::HasSubstr;

Address client(const std::string& text) {
  std::uint8_t bytes[16] = {};
  const bool v6 = text.find(':') != std::string::npos;
  EXPECT_EQ(::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes), 1) << text;
  return address_from(v6, bytes);
}

bool contains(const std::string& network, const std::string& address) {
  const auto parsed = Network::parse(network);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed && parsed->contains(client(address));
}

TEST(Network, HoldsTheAddressesOfItsPrefix) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(contains("2001:db8::/32", "2001:db9::1"));
  EXPECT_TRUE(contains("2001:db8:8000::/33", "2001:db8:8000::1"));
  EXPECT_FALSE(contains("2001:db8:8000::/33", "2001:db8:7fff::1"));
  EXPECT_TRUE(contains("::1", "::1"));
  EXPECT_TRUE(contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(contains("192.0.2.7", "192.0.2.6"));
}

// A listener for both families sees IPv4 clients so.
TEST(Network, OfIPv4HoldsMappedClients) {
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_EQ(client("::ffff:10.1.2.3"), client("10.1.2.3"));
}

TEST(Network, IsWrittenAsItIsRead) {
  for (const char* text : {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0"}) {
    EXPECT_EQ(Network::parse(text)->to_string(), text);
  }
  EXPECT_EQ(Network::parse("192.0.2.7/32")->to_string(), "192.0.2.7");
}

TEST(Network, SaysWhatIsWrong) {
  for (const char* text :
       {"", "/8", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "::1/129", "10.0.0.0/8x", "10.0.0.0/-1",
        "localhost", "10.0.0.0:80", "10.0.0.0/8/8", "::ffff:10.0.0.0/104"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
  EXPECT_THAT(Network::parse("10.0.0.7/8").error().hint,
              HasSubstr("the network is 10.0.0.0/8, the address alone 10.0.0.7"));
}

}  // namespace
}  // namespace shunt::base
