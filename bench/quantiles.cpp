#include "bench/quantiles.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace shunt::bench {
namespace {

// Sorted latencies of one side, each with its block.
using Side = std::vector<Observation>;

double weighted_quantile(const Side& side, const std::vector<std::uint32_t>& weight, double q) {
  std::uint64_t total = 0;
  for (const Observation& one : side) total += weight[one.block];
  const double wanted = q * static_cast<double>(total);
  std::uint64_t seen = 0;
  for (const Observation& one : side) {
    seen += weight[one.block];
    if (seen > 0 && static_cast<double>(seen) >= wanted) return static_cast<double>(one.latency);
  }
  return 0;
}

}  // namespace

std::uint64_t quantile(const std::vector<std::uint64_t>& sorted, double q) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Ratio bootstrap_ratio(std::vector<Observation> observations, std::uint32_t blocks, double q,
                      int resamples, std::uint64_t seed) {
  std::sort(observations.begin(), observations.end(),
            [](const Observation& a, const Observation& b) { return a.latency < b.latency; });
  Side near;
  Side far;
  for (const Observation& one : observations) (one.near ? near : far).push_back(one);
  if (near.empty() || far.empty()) return {};

  const auto ratio = [&](const std::vector<std::uint32_t>& weight) {
    const double steady = weighted_quantile(far, weight, q);
    return steady > 0 ? weighted_quantile(near, weight, q) / steady : 0;
  };
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::uint32_t> any_block(0, blocks - 1);
  std::vector<double> ratios;
  for (int i = 0; i < resamples; ++i) {
    std::vector<std::uint32_t> weight(blocks, 0);
    for (std::uint32_t drawn = 0; drawn < blocks; ++drawn) ++weight[any_block(random)];
    ratios.push_back(ratio(weight));
  }
  std::sort(ratios.begin(), ratios.end());
  const auto at = [&](double share) {
    return ratios[static_cast<std::size_t>(share * static_cast<double>(ratios.size() - 1))];
  };
  return {.estimate = ratio(std::vector<std::uint32_t>(blocks, 1)),
          .low = at(0.025),
          .high = at(0.975)};
}

}  // namespace shunt::bench
