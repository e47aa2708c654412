#include "shunt/control/config.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "shunt/base/units.hpp"

namespace shunt::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string listing(const ConfigOutcome& outcome) {
  std::string text;
  for (const ConfigError& error : outcome.errors) text += error.to_string() + "\n";
  return text;
}

Config parsed(std::string_view text) {
  ConfigOutcome outcome = parse_config(text, "shunt.yaml");
  EXPECT_TRUE(outcome.config) << listing(outcome);
  return outcome.config ? std::move(*outcome.config) : Config{};
}

std::vector<std::string> texts(const std::vector<base::Endpoint>& addresses) {
  std::vector<std::string> result;
  for (const base::Endpoint& address : addresses) result.push_back(address.to_string());
  return result;
}

constexpr std::string_view kSmallest = R"(
apps:
  web:
    initial: blue
    listen: 8080                       # both IP families
    pools: {blue: ["127.0.0.1:8081"], green: ["127.0.0.1:8082"]}
)";

TEST(Config, TheSmallestFileGivesOneServiceOnBothFamiliesAndTwoPools) {
  const Config config = parsed(kSmallest);
  ASSERT_EQ(config.model.apps.size(), 1U);
  const traffic::App& app = config.model.apps[0];
  EXPECT_EQ(app.name, "web");
  EXPECT_EQ(app.initial, 0U);
  ASSERT_THAT(app.services, ElementsAre(0U));
  const traffic::Service& service = config.model.services[0];
  EXPECT_EQ(service.name, "default");
  EXPECT_THAT(texts(service.listen), ElementsAre("0.0.0.0:8080", "[::]:8080"));
  ASSERT_EQ(app.pools.size(), 2U);
  EXPECT_EQ(app.pools[1].name, "green");
  EXPECT_EQ(app.pools[1].nodes[0].name, "127.0.0.1:8082");
  EXPECT_THAT(texts(app.pools[1].nodes[0].addresses), ElementsAre("127.0.0.1:8082"));
  EXPECT_EQ(app.pools[1].nodes[0].defined_at, "shunt.yaml:6");
  EXPECT_EQ(config.model.slots, 2U);
  EXPECT_EQ(config.text, kSmallest);
  EXPECT_EQ(config.path, "shunt.yaml");
}

TEST(Config, WithoutSettingsTheDefaultsOfTheModelHold) {
  const Config config = parsed(kSmallest);
  const traffic::App& app = config.model.apps[0];
  EXPECT_EQ(app.timeouts, traffic::Timeouts{});
  EXPECT_EQ(app.keepalive, traffic::Keepalive{});
  EXPECT_EQ(app.health, traffic::HealthOptions{});
  EXPECT_EQ(app.drain, traffic::DrainOptions{});
  EXPECT_EQ(app.release, traffic::ReleaseOptions{});
  EXPECT_EQ(app.panic_below_percent, 0U);
  EXPECT_THAT(app.sources, IsEmpty());
  EXPECT_EQ(config.model.services[0].sockets, traffic::SocketOptions{});
  EXPECT_EQ(config.admin.socket_mode, 0660U);
  EXPECT_FALSE(config.admin.http);
  EXPECT_TRUE(config.state.sync);
  EXPECT_EQ(config.workers, 0U);
  EXPECT_EQ(config.connections_max, 0U);
  EXPECT_EQ(config.shutdown_grace, 5 * base::kSecond);
}

TEST(Config, EveryKeyOfTheTopLevelIsTaken) {
  const Config config = parsed(R"(
admin: {socket: /tmp/a.sock, socket_mode: 0600, http: "[::1]:9900"}
state: {dir: /tmp/state, sync: off}
workers: 3
busy_poll: 20us
splice: off
limits: {connections: 5000}
log: {level: warn, format: json, access: stdout}
shutdown_delay: 3s
shutdown_grace: 0s
apps: {web: {initial: blue, listen: 127.0.0.1:80, pools: {blue: [10.0.0.1:80]}}}
)");
  EXPECT_EQ(config.admin.socket, "/tmp/a.sock");
  EXPECT_EQ(config.admin.socket_mode, 0600U);
  ASSERT_TRUE(config.admin.http);
  EXPECT_EQ(config.admin.http->to_string(), "[::1]:9900");
  EXPECT_EQ(config.state.dir, "/tmp/state");
  EXPECT_FALSE(config.state.sync);
  EXPECT_EQ(config.workers, 3U);
  EXPECT_EQ(config.busy_poll.mode, proxy::BusyPollMode::kAlways);
  EXPECT_EQ(config.busy_poll.span, 20 * base::kMicrosecond);
  EXPECT_FALSE(config.splice);
  EXPECT_EQ(config.connections_max, 5000U);
  EXPECT_EQ(config.log.level, LogLevel::kWarn);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.log.access, "stdout");
  EXPECT_EQ(config.shutdown_delay, 3 * base::kSecond);
  EXPECT_EQ(config.shutdown_grace, 0U);
}

TEST(Config, EveryKeyOfAnAppIsTaken) {
  const Config config = parsed(R"(
apps:
  shop:
    initial: green
    listen: [127.0.0.1:80, "[::1]:80", 81]
    target_port: 8080
    balance: random_two
    panic_below: 30%
    health: {type: off, interval: 5s, timeout: 3s, rise: 4, fall: 5, passive_fall: 0}
    drain: {deadline: 10m, close_over: 1m}
    release: {min_healthy: 50%, confirm_within: 5m}
    timeouts: {connect: 1s, idle: 1h, half_closed: off, stalled: 1m}
    keepalive: {idle: 10s, interval: 5s, count: 3}
    source: [10.9.9.1, "2001:db8::9"]
    pools:
      blue: [10.0.0.1]
      green: {nodes: [10.0.0.2]}
)");
  const traffic::App& app = config.model.apps[0];
  EXPECT_EQ(app.initial, 1U);
  EXPECT_THAT(texts(config.model.services[0].listen),
              ElementsAre("127.0.0.1:80", "[::1]:80", "0.0.0.0:81", "[::]:81"));
  EXPECT_EQ(app.balance, traffic::Balance::kRandomTwo);
  EXPECT_EQ(app.panic_below_percent, 30U);
  EXPECT_EQ(app.health, (traffic::HealthOptions{traffic::HealthCheck::kOff, 5 * base::kSecond,
                                                3 * base::kSecond, 4, 5, 0}));
  EXPECT_EQ(app.drain.deadline, 600 * base::kSecond);
  EXPECT_EQ(app.drain.close_over, 60 * base::kSecond);
  EXPECT_EQ(app.release.min_healthy_percent, 50U);
  EXPECT_EQ(app.release.confirm_within, 300 * base::kSecond);
  EXPECT_EQ(app.timeouts, (traffic::Timeouts{base::kSecond, 3600 * base::kSecond, base::kOff,
                                             60 * base::kSecond}));
  EXPECT_EQ(app.keepalive, (traffic::Keepalive{10 * base::kSecond, 5 * base::kSecond, 3}));
  EXPECT_THAT(texts(app.sources), ElementsAre("10.9.9.1", "2001:db8::9"));
  EXPECT_THAT(texts(app.pools[0].nodes[0].addresses), ElementsAre("10.0.0.1:8080"));
}

std::vector<std::string> places(const std::vector<PlacedName>& names) {
  std::vector<std::string> texts;
  for (const PlacedName& one : names) {
    texts.push_back(std::to_string(one.line) + ":" + std::to_string(one.column) + " " + one.key +
                    " " + one.name);
  }
  return texts;
}

TEST(Config, EveryServiceSaysForItselfHowItsSocketsAreOpened) {
  const Config config = parsed(R"(apps:
  shop:
    initial: blue
    services:
      a: {listen: 81, defer_accept: 1m, fast_open: on, congestion: bbr}
      b: {listen: 82, congestion: {node: cubic}}
      c: {listen: 83, congestion: {client: fifteen_letters, node: auto}}
      d: {listen: 84, defer_accept: off, fast_open: off, congestion: auto}
    pools: {blue: [10.0.0.1:80]}
  web:
    initial: blue
    listen: 85
    defer_accept: 1s
    fast_open: true
    congestion: reno
    pools: {blue: [10.0.0.1:80]}
)");
  const std::vector<traffic::Service>& services = config.model.services;
  const auto name = [](const char* text) { return traffic::CongestionName(text); };
  EXPECT_EQ(services[0].sockets,
            (traffic::SocketOptions{60 * base::kSecond, true, name("bbr"), name("bbr")}));
  EXPECT_EQ(services[1].sockets,
            (traffic::SocketOptions{base::kOff, false, name(""), name("cubic")}));
  EXPECT_EQ(services[2].sockets,
            (traffic::SocketOptions{base::kOff, false, name("fifteen_letters"), name("")}));
  EXPECT_EQ(services[3].sockets, traffic::SocketOptions{});
  EXPECT_EQ(services[4].sockets,
            (traffic::SocketOptions{base::kSecond, true, name("reno"), name("reno")}));
  EXPECT_THAT(places(config.fast_open),
              ElementsAre("5:52 apps.shop.services.a.fast_open on", "14:16 apps.web.fast_open on"));
  EXPECT_THAT(places(config.congestion),
              ElementsAre("5:68 apps.shop.services.a.congestion bbr",
                          "6:42 apps.shop.services.b.congestion.node cubic",
                          "7:44 apps.shop.services.c.congestion.client fifteen_letters",
                          "15:17 apps.web.congestion reno"));
}

TEST(Config, AnAppChangesOnlyThoseTimeoutsThatItNames) {
  const Config config = parsed(R"(
apps:
  a: {initial: blue, listen: 1001, timeouts: {idle: 5m}, pools: {blue: [10.0.0.1:80]}}
  b: {initial: blue, listen: 1002, keepalive: off, source: auto, pools: {blue: [10.0.0.1:80]}}
timeouts: {connect: 700ms, idle: 1h}
keepalive: {count: 9}
source: 127.0.0.5
)");
  const traffic::App& a = config.model.apps[0];
  const traffic::App& b = config.model.apps[1];
  EXPECT_EQ(a.timeouts.connect, 700 * base::kMillisecond);
  EXPECT_EQ(a.timeouts.idle, 300 * base::kSecond);
  EXPECT_EQ(b.timeouts.idle, 3600 * base::kSecond);
  EXPECT_EQ(a.keepalive.count, 9U);
  EXPECT_EQ(a.keepalive.idle, 60 * base::kSecond);
  EXPECT_EQ(b.keepalive.idle, base::kOff);
  EXPECT_THAT(texts(a.sources), ElementsAre("127.0.0.5"));
  EXPECT_THAT(b.sources, IsEmpty());
}

TEST(Config, APortComesFromPortsThenFromTheAddressThenFromTheService) {
  const Config config = parsed(R"(
apps:
  shop:
    initial: blue
    services:
      http: {listen: 8000, target_port: 30080}
      https: {listen: 8443, target_port: 30443}
    pools:
      blue:
        - 10.0.0.1
        - "[2001:db8::2]:90"
        - {name: both, address: 10.0.0.3:90, ports: {https: 91}}
        - unix:/run/x.sock
)");
  const std::vector<traffic::Node>& nodes = config.model.apps[0].pools[0].nodes;
  EXPECT_THAT(texts(nodes[0].addresses), ElementsAre("10.0.0.1:30080", "10.0.0.1:30443"));
  EXPECT_THAT(texts(nodes[1].addresses), ElementsAre("[2001:db8::2]:90", "[2001:db8::2]:90"));
  EXPECT_THAT(texts(nodes[2].addresses), ElementsAre("10.0.0.3:90", "10.0.0.3:91"));
  EXPECT_THAT(texts(nodes[3].addresses), ElementsAre("unix:/run/x.sock", "unix:/run/x.sock"));
  EXPECT_EQ(nodes[1].name, "[2001:db8::2]:90");
  EXPECT_EQ(nodes[2].name, "both");
  EXPECT_EQ(nodes[3].name, "unix:/run/x.sock");
}

TEST(Config, PoolLabelsGoToEveryNodeAndWeightsToTheirOwn) {
  const Config config = parsed(R"(
apps:
  shop:
    initial: blue
    listen: 8000
    pools:
      blue:
        labels: {color: blue, example.com/team: a}
        nodes: [10.0.0.1:1, {name: n, address: 10.0.0.2:1, labels: {zone: "", gpu: x_1}, weight: 256}]
)");
  const std::vector<traffic::Node>& nodes = config.model.apps[0].pools[0].nodes;
  EXPECT_EQ(nodes[0].labels, (traffic::Labels{{"color", "blue"}, {"example.com/team", "a"}}));
  EXPECT_EQ(nodes[1].labels,
            (traffic::Labels{
                {"color", "blue"}, {"example.com/team", "a"}, {"gpu", "x_1"}, {"zone", ""}}));
  EXPECT_EQ(nodes[1].weight, 256U);
  EXPECT_EQ(nodes[0].weight, 1U);
}

TEST(Config, SlotsAndServicesAreNumberedThroughAllApps) {
  const Config config = parsed(R"(
apps:
  a: {initial: x, listen: 1001, pools: {x: ["10.0.0.1:1", "10.0.0.2:1"]}}
  b: {initial: x, services: {s: {listen: 1002}, t: {listen: 1003}}, pools: {x: ["10.0.0.1:1"]}}
)");
  EXPECT_EQ(config.model.slots, 3U);
  EXPECT_EQ(config.model.apps[1].pools[0].nodes[0].slot, 2U);
  EXPECT_THAT(config.model.apps[1].services, ElementsAre(1U, 2U));
  EXPECT_EQ(config.model.services[2].app, 1U);
  EXPECT_EQ(config.model.services[2].id, 2U);
}

TEST(Config, AnAliasStandsForTheValueThatItNames) {
  const Config config = parsed(R"(
apps:
  a: {initial: x, listen: 1001, health: &checks {interval: 7s}, pools: {x: ["10.0.0.1:1"]}}
  b: {initial: x, listen: 1002, health: *checks, pools: {x: ["10.0.0.1:1"]}}
)");
  EXPECT_EQ(config.model.apps[1].health.interval, 7 * base::kSecond);
}

TEST(Config, TheTimeoutOfAHealthCheckShrinksWithItsInterval) {
  const Config config = parsed(R"(
apps: {a: {initial: x, listen: 1001, health: {interval: 250ms}, pools: {x: ["10.0.0.1:1"]}}}
)");
  EXPECT_EQ(config.model.apps[0].health.timeout, 250 * base::kMillisecond);
}

TEST(Config, AByteOrderMarkWindowsLineEndsAndJsonAreFine) {
  parsed(
      "\xEF\xBB\xBF"
      "apps:\r\n  web: {initial: b, listen: 80, pools: {b: [10.0.0.1:80]}}\r\n");
  parsed(R"({"apps": {"web": {"initial": "b", "listen": 80, "pools": {"b": ["10.0.0.1:80"]}}}})");
}

TEST(Config, AnUnprivilegedUserGetsPathsOfItsOwn) {
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  ::setenv("XDG_STATE_HOME", "/home/u/state", 1);
  ::unsetenv("STATE_DIRECTORY");
  const bool root = ::geteuid() == 0;
  EXPECT_EQ(default_admin_socket(),
            root ? "/run/shunt/admin.sock" : "/run/user/7/shunt/admin.sock");
  EXPECT_EQ(default_state_dir(), root ? "/var/lib/shunt" : "/home/u/state/shunt");
  ::setenv("STATE_DIRECTORY", "/var/lib/private/shunt:/other", 1);
  EXPECT_EQ(default_state_dir(), "/var/lib/private/shunt");
  ::unsetenv("STATE_DIRECTORY");
}

}  // namespace
}  // namespace shunt::control
