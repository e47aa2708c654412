// One connection through a worker whose clock and kernel are the test's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <optional>

#include "tests/unit/proxy/hand_kernel.hpp"
#include "tests/unit/proxy/worker_rig.hpp"

namespace shunt::proxy::testing {

// A worker with one client; its node is connected at once unless the test says otherwise.
class Connection {
 public:
  explicit Connection(const traffic::Timeouts& timeouts, int connect_result = 0,
                      const traffic::Keepalive& keepalive = RigOptions{}.keepalive)
      : Connection(RigOptions{.timeouts = timeouts, .keepalive = keepalive}, connect_result) {}
  // A template, or {} could be either.
  template <std::same_as<RigOptions> Given>
  explicit Connection(const Given& options, int connect_result = 0) : rig_(options) {
    kernel.connect_result = connect_result;
    kernel.spliced = options.splices;
    rig_.start();
    kernel.client_arrives();
    settle();
  }

 private:
  WorkerRig<HandKernel> rig_;

 public:
  HandKernel& kernel = rig_.kernel;

  // Lets the worker deal with everything that has happened.
  void settle() {
    do {
      ++turns_;
      EXPECT_TRUE(rig_->turn());
    } while (kernel.has_completions());
  }
  // Time passes, and the worker wakes up whenever it wanted to.
  void pass(base::Duration time) {
    settle();
    const base::Instant end = kernel.clock + time;
    while (kernel.clock < end) {
      kernel.clock += std::min(kernel.waited, end - kernel.clock);
      settle();
    }
  }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  void ask(const Request& request) {
    EXPECT_TRUE(rig_.mailbox.push(request));
    settle();
  }
  // Why it was closed; nothing while it is open.
  std::optional<CloseCause> cause() {
    ConnectionEnd end;
    if (rig_.outbox.take_ends(&end, 1) == 1) {
      cause_ = end.cause;
      bytes_up_ = end.bytes_up;
    }
    return cause_;
  }
  // Delivered to the node, once cause() has told why it was closed.
  [[nodiscard]] std::uint64_t bytes_up() const { return bytes_up_; }

 private:
  std::uint64_t bytes_up_ = 0;
  std::optional<CloseCause> cause_;
  std::uint64_t turns_ = 0;
};

}  // namespace shunt::proxy::testing
