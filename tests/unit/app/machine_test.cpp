// What the machine has to say to a configuration: addresses that it lacks.
#include "src/app/machine.hpp"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <string_view>

namespace shunt::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

control::Config parsed(const std::string& text) {
  control::ConfigOutcome outcome = control::parse_config(text, "f");
  for (const control::ConfigError& error : outcome.errors) ADD_FAILURE() << error.to_string();
  return outcome.config ? std::move(*outcome.config) : control::Config{};
}

constexpr const char* kTwoKeys = R"(source: 10.0.0.1
apps:
  web:
    initial: blue
    listen: 8080
    source: [10.0.0.2, "fd00::3"]
    pools: {blue: ["10.0.0.9:80"]}
)";

TEST(Sources, ThatTheMachineLacksAreNamedByKeyPlaceAndWayOut) {
  const control::Config config = parsed(kTwoKeys);
  std::vector<std::string> said;
  for (const auto& missing : missing_sources(
           config, [](const base::Endpoint& address) { return address.host() == "10.0.0.2"; })) {
    said.push_back(missing.to_string());
  }
  EXPECT_THAT(
      said, ElementsAre(
                "f:1:9: source: 10.0.0.1 is not an address of this machine: connects to nodes from "
                "it fail (give it to an interface (ip address add), or write source: auto)",
                "f:6:24: apps.web.source[1]: fd00::3 is not an address of this machine: connects "
                "to nodes from it fail (give it to an interface (ip address add), or write source: "
                "auto)"));
}

TEST(Sources, ThatTheMachineHasAreFine) {
  EXPECT_THAT(missing_sources(parsed(kTwoKeys), [](const base::Endpoint&) { return true; }),
              IsEmpty());
}

TEST(Sources, AreAskedOfTheKernel) {
  EXPECT_TRUE(can_bind(*base::Endpoint::parse("127.0.0.1")));
  // TEST-NET-1 (RFC 5737) is nobody's.
  EXPECT_FALSE(can_bind(*base::Endpoint::parse("192.0.2.1")));
}

TEST(Listeners, ThatTheMachineLacksAreNamedAndWildcardsAreNot) {
  const control::Config config = parsed(R"(admin: {http: 127.0.0.1:9900}
apps:
  web:
    initial: blue
    services:
      a: {listen: 8080, target_port: 80}
      b: {listen: ["192.0.2.1:8081", "127.0.0.1:8081", "[2001:db8::1]:8081"], target_port: 81}
    pools: {blue: ["10.0.0.9"]}
)");
  std::vector<std::string> said;
  for (const auto& missing : missing_listeners(config, can_bind))
    said.push_back(missing.to_string());
  ASSERT_GE(said.size(), 1U);
  EXPECT_EQ(
      said[0],
      "f:7:20: apps.web.services.b.listen: 192.0.2.1 is not an address of this machine: a "
      "start here would fail (right for another machine; for this one give it to an interface "
      "(ip address add))");
  EXPECT_LE(said.size(), 2U) << "nothing of [2001:db8::1] where there is no IPv6";
  std::vector<std::uint16_t> ports;
  EXPECT_THAT(missing_listeners(config,
                                [&](const base::Endpoint& address) {
                                  ports.push_back(address.port());
                                  return true;
                                }),
              IsEmpty());
  EXPECT_THAT(ports, ElementsAre(0, 0, 0, 0)) << "whoever listens there already is no lack";
}

TEST(LocalPorts, AreCountedFromTheKernelsText) {
  EXPECT_EQ(ports_in("32768\t60999\n"), 28232U);
  EXPECT_EQ(ports_in("1024 1024"), 1U);
  for (const char* text : {"", "x", "60999 32768", "0 10", "1 70000", "32768"}) {
    EXPECT_EQ(ports_in(text), 0U) << text;
  }
  EXPECT_GT(ports_in(local_port_range()), 0U) << "of this machine";
}

std::string words_on(const std::string& app_lines, std::uint32_t capacity) {
  return words_on_ports(parsed("apps:\n  web:\n    initial: blue\n" + app_lines).model,
                        "32768\t60999", capacity);
}

TEST(LocalPorts, AreToldWhereTheyAreTheSmallerBound) {
  const std::string two_pools =
      "    listen: 8080\n    pools: {blue: [\"10.0.0.1:80\", \"10.0.0.2:80\"], green: "
      "[\"10.0.0.3:80\"]}\n";
  EXPECT_EQ(
      words_on(two_pools, 28'233),
      "; local ports allow 28232 connections at a time to pool green of app web (28232 ports of "
      "net.ipv4.ip_local_port_range, 1 pair of source and node address): more source "
      "addresses allow more");
  EXPECT_EQ(words_on(two_pools, 28'232), "");
  EXPECT_EQ(words_on_ports(parsed(kTwoKeys).model, "", 1'000'000), "") << "not known";
}

TEST(LocalPorts, CountEachSourceAddressOfTheNodesFamilyAndEachServicesAddress) {
  const std::string services =
      "    services: {a: {listen: 8080, target_port: 80}, b: {listen: 8081, target_port: 81}}\n"
      "    pools: {blue: [10.0.0.1, \"fd00::9\"]}\n";
  EXPECT_THAT(words_on("    source: [10.0.0.7, 10.0.0.8]\n" + services, 1'000'000),
              ::testing::HasSubstr("169392 connections"));  // 28232 x (2 x 2 + 2 x 1)
}

TEST(LocalPorts, DoNotBoundAPoolWithAUnixSocket) {
  EXPECT_EQ(words_on("    listen: 8080\n    pools: {blue: [{name: n, address: \"unix:/n\"}]}\n",
                     1'000'000),
            "");
}

std::string quota_with(const std::map<std::string, std::string>& files, std::string_view cgroup) {
  return cpu_quota(cgroup, [&files](const std::string& path) {
    const auto found = files.find(path);
    return found == files.end() ? std::string() : found->second;
  });
}

TEST(CpuQuota, IsTheNearestOfTheGroupAndThoseAboveIt) {
  const std::string group = "/sys/fs/cgroup/pods/one/cpu.max";
  const std::string above = "/sys/fs/cgroup/pods/cpu.max";
  EXPECT_EQ(quota_with({{group, "50000 100000\n"}, {above, "1 2\n"}}, "0::/pods/one\n"), group);
  EXPECT_EQ(quota_with({{group, "max 100000\n"}, {above, "200000 100000\n"}}, "0::/pods/one\n"),
            above);
}

TEST(CpuQuota, OfAContainerIsThatOfTheRootItSees) {
  const std::string root = "/sys/fs/cgroup/cpu.max";
  EXPECT_EQ(quota_with({{root, "50000 100000\n"}}, "0::/\n"), root);
  EXPECT_EQ(quota_with({{root, "50000 100000\n"}}, "0::/inner/one\n"), root);
  EXPECT_EQ(quota_with({{root, "50000 100000\n"}}, "4:cpu:/\n"), "");
}

TEST(CpuQuota, IsNoneWhereNothingLimits) {
  const std::string group = "/sys/fs/cgroup/pods/cpu.max";
  EXPECT_EQ(quota_with({{group, "max 100000\n"}}, "0::/pods\n"), "");
  EXPECT_EQ(quota_with({}, "0::/\n"), "");
  EXPECT_EQ(quota_with({{group, "1 2\n"}}, "4:cpu:/pods\n"), "");
  EXPECT_EQ(quota_with({{group, "1 2\n"}}, ""), "");
}

TEST(CpuQuota, IsFoundBesideHierarchiesOfVersionOne) {
  const std::string group = "/sys/fs/cgroup/pods/cpu.max";
  EXPECT_EQ(quota_with({{group, "1 2\n"}}, "4:memory:/a\n0::/pods\n1:name=systemd:/b\n"), group);
}

TEST(BusyPoll, IsHeldOffForGoodByAQuotaAndByMoreWorkersThanCpus) {
  using proxy::BusyPollHold;
  const proxy::BusyPollSetting automatic;
  const std::string quota = "/sys/fs/cgroup/cpu.max";
  EXPECT_EQ(judge_busy_poll(automatic, 2, 2, "").hold, BusyPollHold::kNone);
  EXPECT_EQ(judge_busy_poll(automatic, 2, 2, "").words, "");
  EXPECT_EQ(judge_busy_poll(automatic, 2, 2, quota).hold, BusyPollHold::kCpuQuota);
  EXPECT_EQ(judge_busy_poll(automatic, 2, 1, quota).words,
            "; busy_poll is off: CPU time is limited by " + quota);
  EXPECT_EQ(judge_busy_poll(automatic, 2, 1, "").hold, BusyPollHold::kManyWorkers);
  EXPECT_EQ(judge_busy_poll(automatic, 2, 1, "").words, "; busy_poll is off: 2 workers on 1 CPU");
}

TEST(BusyPoll, ThatIsNotAutomaticIsHeldOffByNothing) {
  const proxy::BusyPollSetting always{.mode = proxy::BusyPollMode::kAlways, .span = 1000};
  EXPECT_EQ(judge_busy_poll(always, 2, 1, "/quota").hold, proxy::BusyPollHold::kNone);
  EXPECT_EQ(judge_busy_poll(always, 2, 1, "/quota").words, "");
}

TEST(Kernel, BelowTheFloorIsToldWithWhatThatCosts) {
  EXPECT_EQ(words_on_kernel("defer_taskrun single_issuer registered_ring multishot_accept"), "");
  EXPECT_EQ(
      words_on_kernel("single_issuer coop_taskrun registered_ring"),
      "; io_uring without defer_taskrun (Linux 6.1: completions are made while a worker is at "
      "something else)");
  EXPECT_EQ(
      words_on_kernel(""),
      "; io_uring without defer_taskrun (Linux 6.1: completions are made while a worker is at "
      "something else), without single_issuer (Linux 6.0: the kernel guards each submission "
      "against other threads), without coop_taskrun (Linux 5.19: each completion interrupts "
      "its worker)");
}

}  // namespace
}  // namespace shunt::app
