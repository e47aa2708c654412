// A Controller that answers what a test put in.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "shunt/control/controller.hpp"
#include "tests/unit/observe/fake_data_plane.hpp"

namespace shunt::observe {

class FakeController final : public control::Controller {
 public:
  explicit FakeController(traffic::Model model) : workers(2, model) {
    config_.model = std::move(model);
    for (const traffic::App& app : config_.model.apps) {
      snapshot.apps.push_back(status_of(app));
    }
    snapshot.process.version = "1.2.3";
  }

  void apply(control::Command, std::function<void(control::Outcome)> done) override {
    done(outcome);
  }
  control::StatusSnapshot status() const override { return snapshot; }
  void connections(const control::ConnectionsQuery&,
                   std::function<void(base::Result<control::ConnectionsAnswer>)> done) override {
    done(control::ConnectionsAnswer{.matched = 5, .rows = {}});
  }
  std::string not_ready_because() const override { return not_ready; }
  std::string degraded_because() const override { return {}; }
  bool alive() const override { return true; }
  const control::Config& config() const override { return config_; }
  const proxy::DataPlane& data_plane() const override { return workers; }

  FakeDataPlane workers;
  control::StatusSnapshot snapshot;
  control::Outcome outcome;
  std::string not_ready;

 private:
  control::AppStatus status_of(const traffic::App& app) const {
    control::AppStatus made;
    made.name = app.name;
    made.active = app.pools[0].name;
    for (const traffic::ServiceId id : app.services) {
      control::ServiceStatus service;
      service.name = config_.model.services[id].name;
      made.services.push_back(std::move(service));
    }
    for (const traffic::Pool& pool : app.pools) {
      control::PoolStatus status;
      status.name = pool.name;
      status.state =
          pool.name == made.active ? traffic::PoolState::kActive : traffic::PoolState::kStandby;
      status.nodes = static_cast<std::uint32_t>(pool.nodes.size());
      for (const traffic::Node& node : pool.nodes) {
        control::NodeStatus node_status;
        node_status.name = node.name;
        status.node_list.push_back(std::move(node_status));
      }
      made.pools.push_back(std::move(status));
    }
    return made;
  }

  control::Config config_;
};

}  // namespace shunt::observe
