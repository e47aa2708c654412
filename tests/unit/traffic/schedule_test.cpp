#include "src/traffic/schedule.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace shunt::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Weights = std::vector<std::uint32_t>;

TEST(Weights, AreDividedByTheirGreatestCommonDivisor) {
  EXPECT_THAT(reduce_weights(Weights{100, 50, 150}), ElementsAre(2, 1, 3));
  EXPECT_THAT(reduce_weights(Weights{256}), ElementsAre(1));
  EXPECT_THAT(reduce_weights(Weights{7, 3}), ElementsAre(7, 3));
  EXPECT_THAT(reduce_weights(Weights{}), IsEmpty());
}

TEST(Weights, OfAHugeSumAreScaledDownToTheBoundInProportion) {
  Weights weights(100, 255);
  weights.push_back(1);
  weights.push_back(128);
  const Weights reduced = reduce_weights(weights);
  EXPECT_LE(std::accumulate(reduced.begin(), reduced.end(), 0U), kScheduleMax);
  EXPECT_GE(std::accumulate(reduced.begin(), reduced.end(), 0U), kScheduleMax - 102);
  EXPECT_EQ(reduced[100], 1U);
  EXPECT_NEAR(reduced[101], reduced[0] / 2.0, 1.0);
}

TEST(Weights, KeepOneEntryForEveryNodeEvenWhenTheNodesFillTheSchedule) {
  Weights weights(kScheduleMax, 1);
  weights[7] = 256;
  const Weights reduced = reduce_weights(weights);
  EXPECT_EQ(std::count(reduced.begin(), reduced.end(), 1U), kScheduleMax);
}

TEST(Schedule, OfEqualWeightsIsPlainRoundRobin) {
  EXPECT_THAT(smooth_schedule(Weights{1, 1, 1}), ElementsAre(0, 1, 2));
}

TEST(Schedule, SpreadsAHeavyNodeOutRatherThanServingItInARun) {
  // The example of nginx's commit that introduced the algorithm: a a b a c a a.
  EXPECT_THAT(smooth_schedule(Weights{5, 1, 1}), ElementsAre(0, 0, 1, 0, 2, 0, 0));
}

TEST(Schedule, GivesEveryNodeExactlyItsWeight) {
  const Weights weights{3, 7, 1, 256, 19};
  const auto schedule = smooth_schedule(weights);
  for (std::uint16_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(std::count(schedule.begin(), schedule.end(), i), weights[i]) << "position " << i;
  }
}

TEST(Schedule, OfNoNodesIsEmpty) {
  EXPECT_THAT(smooth_schedule(Weights{}), IsEmpty());
}

}  // namespace
}  // namespace shunt::traffic
