// Network: the simulated world outside of shunt. It holds the clock, the nodes with their moods,
// the clients that arrive, and every link; one step() lets one small thing happen somewhere.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/traffic/ids.hpp"
#include "tests/sim/link.hpp"
#include "tests/sim/random.hpp"
#include "tests/sim/violations.hpp"

namespace shunt::sim {

enum class NodeMood : std::uint8_t { kHealthy, kSlow, kRefusing, kBlackHole };

struct SimNode {
  base::Endpoint address;
  traffic::NodeSlot slot = traffic::kNoSlot;
  traffic::PoolId pool = traffic::kNoPool;
  NodeMood mood = NodeMood::kHealthy;
};

// Bounds of what peers do, drawn once a simulation so that seeds differ in character.
struct Temper {
  std::uint64_t bytes_max = 4096;  // of one direction
  std::uint64_t socket_buffer = 2048;
  base::Duration delay_max = 10 * base::kMillisecond;   // of a connect
  base::Duration pause_max = 100 * base::kMillisecond;  // of a writer
  base::Duration stall_max = 10 * base::kSecond;        // of a reader
  std::uint32_t stall_one_in = 6;                       // readers
  std::uint32_t mood_change_one_in = 2000;              // steps
  bool scarce = false;  // so little memory for readers that stop that some are given up
};

class Network {
 public:
  Network(Random& random, Violations& violations, const Temper& temper)
      : random_(random), violations_(violations), temper_(temper) {}

  [[nodiscard]] base::Instant now() const noexcept { return now_; }
  void advance_to(base::Instant at) noexcept {
    if (at > now_) now_ = at;
  }
  [[nodiscard]] const Temper& temper() const noexcept { return temper_; }

  void add_node(const SimNode& node) { nodes_.push_back(node); }
  // A client connects to `service` at `at`.
  void add_client(traffic::ServiceId service, base::Instant at) {
    arrivals_.push_back({service, at});
  }

  // ---- For the kernel.

  // The next client in the service's accept queue, or null.
  [[nodiscard]] bool can_accept(traffic::ServiceId service) const;
  Link* accept(traffic::ServiceId service);
  // One more listener for the service. They share a queue, as those of a socket that was handed
  // over do.
  void open_service(traffic::ServiceId service) { listeners_.push_back(service); }
  // One is closed. With the last one those who wait are reset, and those who come are refused.
  void close_service(traffic::ServiceId service);
  // connect(2): 0 or -EINPROGRESS with a new link, or another -errno without.
  struct Connect {
    int result = 0;
    Link* link = nullptr;
  };
  Connect connect(const base::Endpoint& to);
  [[nodiscard]] const Link* find(LinkId id) const {
    return id < links_.size() ? &links_[id] : nullptr;
  }

  // ---- Time.

  bool step();
  // When something may happen that cannot happen now, or kNever.
  [[nodiscard]] base::Instant next_time() const;
  // The end is near: everybody comes at once, is well, does not pause, and ends.
  void hurry();

  // ---- The clean cut (contract, point 1): pools that connects may be under way to and succeed
  // for.

  void allow_only(const std::vector<traffic::PoolId>& pools);

  [[nodiscard]] const std::deque<Link>& links() const noexcept { return links_; }

 private:
  struct Arrival {
    traffic::ServiceId service = 0;
    base::Instant at = 0;
  };

  [[nodiscard]] bool is_open(traffic::ServiceId service) const;
  bool arrive();
  bool establish(Link& link);
  void change_a_mood();
  [[nodiscard]] PeerScript make_script(Link::Kind kind);
  Link& add_link(Link::Kind kind);
  [[nodiscard]] bool is_allowed(traffic::PoolId pool) const;

  Random& random_;
  Violations& violations_;
  const Temper temper_;
  base::Instant now_ = 1000 * base::kSecond;
  std::vector<SimNode> nodes_;
  std::deque<Link> links_;  // by LinkId; never removed, never moved
  std::vector<Arrival> arrivals_;
  std::vector<Link*> accept_queue_;
  std::vector<traffic::ServiceId> listeners_;
  std::vector<traffic::PoolId> allowed_;  // empty: all
  bool hurried_ = false;
};

}  // namespace shunt::sim
