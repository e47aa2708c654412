#include "shunt/traffic/balance.hpp"

#include <algorithm>

namespace shunt::traffic {
namespace {

bool is_tried(const Candidate& candidate, std::span<const NodeSlot> tried) noexcept {
  return std::find(tried.begin(), tried.end(), candidate.slot) != tried.end();
}

// The first entry of the schedule from `start` on (round it once) whose candidate is neither tried
// nor `other`; the schedule's size where there is none.
std::uint32_t next_entry(const ServiceTable& table, std::uint32_t start,
                         std::span<const NodeSlot> tried,
                         const Candidate* other = nullptr) noexcept {
  const auto size = static_cast<std::uint32_t>(table.schedule.size());
  std::uint32_t entry = start;
  for (std::uint32_t i = 0; i < size; ++i) {
    const Candidate& candidate = table.candidates[table.schedule[entry]];
    if (&candidate != other && !is_tried(candidate, tried)) return entry;
    if (++entry == size) entry = 0;
  }
  return size;
}

// (live + 1) / weight of a below that of b, without dividing: what each would bear with one more.
bool is_less_loaded(const Candidate& a, const Candidate& b, const LiveCounts& live) noexcept {
  const std::uint64_t load_a = std::uint64_t{live.get(a.slot)} + 1;
  const std::uint64_t load_b = std::uint64_t{live.get(b.slot)} + 1;
  return load_a * b.weight < load_b * a.weight;
}

const Candidate* pick_round_robin(const ServiceTable& table, PickState& state,
                                  std::span<const NodeSlot> tried) noexcept {
  const auto size = static_cast<std::uint32_t>(table.schedule.size());
  const std::uint32_t entry = next_entry(table, state.cursor % size, tried);
  if (entry == size) return nullptr;
  state.cursor = entry + 1;
  return &table.candidates[table.schedule[entry]];
}

const Candidate* pick_least_connections(const ServiceTable& table, PickState& state,
                                        const LiveCounts& live,
                                        std::span<const NodeSlot> tried) noexcept {
  const auto size = static_cast<std::uint32_t>(table.candidates.size());
  std::uint32_t position = state.cursor % size;
  const Candidate* best = nullptr;
  for (std::uint32_t i = 0; i < size; ++i) {
    const Candidate& candidate = table.candidates[position];
    if (++position == size) position = 0;
    if (is_tried(candidate, tried)) continue;
    if (best == nullptr || is_less_loaded(candidate, *best, live)) {
      best = &candidate;
      state.cursor = position;  // of equals, the one behind it is asked first next time
    }
  }
  return best;
}

// Two different candidates drawn by weight, the less loaded of them (the power of two choices:
// close to least_connections without reading every count, and without a herd on the emptiest node).
const Candidate* pick_random_two(const ServiceTable& table, Random& random, const LiveCounts& live,
                                 std::span<const NodeSlot> tried) noexcept {
  const auto size = static_cast<std::uint32_t>(table.schedule.size());
  const std::uint32_t first = next_entry(table, random.below(size), tried);
  if (first == size) return nullptr;
  const Candidate* a = &table.candidates[table.schedule[first]];
  const std::uint32_t second = next_entry(table, random.below(size), tried, a);
  if (second == size) return a;
  const Candidate* b = &table.candidates[table.schedule[second]];
  return is_less_loaded(*b, *a, live) ? b : a;
}

}  // namespace

const Candidate* pick(const ServiceTable& table, PickState& state, Random& random,
                      const LiveCounts& live, std::span<const NodeSlot> tried) noexcept {
  if (table.candidates.empty()) return nullptr;
  switch (table.balance) {
    case Balance::kRoundRobin:
      return pick_round_robin(table, state, tried);
    case Balance::kLeastConnections:
      return pick_least_connections(table, state, live, tried);
    case Balance::kRandomTwo:
      return pick_random_two(table, random, live, tried);
  }
  return nullptr;
}

}  // namespace shunt::traffic
