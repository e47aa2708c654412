// Quantiles of latencies, and how sure a ratio of two of them is.
#pragma once

#include <cstdint>
#include <vector>

namespace shunt::bench {

// The smallest value that a share q (0 to 1) of the values does not exceed; 0 where there are none.
// sorted: ascending.
[[nodiscard]] std::uint64_t quantile(const std::vector<std::uint64_t>& sorted, double q);

// One request's latency in nanoseconds: the block (one period between switches) that it belongs to,
// and whether it began near a switch.
struct Observation {
  std::uint64_t latency = 0;
  std::uint32_t block = 0;
  bool near = false;
};

struct Ratio {
  double estimate = 0;
  double low = 0;  // 95 % interval
  double high = 0;
};

// The q-quantile near a switch divided by the one far from it, with a percentile bootstrap that
// resamples whole blocks: requests of one period share its disturbances and are not independent.
[[nodiscard]] Ratio bootstrap_ratio(std::vector<Observation> observations, std::uint32_t blocks,
                                    double q, int resamples = 1000, std::uint64_t seed = 1);

}  // namespace shunt::bench
