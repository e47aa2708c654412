#include "src/control/prober_plan.hpp"

#include <algorithm>

namespace shunt::control {

std::vector<ProbeTarget> plan_probes(const traffic::Model& model) {
  std::vector<ProbeTarget> targets;
  for (const traffic::App& app : model.apps) {
    if (app.health.type == traffic::HealthCheck::kOff) continue;
    for (const traffic::Pool& pool : app.pools) {
      for (const traffic::Node& node : pool.nodes) {
        for (std::uint32_t position = 0; position < node.addresses.size(); ++position) {
          ProbeTarget target;
          target.slot = node.slot;
          target.position = position;
          target.address = node.addresses[position];
          std::copy_if(app.sources.begin(), app.sources.end(), std::back_inserter(target.sources),
                       [&](const base::Endpoint& source) {
                         return source.family() == target.address.family();
                       });
          target.interval = app.health.interval;
          target.timeout = app.health.timeout;
          targets.push_back(std::move(target));
        }
      }
    }
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    ProbeTarget& target = targets[i];
    const base::Duration spread = std::min(target.interval, targets.size() * kProbeSpacing);
    // In double precision: the product may pass 64 bits, and a nanosecond more or less is nothing.
    const double share = static_cast<double>(i) / static_cast<double>(targets.size());
    target.phase = static_cast<base::Duration>(static_cast<double>(spread) * share);
  }
  return targets;
}

}  // namespace shunt::control
