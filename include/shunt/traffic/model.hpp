// What the configuration file defines: apps, services, pools and nodes. Plain data, immutable once
// the daemon runs; decisions (active pool, admin states) and health live elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/traffic/congestion_name.hpp"
#include "shunt/traffic/ids.hpp"

namespace shunt::traffic {

using Labels = std::map<std::string, std::string>;

enum class Balance : std::uint8_t { kRoundRobin, kLeastConnections, kRandomTwo };
[[nodiscard]] std::string_view to_string(Balance balance) noexcept;  // as in the file

enum class AdminState : std::uint8_t { kReady, kDrain, kMaint };
[[nodiscard]] std::string_view to_string(AdminState state) noexcept;  // "ready", "drain", "maint"

enum class HealthCheck : std::uint8_t { kOff, kTcp };

struct HealthOptions {
  HealthCheck type = HealthCheck::kTcp;
  base::Duration interval = 2 * base::kSecond;
  base::Duration timeout = 1 * base::kSecond;
  std::uint32_t rise = 2;          // checks in a row that must pass before a node is up
  std::uint32_t fall = 3;          // checks in a row that must fail before it is down
  std::uint32_t passive_fall = 3;  // connects in a row that must fail before it is down; 0: off

  friend bool operator==(const HealthOptions&, const HealthOptions&) = default;
};

// All base::kOff where there is no limit.
struct Timeouts {
  base::Duration connect = 2 * base::kSecond;       // one attempt on one node; never off
  base::Duration idle = base::kOff;                 // no byte in either direction
  base::Duration half_closed = 60 * base::kSecond;  // one side ended, no byte in the other
  base::Duration stalled = 300 * base::kSecond;     // bytes pending, their reader takes none

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

struct Keepalive {
  // TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT on both sides; idle == kOff turns keepalive off.
  base::Duration idle = 60 * base::kSecond;
  base::Duration interval = 15 * base::kSecond;
  std::uint32_t count = 4;

  friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

struct DrainOptions {
  base::Duration deadline = base::kOff;            // from the switch on; off: never
  base::Duration close_over = 30 * base::kSecond;  // closing at the deadline is spread over this

  friend bool operator==(const DrainOptions&, const DrainOptions&) = default;
};

struct ReleaseOptions {
  std::uint32_t min_healthy_percent = 90;  // of a pool's ready nodes, rounded up, before a switch
  base::Duration confirm_within = base::kOff;  // of a switch that says nothing else; off: no trial

  friend bool operator==(const ReleaseOptions&, const ReleaseOptions&) = default;
};

struct Node {
  NodeSlot slot = kNoSlot;
  std::string name;          // unique in its app
  Labels labels;             // with the pool's
  std::uint32_t weight = 1;  // 1 to 256
  // One per service of the app, in the order of App::services; ports filled in.
  std::vector<base::Endpoint> addresses;
  std::string defined_at;  // "file:line" of the configuration
};

struct Pool {
  std::string name;
  Labels labels;
  std::vector<Node> nodes;
};

// How the sockets of one service are opened (tcp(7)).
struct SocketOptions {
  // TCP_DEFER_ACCEPT: a client is accepted once its first bytes are there, or this long after it
  // connected; whole seconds, off: at once.
  base::Duration defer_accept = base::kOff;
  bool fast_open = false;  // TCP_FASTOPEN on the listeners; never towards nodes (adr/0002)
  CongestionName client_congestion{};  // TCP_CONGESTION
  CongestionName node_congestion{};

  friend bool operator==(const SocketOptions&, const SocketOptions&) = default;
};

struct Service {
  ServiceId id = 0;
  AppId app = 0;
  std::string name;  // "default" for the short form with `listen` on the app
  std::vector<base::Endpoint> listen;
  std::uint16_t target_port = 0;  // 0: every node names its own port
  SocketOptions sockets{};
};

struct App {
  std::string name;
  PoolId initial = 0;
  std::vector<ServiceId> services;
  std::vector<Pool> pools;
  Balance balance = Balance::kRoundRobin;
  std::uint32_t panic_below_percent = 0;
  HealthOptions health;
  DrainOptions drain;
  ReleaseOptions release;
  Timeouts timeouts;
  Keepalive keepalive;
  // Local addresses to connect from, used in turn; empty: the kernel chooses. Ports are 0.
  std::vector<base::Endpoint> sources;
};

struct Model {
  std::vector<App> apps;
  std::vector<Service> services;  // by ServiceId
  std::uint32_t slots = 0;        // node slots given out: 0 to slots - 1

  // Linear look-ups for control and logs; null where there is none.
  [[nodiscard]] const App* find_app(std::string_view name) const noexcept;
  [[nodiscard]] const Node* find_node(NodeSlot slot) const noexcept;
};

}  // namespace shunt::traffic
