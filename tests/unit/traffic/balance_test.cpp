#include "shunt/traffic/balance.hpp"

#include <gmock/gmock.h>

#include <map>
#include <vector>

#include "tests/unit/traffic/fixture.hpp"

namespace shunt::traffic {
namespace {

using ::testing::ElementsAre;

// A table with these weights; candidate i has slot i.
class Pick : public testing::Test {
 protected:
  void use(Balance balance, const std::vector<std::uint32_t>& weights) {
    App app;
    app.balance = balance;
    std::vector<Node> nodes;
    nodes.reserve(weights.size());
    std::vector<NodeState> states;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      nodes.push_back(make_node(static_cast<NodeSlot>(i), weights[i]));
      states.push_back({&nodes.back(), true, true});
    }
    table_ = build_service_table(app, Service{}, 0, {}, states);
  }
  NodeSlot pick_one(const std::vector<NodeSlot>& tried = {}) {
    const Candidate* candidate = pick(table_, state_, random_, live_, tried);
    return candidate == nullptr ? kNoSlot : candidate->slot;
  }
  std::vector<NodeSlot> picks(int count) {
    std::vector<NodeSlot> result;
    for (int i = 0; i < count; ++i) result.push_back(pick_one());
    return result;
  }
  // Every connection stays: picks and reserves.
  std::map<NodeSlot, int> fill(int count) {
    std::map<NodeSlot, int> by_slot;
    for (int i = 0; i < count; ++i) {
      const NodeSlot slot = pick_one();
      live_.reserve(slot);
      ++by_slot[slot];
    }
    return by_slot;
  }
  void reserve(NodeSlot slot, int count) {
    for (int i = 0; i < count; ++i) live_.reserve(slot);
  }

  ServiceTable table_;
  PickState state_;
  Random random_;
  LiveCounts live_{16};
};

TEST_F(Pick, GivesNothingWhereThereIsNoCandidate) {
  for (const Balance balance :
       {Balance::kRoundRobin, Balance::kLeastConnections, Balance::kRandomTwo}) {
    use(balance, {});
    EXPECT_EQ(pick_one(), kNoSlot);
  }
}

TEST_F(Pick, GivesNothingOnceAllWereTried) {
  for (const Balance balance :
       {Balance::kRoundRobin, Balance::kLeastConnections, Balance::kRandomTwo}) {
    use(balance, {3, 1, 1});
    EXPECT_EQ(pick_one({0, 1, 2}), kNoSlot);
  }
}

TEST_F(Pick, NeverTakesATriedNodeWhileAnotherIsLeft) {
  for (const Balance balance :
       {Balance::kRoundRobin, Balance::kLeastConnections, Balance::kRandomTwo}) {
    use(balance, {5, 1, 2});
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(pick_one({0, 2}), 1U);
      EXPECT_NE(pick_one({0}), 0U);
    }
  }
}

TEST_F(Pick, OutlivesATableWithFewerNodes) {
  for (const Balance balance : {Balance::kRoundRobin, Balance::kLeastConnections}) {
    use(balance, {1, 1, 1, 1});
    picks(3);
    use(balance, {1});
    EXPECT_EQ(pick_one(), 0U);
  }
}

TEST_F(Pick, RoundRobinFollowsTheWeightedSchedule) {
  use(Balance::kRoundRobin, {50, 10, 10});
  EXPECT_THAT(picks(8), ElementsAre(0, 0, 1, 0, 2, 0, 0, 0));
}

TEST_F(Pick, RoundRobinStartsWhereItsCursorStands) {
  use(Balance::kRoundRobin, {1, 1, 1});
  state_.cursor = 7;
  EXPECT_THAT(picks(4), ElementsAre(1, 2, 0, 1));
}

TEST_F(Pick, RoundRobinGoesOnBehindTheNodeThatItTookInstead) {
  use(Balance::kRoundRobin, {1, 1, 1});
  EXPECT_EQ(pick_one({0, 1}), 2U);
  EXPECT_EQ(pick_one(), 0U);
}

TEST_F(Pick, LeastConnectionsTakesTheEmptiestByWeight) {
  use(Balance::kLeastConnections, {1, 2, 1});
  reserve(0, 2);
  reserve(1, 4);
  reserve(2, 2);
  EXPECT_EQ(pick_one(), 1U) << "5/2 is less than 3/1";
  reserve(1, 1);
  live_.release(2);
  EXPECT_EQ(pick_one(), 2U);
}

TEST_F(Pick, LeastConnectionsSharesOutByWeight) {
  use(Balance::kLeastConnections, {1, 2, 3});
  EXPECT_THAT(fill(600),
              ElementsAre(testing::Pair(0, 100), testing::Pair(1, 200), testing::Pair(2, 300)));
}

TEST_F(Pick, LeastConnectionsGivesTiesToTheNextInTurn) {
  use(Balance::kLeastConnections, {1, 1, 1});
  EXPECT_THAT(picks(5), ElementsAre(0, 1, 2, 0, 1));
}

TEST_F(Pick, RandomTwoTakesTheLessLoadedOfTwo) {
  use(Balance::kRandomTwo, {1, 1});
  reserve(0, 10);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pick_one(), 1U);
}

TEST_F(Pick, RandomTwoSharesOutByWeight) {
  use(Balance::kRandomTwo, {1, 2, 3});
  const auto by_slot = fill(6000);
  EXPECT_NEAR(by_slot.at(0), 1000, 100);
  EXPECT_NEAR(by_slot.at(1), 2000, 100);
  EXPECT_NEAR(by_slot.at(2), 3000, 100);
}

TEST_F(Pick, RandomTwoTakesTheOnlyNodeThereIs) {
  use(Balance::kRandomTwo, {4});
  EXPECT_THAT(picks(3), ElementsAre(0, 0, 0));
}

TEST_F(Pick, SaysWhichBalancersReadLiveCounts) {
  EXPECT_FALSE(needs_live_counts(Balance::kRoundRobin));
  EXPECT_TRUE(needs_live_counts(Balance::kLeastConnections));
  EXPECT_TRUE(needs_live_counts(Balance::kRandomTwo));
}

}  // namespace
}  // namespace shunt::traffic
