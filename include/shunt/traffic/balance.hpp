// Picking a node: pure, no allocation. Loads are an argument, and so is the state that must outlive
// a pick (PickState, one per worker and service).
#pragma once

#include <cstdint>
#include <span>

#include "shunt/traffic/live_counts.hpp"
#include "shunt/traffic/table.hpp"

namespace shunt::traffic {

// xorshift64*: quick and good enough to spread connections. Seed must not be 0.
struct Random {
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  [[nodiscard]] std::uint64_t next() noexcept {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DULL;
  }
  // Uniform in [0, bound); bound > 0.
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }
};

// What one worker remembers for one service between picks.
struct PickState {
  std::uint32_t cursor = 0;  // position in the schedule; workers start at different ones
};

// The node for a new attempt, or null when no candidate is left. `tried` holds the slots that this
// connection has failed on; they are passed over while another candidate exists, and null is given
// once all were tried. least_connections compares (live + 1) / weight, ties go to the next by
// cursor.
[[nodiscard]] const Candidate* pick(const ServiceTable& table, PickState& state, Random& random,
                                    const LiveCounts& live,
                                    std::span<const NodeSlot> tried) noexcept;

// Whether this balancer reads LiveCounts, so that a connection must reserve and release its node.
[[nodiscard]] constexpr bool needs_live_counts(Balance balance) noexcept {
  return balance != Balance::kRoundRobin;
}

}  // namespace shunt::traffic
