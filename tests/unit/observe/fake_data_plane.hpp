// A data plane without workers: counters that a test sets and outboxes that it fills.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "shunt/base/check.hpp"
#include "shunt/proxy/data_plane.hpp"

namespace shunt::observe {

class FakeDataPlane final : public proxy::DataPlane {
 public:
  FakeDataPlane(std::uint32_t workers, const traffic::Model& model)
      : live_(model.slots), ends_(workers) {
    for (std::uint32_t i = 0; i < workers; ++i) {
      counters_.push_back(std::make_unique<proxy::WorkerCounters>(
          model.slots, static_cast<std::uint32_t>(model.services.size())));
    }
  }

  void end(std::uint32_t worker, const proxy::ConnectionEnd& end) {
    const std::scoped_lock lock(mutex_);
    ends_[worker].push_back(end);
  }
  proxy::BusyPollHold second_worker = proxy::BusyPollHold::kNone;  // what holds its busy_poll off
  proxy::WorkerCounters& worker(std::uint32_t index) { return *counters_[index]; }

  std::uint32_t workers() const noexcept override {
    return static_cast<std::uint32_t>(counters_.size());
  }
  const proxy::WorkerCounters& counters(std::uint32_t worker) const noexcept override {
    return *counters_[worker];
  }
  const traffic::LiveCounts& live() const noexcept override { return live_; }
  std::size_t take_ends(std::uint32_t worker, proxy::ConnectionEnd* out,
                        std::size_t max) noexcept override {
    const std::scoped_lock lock(mutex_);
    std::deque<proxy::ConnectionEnd>& ends = ends_[worker];
    const std::size_t count = std::min(max, ends.size());
    std::copy_n(ends.begin(), count, out);
    ends.erase(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  std::size_t take_outcomes(std::uint32_t, proxy::ConnectOutcome*, std::size_t) noexcept override {
    return 0;
  }
  // What observe has no use for.
  proxy::Publication& publication() noexcept override { base::check_failed("fake", 0, "unused"); }
  void wake(traffic::Revision) noexcept override {}
  bool send(std::uint32_t, const proxy::Request&) noexcept override { return false; }
  proxy::BusyPollHold busy_poll_hold(std::uint32_t worker) const noexcept override {
    return worker == 1 ? second_worker : proxy::BusyPollHold::kNone;
  }
  bool ended(std::uint32_t) const noexcept override { return true; }
  std::string features() const override { return "fake"; }
  const std::vector<std::vector<base::Endpoint>>& listening() const noexcept override {
    return listening_;
  }

 private:
  std::vector<std::unique_ptr<proxy::WorkerCounters>> counters_;
  traffic::LiveCounts live_;
  std::vector<std::vector<base::Endpoint>> listening_;
  std::mutex mutex_;
  std::vector<std::deque<proxy::ConnectionEnd>> ends_;
};

// App "web" with service "default" and "shop" with "http" and "https"; pools blue and green, nodes
// named POOL1 and POOL2 with slots in this order.
inline traffic::Model example_model() {
  traffic::Model model;
  const auto add_app = [&](const std::string& name, const std::vector<std::string>& services) {
    traffic::App app;
    app.name = name;
    for (const std::string& service : services) {
      const auto id = static_cast<traffic::ServiceId>(model.services.size());
      app.services.push_back(id);
      model.services.push_back({.id = id,
                                .app = static_cast<traffic::AppId>(model.apps.size()),
                                .name = service,
                                .listen = {},
                                .target_port = 0});
    }
    for (const std::string pool_name : {"blue", "green"}) {
      traffic::Pool pool{.name = pool_name, .labels = {}, .nodes = {}};
      for (const std::string number : {"1", "2"}) {
        traffic::Node node;
        node.slot = model.slots++;
        node.name = pool_name + number;
        pool.nodes.push_back(std::move(node));
      }
      app.pools.push_back(std::move(pool));
    }
    model.apps.push_back(std::move(app));
  };
  add_app("web", {"default"});
  add_app("shop", {"http", "https"});
  return model;
}

}  // namespace shunt::observe
