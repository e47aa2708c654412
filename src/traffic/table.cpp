#include "shunt/traffic/table.hpp"

#include <algorithm>
#include <utility>

#include "shunt/base/check.hpp"
#include "src/traffic/schedule.hpp"

namespace shunt::traffic {
namespace {

// Whether health is to be disregarded: too few of the ready nodes are usable.
bool is_panic(const App& app, const std::vector<NodeState>& nodes) noexcept {
  std::uint64_t ready = 0;
  std::uint64_t usable = 0;
  for (const NodeState& state : nodes) {
    ready += state.ready ? 1 : 0;
    usable += state.ready && state.usable ? 1 : 0;
  }
  if (ready == 0) return false;  // drained and maintained nodes are never taken, panic or not
  return usable == 0 || usable * 100 < ready * app.panic_below_percent;
}

void fill_schedule(ServiceTable& table) {
  std::vector<std::uint32_t> weights;
  weights.reserve(table.candidates.size());
  for (const Candidate& candidate : table.candidates) {
    weights.push_back(candidate.weight);
    table.weight_total += candidate.weight;
  }
  table.schedule = smooth_schedule(reduce_weights(weights));
}

}  // namespace

ServiceTable build_service_table(const App& app, const Service& service, std::uint32_t position,
                                 const Decision& decision, const std::vector<NodeState>& nodes) {
  ServiceTable table;
  table.service = service.id;
  table.app = service.app;
  table.pool = decision.active;
  table.epoch = decision.epoch;
  table.balance = app.balance;
  table.panic = is_panic(app, nodes);
  table.fast_open = service.sockets.fast_open;
  table.timeouts = app.timeouts;
  table.keepalive = app.keepalive;
  table.congestion = service.sockets.node_congestion;
  table.sources = app.sources;
  for (const NodeState& state : nodes) {
    if (!state.ready || (!state.usable && !table.panic)) continue;
    SHUNT_CHECK(position < state.node->addresses.size());
    table.candidates.push_back(
        {state.node->addresses[position], state.node->slot, state.node->weight});
  }
  fill_schedule(table);
  return table;
}

std::shared_ptr<const Split> build_split(const App& app, const Service& service,
                                         std::uint32_t position, const Decision& decision,
                                         const std::vector<NodeState>& nodes) {
  const bool any = std::any_of(nodes.begin(), nodes.end(),
                               [](const NodeState& state) { return state.ready && state.usable; });
  if (!any) return nullptr;
  const Decision of_share{.active = decision.split->pool, .epoch = decision.epoch, .split = {}};
  auto split = std::make_shared<Split>();
  split->terms = *decision.split;
  split->table = build_service_table(app, service, position, of_share, nodes);
  if (!split->table.panic) return split;
  // Too few are up for panic_below: that is a measure for the live pool, which this is not.
  App calm = app;
  calm.panic_below_percent = 0;
  split->table = build_service_table(calm, service, position, of_share, nodes);
  return split;
}

std::unique_ptr<const RoutingRoot> build_root(
    Revision revision, std::vector<std::shared_ptr<const RoutingTable>> tables,
    std::uint32_t service_count) {
  auto root = std::make_unique<RoutingRoot>();
  root->revision = revision;
  root->tables = std::move(tables);
  root->services.assign(service_count, nullptr);
  for (const auto& table : root->tables) {
    SHUNT_CHECK(table != nullptr);
    for (const ServiceTable& service : table->services) {
      SHUNT_CHECK(service.service < service_count);
      root->services[service.service] = &service;
    }
  }
  // A worker indexes `services` without asking: every entry must be there.
  for (const ServiceTable* service : root->services) SHUNT_CHECK(service != nullptr);
  return root;
}

}  // namespace shunt::traffic
