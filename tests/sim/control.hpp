// Control: the rest of the process as workers see it. It owns what a worker is set up with,
// publishes roots at any moment, judges adoption, reclaims, and sends requests.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "shunt/base/limits.hpp"
#include "shunt/proxy/counters.hpp"
#include "shunt/proxy/mailbox.hpp"
#include "shunt/proxy/publication.hpp"
#include "shunt/proxy/records.hpp"
#include "shunt/traffic/live_counts.hpp"
#include "shunt/traffic/model.hpp"
#include "src/proxy/shard.hpp"
#include "tests/sim/network.hpp"

namespace shunt::sim {

class Control {
 public:
  Control(Network& network, Random& random, Violations& violations);

  [[nodiscard]] std::uint32_t workers() const noexcept { return workers_; }
  // What a worker shares with it. Listeners and the wake-up are the kernel's to add.
  [[nodiscard]] proxy::WorkerSetup make_setup(std::uint32_t worker = 0);
  // How to write a worker's eventfd.
  std::function<void(std::uint32_t worker)> wake;

  // Called at every step of everything: does something now and then.
  void act();
  // No more surprises from here on; marks for closing are taken back.
  void calm_down();
  void stop_workers();
  // Only that: what is established goes on.
  void stop_accepting();

  [[nodiscard]] const traffic::Model& model() const noexcept { return model_; }
  [[nodiscard]] const std::vector<proxy::ConnectionEnd>& ends() const noexcept { return ends_; }
  [[nodiscard]] const proxy::WorkerCounters& counters(std::uint32_t worker) const noexcept {
    return *shared_[worker].counters;
  }
  [[nodiscard]] bool closes_by_request() const noexcept { return close_was_asked_; }
  [[nodiscard]] bool has_sources() const noexcept { return !model_.apps[0].sources.empty(); }
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  // Every worker said that it accepts no more.
  [[nodiscard]] bool accepting_stopped() const noexcept;
  // Connections that ended in order although no more were accepted.
  [[nodiscard]] std::uint64_t ended_after_accepting() const noexcept {
    return ended_after_accepting_;
  }
  // What must hold whenever all workers sleep: a request comes with a wake-up, so none waits.
  void expect_answered();
  // What must hold once no connection is left.
  void expect_rest() const;
  // The records that the workers left since the last call. Once all have said that they accept no
  // more, none may take on a connection.
  void take_records();

 private:
  static traffic::Model make_model(Random& random);
  [[nodiscard]] std::uint64_t accepted() const;
  void expect_no_late_ones();
  void draw_split();
  void publish();
  [[nodiscard]] std::unique_ptr<const traffic::RoutingRoot> make_root();
  void judge();
  void ask(std::uint32_t worker);

  Network& network_;
  Random& random_;
  Violations& violations_;
  const traffic::Model model_;
  const std::uint32_t workers_;
  const std::uint32_t act_one_in_;
  const std::uint32_t connections_max_;
  const std::size_t spilled_bytes_max_;
  traffic::PoolId active_ = 0;
  bool has_splits_ = false;  // a share hides what goes to a pool that was left: not in every run
  std::optional<traffic::SplitTerms> split_;
  traffic::Revision revision_ = 1;
  // The active pools of the roots from the last adopted one on: connects may go there.
  std::vector<traffic::PoolId> possible_;
  bool was_judged_ = false;

  proxy::Publication publication_;
  // With one worker each.
  struct Shared {
    std::unique_ptr<proxy::SpscRing<proxy::Request>> mailbox;
    std::unique_ptr<proxy::WorkerCounters> counters;
    std::unique_ptr<proxy::Outbox> outbox;
  };
  std::vector<Shared> shared_;
  traffic::LiveCounts live_;
  proxy::OpenConnections open_;
  proxy::Peers peers_;

  // Requests live until the end, for the worker keeps pointers.
  std::deque<proxy::Ping> pings_;
  std::deque<proxy::Survey> surveys_;
  std::deque<proxy::CloseRelays> closes_;
  std::deque<proxy::CancelClose> cancels_;
  std::deque<proxy::StopAccepting> stops_;
  std::vector<const std::atomic<bool>*> unanswered_;  // their marks of completion
  std::vector<proxy::ConnectionEnd> ends_;
  std::uint64_t ended_after_accepting_ = 0;
  std::uint64_t accepted_when_stopped_ = UINT64_MAX;
  bool close_was_asked_ = false;
  bool calm_ = false;
  bool stopping_ = false;
};

}  // namespace shunt::sim
