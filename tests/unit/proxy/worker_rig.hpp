// A worker over a kernel of the test, with all that it needs around it: one app "app" with one
// service and pools of one node each.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "shunt/base/limits.hpp"
#include "shunt/traffic/table.hpp"
#include "src/proxy/worker.hpp"

namespace shunt::proxy::testing {

struct RigOptions {
  std::uint32_t connections_max = 1;
  traffic::Timeouts timeouts{};
  traffic::Keepalive keepalive{.idle = base::kOff};
  std::vector<std::string> nodes = {"192.0.2.2:80"};  // the address of each pool's
  Peers* peers = nullptr;                             // it is worker 0 of them
  bool fast_open = false;                             // of the service
  std::size_t spilled_bytes_max = base::kSpilledBytesMax;
  bool splices = false;  // the kernel of a Connection does
};

template <class K>
class WorkerRig {
 public:
  // Pool 0 is active. start() arms the worker.
  explicit WorkerRig(const RigOptions& options)
      : options_(options),
        publication(1, root(1, 0)),
        counters(static_cast<traffic::NodeSlot>(options.nodes.size()), 1),
        outbox(counters),
        live(static_cast<traffic::NodeSlot>(options.nodes.size())) {
    setup_.connections_max = options.connections_max;
    setup_.spilled_bytes_max = options.spilled_bytes_max;
    setup_.listeners = {{K::kListener, 0}};
    setup_.app_of = {0};
    setup_.wake_fd = K::kWake;
    setup_.publication = &publication;
    setup_.mailbox = &mailbox;
    setup_.outbox = &outbox;
    setup_.counters = &counters;
    setup_.live = &live;
    setup_.open = &open_;
    setup_.peers = options.peers;
    if (options.peers != nullptr) options.peers->introduce(0, counters.relays);
  }

  // Before start().
  void watch_before_sleep(base::Duration span) {
    setup_.busy_poll = {.mode = BusyPollMode::kAlways, .span = span};
  }
  void busy_poll_auto() { setup_.busy_poll = {.mode = BusyPollMode::kAuto}; }
  void share_cpu(const std::atomic<bool>& shared) { setup_.cpu_is_shared = &shared; }
  void start() {
    worker_ = std::make_unique<Worker<K>>(kernel, setup_);
    SHUNT_CHECK(worker_->ready());
    worker_->start();
  }
  Worker<K>& operator*() { return *worker_; }
  Worker<K>* operator->() { return worker_.get(); }

  void publish(traffic::Revision revision, traffic::PoolId active) {
    publication.publish(root(revision, active));
  }

 private:
  [[nodiscard]] std::unique_ptr<const traffic::RoutingRoot> root(traffic::Revision revision,
                                                                 traffic::PoolId active) const {
    traffic::App app;
    app.name = "app";
    app.services = {0};
    app.timeouts = options_.timeouts;
    app.keepalive = options_.keepalive;
    traffic::Model model;
    for (const std::string& address : options_.nodes) {
      traffic::Node node;
      node.slot = model.slots++;
      node.name = "node";
      node.addresses = {*base::Endpoint::parse(address)};
      traffic::Pool pool;
      pool.name = "pool" + std::to_string(node.slot);
      pool.nodes = {node};
      app.pools.push_back(pool);
    }
    model.services.resize(1);
    model.services[0].name = "default";
    model.services[0].sockets.fast_open = options_.fast_open;
    model.apps = {app};
    auto table = traffic::build_table(
        model, 0, {.active = active, .epoch = revision},
        [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
        [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
    return traffic::build_root(revision, {std::move(table)}, 1);
  }

  const RigOptions options_;

 public:
  K kernel;
  Publication publication;
  SpscRing<Request> mailbox{base::kMailboxCapacity};
  WorkerCounters counters;
  Outbox outbox;
  traffic::LiveCounts live;

 private:
  OpenConnections open_;
  WorkerSetup setup_;
  std::unique_ptr<Worker<K>> worker_;
};

}  // namespace shunt::proxy::testing
