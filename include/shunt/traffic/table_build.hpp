// Definition of build_table (table.hpp). The template only gathers states; the rules are in
// build_service_table.
#pragma once

#include "shunt/traffic/table.hpp"

namespace shunt::traffic {

struct NodeState {
  const Node* node = nullptr;
  bool ready = false;   // admin state
  bool usable = false;  // health of the service in question
};

[[nodiscard]] ServiceTable build_service_table(const App& app, const Service& service,
                                               std::uint32_t position, const Decision& decision,
                                               const std::vector<NodeState>& nodes);

// Null where no ready node is usable. decision.split must be there.
[[nodiscard]] std::shared_ptr<const Split> build_split(const App& app, const Service& service,
                                                       std::uint32_t position,
                                                       const Decision& decision,
                                                       const std::vector<NodeState>& nodes);

template <class HealthOf, class AdminOf>
std::shared_ptr<const RoutingTable> build_table(const Model& model, AppId app_id,
                                                const Decision& decision, HealthOf&& health,
                                                AdminOf&& admin) {
  const App& app = model.apps[app_id];
  auto table = std::make_shared<RoutingTable>();
  table->app = app_id;
  table->active = decision.active;
  table->epoch = decision.epoch;
  if (decision.split) table->canary = decision.split->pool;
  const auto nodes_of = [&](PoolId pool, std::uint32_t position) {
    std::vector<NodeState> nodes;
    nodes.reserve(app.pools[pool].nodes.size());
    for (const Node& node : app.pools[pool].nodes) {
      nodes.push_back(
          {&node, admin(node.slot) == AdminState::kReady, is_usable(health(node.slot, position))});
    }
    return nodes;
  };
  for (std::uint32_t position = 0; position < app.services.size(); ++position) {
    const Service& service = model.services[app.services[position]];
    table->services.push_back(
        build_service_table(app, service, position, decision, nodes_of(decision.active, position)));
    if (!decision.split) continue;
    table->services.back().split =
        build_split(app, service, position, decision, nodes_of(decision.split->pool, position));
  }
  return table;
}

}  // namespace shunt::traffic
