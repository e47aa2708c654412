#include "src/traffic/schedule.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "shunt/base/check.hpp"
#include "shunt/base/limits.hpp"

namespace shunt::traffic {

static_assert(kScheduleMax >= base::kNodeSlotsMax, "every node has its place in a schedule");
static_assert(kScheduleMax - 1 <= std::numeric_limits<std::uint16_t>::max(),
              "positions fit the schedule's entries");

std::vector<std::uint32_t> reduce_weights(std::span<const std::uint32_t> weights) {
  SHUNT_CHECK(weights.size() <= kScheduleMax);
  std::uint32_t divisor = 0;
  for (const std::uint32_t weight : weights) {
    SHUNT_CHECK(weight > 0);
    divisor = std::gcd(divisor, weight);
  }
  std::vector<std::uint32_t> reduced;
  reduced.reserve(weights.size());
  for (const std::uint32_t weight : weights) reduced.push_back(weight / divisor);

  const std::uint64_t total = std::accumulate(reduced.begin(), reduced.end(), std::uint64_t{0});
  if (total <= kScheduleMax) return reduced;
  // One entry for each, and what is left of the room in proportion to what is left of the weights:
  // rounding down keeps the sum within the bound.
  const std::uint64_t room = kScheduleMax - reduced.size();
  const std::uint64_t rest = total - reduced.size();
  for (std::uint32_t& weight : reduced) {
    weight = static_cast<std::uint32_t>(1 + (weight - 1) * room / rest);
  }
  return reduced;
}

std::vector<std::uint16_t> smooth_schedule(std::span<const std::uint32_t> weights) {
  const std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  SHUNT_CHECK(total <= kScheduleMax);
  std::vector<std::uint16_t> schedule(total);
  if (total == weights.size()) {  // all are 1: plain round robin
    std::iota(schedule.begin(), schedule.end(), std::uint16_t{0});
    return schedule;
  }
  // Every step each position earns its weight; the richest is taken and pays the total. After
  // `total` steps all are even again.
  std::vector<std::int64_t> earned(weights.size(), 0);
  for (std::uint16_t& entry : schedule) {
    for (std::size_t i = 0; i < weights.size(); ++i) earned[i] += weights[i];
    const auto richest = std::max_element(earned.begin(), earned.end());
    *richest -= static_cast<std::int64_t>(total);
    entry = static_cast<std::uint16_t>(richest - earned.begin());
  }
  return schedule;
}

}  // namespace shunt::traffic
