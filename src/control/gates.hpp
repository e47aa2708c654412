// Gates: what a pool must fulfil before traffic is moved to it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/command.hpp"
#include "src/control/decisions.hpp"
#include "src/control/health_board.hpp"

namespace shunt::control {

inline constexpr std::string_view kGateMinHealthy = "min_healthy";
inline constexpr std::string_view kGateUsableNode = "usable_node";
inline constexpr std::string_view kGateLastNode = "last_node";
inline constexpr std::string_view kGateEmpty = "empty";
inline constexpr std::string_view kGates[] = {kGateMinHealthy, kGateUsableNode, kGateLastNode,
                                              kGateEmpty};

struct PoolFitness {
  std::uint32_t nodes = 0;
  std::uint32_t ready = 0;
  std::uint32_t healthy = 0;              // ready and proven for every service
  std::uint32_t usable = 0;               // ready and usable for every service
  std::uint32_t needed = 0;               // healthy ones, by min_healthy
  std::vector<std::string> without_node;  // services for which no ready node is usable
  std::vector<std::string> lacking;  // ready nodes that are not healthy: "node17 http: refused"
};

[[nodiscard]] PoolFitness fitness_of(const traffic::Model& model, const Decisions& decisions,
                                     const HealthBoard& health, traffic::AppId app,
                                     traffic::PoolId pool);

// The gates of a switch that fail, and those of a rollback: a rollback only asks for one usable
// node for each service.
[[nodiscard]] std::vector<Reason> failed_switch_gates(const PoolFitness& fitness);
[[nodiscard]] std::vector<Reason> failed_rollback_gates(const PoolFitness& fitness);

}  // namespace shunt::control
