#include "bench/quantiles.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace shunt::bench {
namespace {

TEST(Quantile, IsTheSmallestValueThatTheShareDoesNotExceed) {
  const std::vector<std::uint64_t> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  EXPECT_EQ(quantile(values, 0.5), 5U);
  EXPECT_EQ(quantile(values, 0.99), 10U);
  EXPECT_EQ(quantile(values, 0), 1U);
  EXPECT_EQ(quantile({}, 0.5), 0U);
}

std::vector<Observation> latencies(double near_factor) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(12, 0.5);
  std::vector<Observation> observations;
  for (std::uint32_t block = 0; block < 200; ++block) {
    for (int i = 0; i < 100; ++i) {
      const bool near = i < 20;
      const double value = latency(random) * (near ? near_factor : 1);
      observations.push_back({static_cast<std::uint64_t>(value), block, near});
    }
  }
  return observations;
}

TEST(BootstrapRatio, IncludesOneWhereASwitchDisturbsNothing) {
  const Ratio ratio = bootstrap_ratio(latencies(1), 200, 0.99, 200);
  EXPECT_LT(ratio.low, 1.0);
  EXPECT_GT(ratio.high, 1.0);
  EXPECT_LT(ratio.high - ratio.low, 0.5);
}

TEST(BootstrapRatio, ExcludesOneWhereASwitchDoublesLatency) {
  const Ratio ratio = bootstrap_ratio(latencies(2), 200, 0.99, 200);
  EXPECT_GT(ratio.low, 1.5);
  EXPECT_NEAR(ratio.estimate, 2, 0.4);
}

TEST(BootstrapRatio, IsEmptyWithoutObservationsOnBothSides) {
  EXPECT_EQ(bootstrap_ratio({{1, 0, true}}, 1, 0.5).estimate, 0);
}

}  // namespace
}  // namespace shunt::bench
