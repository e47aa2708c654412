// What the kernel's TCP has to say to the socket options of services.
#include "src/app/kernel_tcp.hpp"

#include <gmock/gmock.h>

#include <cerrno>

namespace shunt::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

control::Config parsed(const std::string& text) {
  control::ConfigOutcome outcome = control::parse_config(text, "f");
  for (const control::ConfigError& error : outcome.errors) ADD_FAILURE() << error.to_string();
  return outcome.config ? std::move(*outcome.config) : control::Config{};
}

std::vector<std::string> texts(const std::vector<control::ConfigError>& errors) {
  std::vector<std::string> said;
  for (const control::ConfigError& error : errors) said.push_back(error.to_string());
  return said;
}

constexpr const char* kServices = R"(apps:
  web:
    initial: blue
    services:
      a: {listen: 81, congestion: {client: fast, node: reno}}
      b: {listen: 82, congestion: slow, fast_open: on}
    pools: {blue: ["10.0.0.9:80"]}
)";

TEST(CongestionControl, ThatCannotBeUsedIsNamedByPlaceValueAndWayOut) {
  const auto said = texts(refused_congestion(parsed(kServices), [](const std::string& name) {
    return name == "fast" ? ENOENT : name == "slow" ? EPERM : 0;
  }));
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0],
            "f:5:44: apps.web.services.a.congestion.client: this kernel does not have the "
            "congestion control 'fast' (it has " +
                available_congestion() + "; load a module for another one: modprobe tcp_fast)");
  EXPECT_EQ(said[1],
            "f:6:35: apps.web.services.b.congestion: this process may not use the "
            "congestion control 'slow' (it may use " +
                allowed_congestion() +
                "; add the name to net.ipv4.tcp_allowed_congestion_control, or give the "
                "process CAP_NET_ADMIN)");
}

TEST(CongestionControl, ThatFailsForAnotherReasonSaysSo) {
  EXPECT_THAT(
      texts(refused_congestion(parsed(kServices),
                               [](const std::string& name) { return name == "slow" ? EBUSY : 0; })),
      ElementsAre(AllOf(HasSubstr("'slow' cannot be used: Device or resource busy"),
                        HasSubstr("write auto"))));
}

TEST(CongestionControl, IsAskedOfTheKernel) {
  EXPECT_EQ(try_congestion("reno"), 0);
  EXPECT_EQ(look_up_congestion("reno"), 0);
  EXPECT_EQ(try_congestion("no_such_thing"), ENOENT);
  EXPECT_EQ(look_up_congestion("no_such_thing"), ENOENT);
  EXPECT_THAT(available_congestion(), HasSubstr("reno"));
}

TEST(FastOpen, ThatTheKernelDoesNotDoIsToldWithTheSetting) {
  EXPECT_THAT(texts(idle_fast_open(parsed(kServices), 1U)),
              ElementsAre("f:6:52: apps.web.services.b.fast_open: net.ipv4.tcp_fastopen is 1, "
                          "without the 2 of servers: connections open as without fast_open "
                          "(sysctl -w net.ipv4.tcp_fastopen=3)"));
}

TEST(FastOpen, ThatTheKernelDoesOrOfWhichNothingIsKnownIsFine) {
  for (const std::optional<unsigned> value :
       {std::optional(2U), std::optional(0x603U), std::optional<unsigned>()}) {
    EXPECT_THAT(idle_fast_open(parsed(kServices), value), IsEmpty());
  }
  EXPECT_TRUE(tcp_fastopen()) << "of this machine";
}

}  // namespace
}  // namespace shunt::app
