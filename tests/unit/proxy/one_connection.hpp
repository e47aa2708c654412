// One connection through a worker whose clock and kernel are the test's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "shunt/base/limits.hpp"
#include "shunt/traffic/table.hpp"
#include "src/proxy/worker.hpp"
#include "tests/unit/proxy/hand_kernel.hpp"

namespace shunt::proxy::testing {

// A worker with one client; its node is connected at once unless the test says otherwise.
class Connection {
 public:
  explicit Connection(const traffic::Timeouts& timeouts, int connect_result = 0)
      : publication_(1, root(timeouts)),
        mailbox_(base::kMailboxCapacity),
        counters_(1, 1),
        outbox_(counters_),
        live_(1) {
    setup_.connections_max = 1;
    setup_.listeners = {{HandKernel::kListener, 0}};
    setup_.app_of = {0};
    setup_.wake_fd = HandKernel::kWake;
    setup_.publication = &publication_;
    setup_.mailbox = &mailbox_;
    setup_.outbox = &outbox_;
    setup_.counters = &counters_;
    setup_.live = &live_;
    setup_.open = &open_;
    kernel.connect_result = connect_result;
    worker_ = std::make_unique<Worker<HandKernel>>(kernel, setup_);
    SHUNT_CHECK(worker_->ready());
    worker_->start();
    kernel.client_arrives();
    settle();
  }

  HandKernel kernel;

  // Lets the worker deal with everything that has happened.
  void settle() {
    do {
      ++turns_;
      EXPECT_TRUE(worker_->turn());
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
    EXPECT_TRUE(mailbox_.push(request));
    settle();
  }
  // Why it was closed; nothing while it is open.
  std::optional<CloseCause> cause() {
    ConnectionEnd end;
    if (outbox_.take_ends(&end, 1) == 1) cause_ = end.cause;
    return cause_;
  }

 private:
  static std::unique_ptr<const traffic::RoutingRoot> root(const traffic::Timeouts& timeouts) {
    traffic::Node node;
    node.slot = 0;
    node.name = "node";
    node.addresses = {*base::Endpoint::parse("192.0.2.2:80")};
    traffic::Pool pool;
    pool.name = "pool";
    pool.nodes = {node};
    traffic::App app;
    app.name = "app";
    app.services = {0};
    app.timeouts = timeouts;
    app.pools = {pool};
    traffic::Service service;
    service.name = "default";
    traffic::Model model;
    model.slots = 1;
    model.services = {service};
    model.apps = {app};
    auto table = traffic::build_table(
        model, 0, {.active = 0, .epoch = 1},
        [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
        [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
    return traffic::build_root(1, {std::move(table)}, 1);
  }

  Publication publication_;
  SpscRing<Request> mailbox_;
  WorkerCounters counters_;
  Outbox outbox_;
  traffic::LiveCounts live_;
  OpenConnections open_;
  WorkerSetup setup_;
  std::unique_ptr<Worker<HandKernel>> worker_;
  std::optional<CloseCause> cause_;
  std::uint64_t turns_ = 0;
};

}  // namespace shunt::proxy::testing
