// A snapshot of everything that status shows, taken on the control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/control/command.hpp"
#include "shunt/traffic/health.hpp"
#include "shunt/traffic/release.hpp"

namespace shunt::control {

// Connections that a pool which is not active, or a drained node, still holds.
struct DrainStatus {
  std::uint64_t remaining = 0;
  base::Duration oldest = 0;  // age of the oldest connection; 0: none, or not surveyed
  std::optional<base::Duration> deadline_in;  // until closing begins; empty: no deadline
  bool closing = false;                       // paced closing runs
  std::optional<base::Duration> over;     // what closing is spread over; empty: none runs or will
  std::optional<base::Duration> ends_in;  // until closing is through; empty: it has not begun
};

// What `shunt close --over` still has to end: of a pool, a node or one connection.
struct ClosingStatus {
  std::string pool;
  std::string node;
  std::uint64_t connection = 0;
  std::uint64_t remaining = 0;  // connections, as of a survey that is a second old at most
  base::Duration over = 0;      // what it is spread over, in all
  base::Duration ends_in = 0;   // 0: through, but for workers that have not answered
};

struct NodeStatus {
  std::string name;
  traffic::Labels labels;
  std::uint32_t weight = 1;
  traffic::AdminState admin = traffic::AdminState::kReady;
  traffic::Health health = traffic::Health::kUnproven;  // the worst over the services
  std::string last_failure;                             // "http: connection refused"; empty when up
  base::Duration since = 0;                             // how long in this health
  std::uint64_t established = 0;
  std::uint64_t connecting = 0;
  std::uint64_t connections = 0;          // total
  std::uint64_t connect_errors = 0;       // total
  std::vector<base::Endpoint> addresses;  // by service of the app
  std::optional<DrainStatus> drain;       // where its admin state is not ready
};

struct PoolStatus {
  std::string name;
  traffic::PoolState state = traffic::PoolState::kStandby;
  traffic::Generation generation = 0;  // 0: nothing was in it yet
  std::string version;                 // of the generation, as `prepare` was told; may be empty
  bool rollback_target = false;
  std::uint32_t nodes = 0;
  std::uint32_t ready = 0;    // admin state ready
  std::uint32_t healthy = 0;  // ready and proven
  std::uint32_t usable = 0;   // ready and usable
  std::uint64_t established = 0;
  std::uint64_t connecting = 0;
  DrainStatus drain;  // for pools that are not active
  std::vector<NodeStatus> node_list;
};

struct ServiceStatus {
  std::string name;
  std::vector<base::Endpoint> listen;
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;
  std::uint64_t refused = 0;
  bool panic = false;
};

// The pool that takes a share of new connections.
struct SplitStatus {
  std::string pool;
  std::uint32_t share = 0;  // in millionths
  bool sticky = false;
  std::vector<std::string> sources;
  std::vector<std::string> returned;  // services whose share the live pool has: no node is usable
};

struct AppStatus {
  std::string name;
  std::string active;
  traffic::Epoch epoch = 0;
  bool adopted = true;  // every worker follows what is published now
  traffic::DecisionKind last = traffic::DecisionKind::kInitial;
  std::optional<Receipt> last_receipt;
  bool recovered_unacknowledged = false;
  std::optional<base::Duration> trial_ends_in;  // where the live pool is in trial; 0: it is over
  std::string trial_stays_because;              // over, and not gone back; empty: not judged yet
  std::optional<SplitStatus> split;
  std::string rollback_to;       // empty: not possible
  std::string rollback_why_not;  // when empty above
  traffic::Balance balance = traffic::Balance::kRoundRobin;
  std::vector<ServiceStatus> services;
  std::vector<PoolStatus> pools;
  std::vector<ClosingStatus> closings;
  std::vector<std::string> drift;  // file against state, one sentence each
};

struct ProcessStatus {
  std::string version;
  std::int64_t started_wall_ms = 0;
  std::int64_t pid = 0;
  std::string config_path;
  std::string phase;         // "starting", "ready", "degraded", "stopping"
  std::string phase_reason;  // why it is degraded, without that word; else empty
  std::uint32_t workers = 0;
  std::uint32_t capacity = 0;  // connections
  std::string features;        // io_uring features in use
  std::string busy_poll;       // as configured: "auto", "off", or a duration
  std::string busy_poll_held;  // why workers do not watch in auto; empty where all may
  traffic::Revision revision = 0;
  std::uint32_t retained_roots = 0;  // replaced roots that a worker may still read
  bool durable = true;               // the decisions in force are on disk
  std::uint64_t connections = 0;     // now
};

struct StatusSnapshot {
  ProcessStatus process;
  std::vector<AppStatus> apps;
};

}  // namespace shunt::control
