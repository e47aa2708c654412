#include "src/control/gates.hpp"

#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

// Named in a reason; the rest is counted.
constexpr std::size_t kNodesNamed = 5;

bool usable_for_somebody(const traffic::Pool& pool, const Decisions& decisions,
                         const HealthBoard& health, std::uint32_t position) {
  for (const traffic::Node& node : pool.nodes) {
    if (decisions.admin[node.slot] == traffic::AdminState::kReady &&
        traffic::is_usable(health.at(node.slot, position))) {
      return true;
    }
  }
  return false;
}

std::string describe(const traffic::Node& node, const HealthBoard& health) {
  const std::string failure = health.last_failure(node.slot);
  if (!failure.empty()) return node.name + " " + failure;
  const traffic::Health worst = health.worst(node.slot);
  if (worst == traffic::Health::kDown) return node.name + " down";
  return node.name + " not checked yet";
}

}  // namespace

PoolFitness fitness_of(const traffic::Model& model, const Decisions& decisions,
                       const HealthBoard& health, traffic::AppId app_id, traffic::PoolId pool_id) {
  const traffic::App& app = model.apps[app_id];
  const traffic::Pool& pool = app.pools[pool_id];
  PoolFitness fitness;
  fitness.nodes = static_cast<std::uint32_t>(pool.nodes.size());
  for (const traffic::Node& node : pool.nodes) {
    if (decisions.admin[node.slot] != traffic::AdminState::kReady) continue;
    ++fitness.ready;
    if (health.is_usable(node.slot)) ++fitness.usable;
    if (health.is_proven(node.slot)) {
      ++fitness.healthy;
    } else {
      fitness.lacking.push_back(describe(node, health));
    }
  }
  fitness.needed = (fitness.ready * app.release.min_healthy_percent + 99) / 100;
  for (std::uint32_t position = 0; position < app.services.size(); ++position) {
    if (!usable_for_somebody(pool, decisions, health, position)) {
      fitness.without_node.push_back(model.services[app.services[position]].name);
    }
  }
  return fitness;
}

std::vector<Reason> failed_rollback_gates(const PoolFitness& fitness) {
  if (fitness.without_node.empty()) return {};
  if (fitness.ready == 0) {
    return {{std::string(kGateUsableNode),
             "none of its " + std::to_string(fitness.nodes) + " nodes is ready"}};
  }
  return {{std::string(kGateUsableNode), "no usable node for " + listed(fitness.without_node) +
                                             ": " + listed(fitness.lacking, kNodesNamed)}};
}

std::vector<Reason> failed_switch_gates(const PoolFitness& fitness) {
  std::vector<Reason> reasons;
  if (fitness.healthy < fitness.needed) {
    reasons.push_back({std::string(kGateMinHealthy),
                       std::to_string(fitness.healthy) + " of " + std::to_string(fitness.ready) +
                           " healthy, need " + std::to_string(fitness.needed) + ": " +
                           listed(fitness.lacking, kNodesNamed)});
  }
  for (Reason& reason : failed_rollback_gates(fitness)) reasons.push_back(std::move(reason));
  return reasons;
}

}  // namespace shunt::control
