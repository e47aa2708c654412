#include "src/control/health_board.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace shunt::control {
namespace {

// The higher, the worse.
int badness(traffic::Health health) noexcept {
  switch (health) {
    case traffic::Health::kUp:
      return 0;
    case traffic::Health::kAssumed:
      return 1;
    case traffic::Health::kUnproven:
      return 2;
    case traffic::Health::kDown:
      return 3;
  }
  return 3;
}

}  // namespace

std::vector<NodePlace> places_of(const traffic::Model& model) {
  std::vector<NodePlace> places(model.slots);
  for (traffic::AppId app = 0; app < model.apps.size(); ++app) {
    const auto& pools = model.apps[app].pools;
    for (traffic::PoolId pool = 0; pool < pools.size(); ++pool) {
      for (const traffic::Node& node : pools[pool].nodes) places[node.slot] = {app, pool, &node};
    }
  }
  return places;
}

HealthBoard::HealthBoard(const traffic::Model& model, const std::vector<traffic::PoolId>& active,
                         EventSink& events, base::Instant now)
    : model_(model), events_(events), places_(places_of(model)), entries_(model.slots) {
  for (traffic::NodeSlot slot = 0; slot < model.slots; ++slot) {
    const NodePlace& place = places_[slot];
    if (place.node == nullptr) continue;
    const traffic::App& app = model.apps[place.app];
    const bool trusted =
        place.pool == active[place.app] || app.health.type == traffic::HealthCheck::kOff;
    const traffic::HealthMachine machine(
        app.health, trusted ? traffic::Health::kAssumed : traffic::Health::kUnproven);
    entries_[slot].assign(app.services.size(), Entry{machine, now, {}});
  }
  positions_.resize(model.services.size());
  for (const traffic::App& app : model.apps) {
    for (std::uint32_t position = 0; position < app.services.size(); ++position) {
      positions_[app.services[position]] = position;
    }
  }
}

traffic::Health HealthBoard::at(traffic::NodeSlot slot, std::uint32_t position) const noexcept {
  return entries_[slot][position].machine.state();
}

const HealthBoard::Entry& HealthBoard::worst_entry(traffic::NodeSlot slot) const noexcept {
  return *std::max_element(entries_[slot].begin(), entries_[slot].end(),
                           [](const Entry& a, const Entry& b) {
                             return badness(a.machine.state()) < badness(b.machine.state());
                           });
}

traffic::Health HealthBoard::worst(traffic::NodeSlot slot) const noexcept {
  return worst_entry(slot).machine.state();
}

bool HealthBoard::is_usable(traffic::NodeSlot slot) const noexcept {
  return traffic::is_usable(worst(slot));
}

bool HealthBoard::is_proven(traffic::NodeSlot slot) const noexcept {
  return traffic::is_proven(worst(slot), model_.apps[places_[slot].app].health.type);
}

base::Instant HealthBoard::since(traffic::NodeSlot slot) const noexcept {
  return worst_entry(slot).since;
}

std::string HealthBoard::last_failure(traffic::NodeSlot slot) const {
  const traffic::App& app = model_.apps[places_[slot].app];
  for (std::uint32_t position = 0; position < entries_[slot].size(); ++position) {
    const Entry& entry = entries_[slot][position];
    if (entry.failure.empty() || entry.machine.state() == traffic::Health::kUp) continue;
    return model_.services[app.services[position]].name + ": " + entry.failure;
  }
  return {};
}

bool HealthBoard::checked(traffic::NodeSlot slot, std::uint32_t position, bool passed,
                          std::string_view failure, base::Instant now) {
  Entry& entry = entries_[slot][position];
  const traffic::Health before = entry.machine.state();
  if (!passed) entry.failure = failure;
  const bool moved = passed ? entry.machine.check_passed() : entry.machine.check_failed();
  return moved && changed(slot, position, before, now);
}

bool HealthBoard::connected(const proxy::ConnectOutcome& outcome, base::Instant now) {
  if (outcome.node >= entries_.size() || outcome.service >= positions_.size()) return false;
  const std::uint32_t position = positions_[outcome.service];
  if (position >= entries_[outcome.node].size()) return false;
  Entry& entry = entries_[outcome.node][position];
  const traffic::Health before = entry.machine.state();
  if (outcome.error == 0) {
    entry.machine.connect_succeeded();
    return false;
  }
  if (!entry.machine.connect_failed()) return false;
  entry.failure = std::string("connects failed: ") + std::strerror(outcome.error);
  return changed(outcome.node, position, before, now);
}

std::vector<traffic::NodeSlot> HealthBoard::retry_due(base::Instant now) {
  std::vector<traffic::NodeSlot> slots;
  for (traffic::NodeSlot slot = 0; slot < entries_.size(); ++slot) {
    if (places_[slot].node == nullptr) continue;
    const traffic::HealthOptions& options = model_.apps[places_[slot].app].health;
    if (options.type != traffic::HealthCheck::kOff) continue;
    for (std::uint32_t position = 0; position < entries_[slot].size(); ++position) {
      Entry& entry = entries_[slot][position];
      const traffic::Health before = entry.machine.state();
      if (before != traffic::Health::kDown) continue;
      if (now - entry.since < options.interval * options.rise) continue;
      if (entry.machine.retry() && changed(slot, position, before, now)) slots.push_back(slot);
    }
  }
  return slots;
}

void HealthBoard::begin_anew(traffic::NodeSlot slot, bool needed, base::Instant now) {
  const bool checks = model_.apps[places_[slot].app].health.type != traffic::HealthCheck::kOff;
  const traffic::Health initial =
      needed || !checks ? traffic::Health::kAssumed : traffic::Health::kUnproven;
  for (std::uint32_t position = 0; position < entries_[slot].size(); ++position) {
    Entry& entry = entries_[slot][position];
    const traffic::Health before = entry.machine.state();
    entry.failure.clear();
    entry.since = now;
    if (entry.machine.begin_anew(initial, needed && checks)) {
      (void)changed(slot, position, before, now);
    }
  }
}

bool HealthBoard::changed(traffic::NodeSlot slot, std::uint32_t position, traffic::Health before,
                          base::Instant now) {
  Entry& entry = entries_[slot][position];
  const traffic::Health after = entry.machine.state();
  entry.since = now;
  if (after == traffic::Health::kUp) entry.failure.clear();

  const NodePlace& place = places_[slot];
  const traffic::App& app = model_.apps[place.app];
  const std::string& service = model_.services[app.services[position]].name;
  const std::string& pool = app.pools[place.pool].name;
  const std::string to(traffic::to_string(after));
  Event event;
  event.level = after == traffic::Health::kDown ? EventLevel::kWarn : EventLevel::kInfo;
  event.type = "node_health";
  event.app = app.name;
  event.message = "node " + place.node->name + " (" + pool + ") is " + to + " for " + service;
  if (after == traffic::Health::kDown && !entry.failure.empty()) {
    event.message += ": " + entry.failure;
  }
  event.fields = {{"pool", pool},
                  {"node", place.node->name},
                  {"service", service},
                  {"from", std::string(traffic::to_string(before))},
                  {"to", to}};
  events_.publish(std::move(event));
  return traffic::is_usable(before) != traffic::is_usable(after);
}

}  // namespace shunt::control
