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

template <class HealthOf, class AdminOf>
std::shared_ptr<const RoutingTable> build_table(const Model& model, AppId app_id,
                                                const Decision& decision, HealthOf&& health,
                                                AdminOf&& admin) {
  const App& app = model.apps[app_id];
  auto table = std::make_shared<RoutingTable>();
  table->app = app_id;
  table->active = decision.active;
  table->epoch = decision.epoch;
  const Pool& pool = app.pools[decision.active];
  for (std::uint32_t position = 0; position < app.services.size(); ++position) {
    std::vector<NodeState> nodes;
    nodes.reserve(pool.nodes.size());
    for (const Node& node : pool.nodes) {
      nodes.push_back(
          {&node, admin(node.slot) == AdminState::kReady, is_usable(health(node.slot, position))});
    }
    table->services.push_back(build_service_table(app, model.services[app.services[position]],
                                                  position, decision, nodes));
  }
  return table;
}

}  // namespace shunt::traffic
