#include "shunt/traffic/model.hpp"

#include "shunt/base/check.hpp"

namespace shunt::traffic {

std::string_view to_string(Balance balance) noexcept {
  switch (balance) {
    case Balance::kRoundRobin:
      return "round_robin";
    case Balance::kLeastConnections:
      return "least_connections";
    case Balance::kRandomTwo:
      return "random_two";
  }
  SHUNT_CHECK(!"a balance outside of its enumeration");
  return {};
}

std::string_view to_string(AdminState state) noexcept {
  switch (state) {
    case AdminState::kReady:
      return "ready";
    case AdminState::kDrain:
      return "drain";
    case AdminState::kMaint:
      return "maint";
  }
  SHUNT_CHECK(!"an admin state outside of its enumeration");
  return {};
}

const App* Model::find_app(std::string_view name) const noexcept {
  for (const App& app : apps) {
    if (app.name == name) return &app;
  }
  return nullptr;
}

const Node* Model::find_node(NodeSlot slot) const noexcept {
  for (const App& app : apps) {
    for (const Pool& pool : app.pools) {
      for (const Node& node : pool.nodes) {
        if (node.slot == slot) return &node;
      }
    }
  }
  return nullptr;
}

}  // namespace shunt::traffic
