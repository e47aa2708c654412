// The schedule of weighted round robin, made once when a table is built so that a pick is one array
// read on the data path.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace shunt::traffic {

// Entries of a schedule: two cache pages of positions (8 KiB), and a turn through it that a busy
// service still finishes in a fraction of a second. At least one per node: base::kNodeSlotsMax.
inline constexpr std::uint32_t kScheduleMax = 4096;

// Weights divided by their greatest common divisor; where their sum still exceeds kScheduleMax they
// are scaled down to it, with at least 1 each. All weights > 0, at most kScheduleMax of them.
[[nodiscard]] std::vector<std::uint32_t> reduce_weights(std::span<const std::uint32_t> weights);

// Smooth weighted round robin (as in nginx's upstream): position i comes weights[i] times, spread
// out. Takes weights as reduce_weights gives them. O(entries * weights), at most 16 million steps.
[[nodiscard]] std::vector<std::uint16_t> smooth_schedule(std::span<const std::uint32_t> weights);

}  // namespace shunt::traffic
