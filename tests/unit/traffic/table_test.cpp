#include "shunt/traffic/table.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "tests/unit/traffic/fixture.hpp"

namespace shunt::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Tables of a pool `blue` with five nodes (slots 0 to 4) and `green` with one (slot 5).
class Table : public testing::Test {
 protected:
  std::shared_ptr<const RoutingTable> build(PoolId active = 0) {
    return build_table(
        model_, 0, {.active = active, .epoch = 7, .split = split_},
        [&](NodeSlot slot, std::uint32_t position) { return health_[position][slot]; },
        [&](NodeSlot slot) { return admin_[slot]; });
  }
  static std::vector<NodeSlot> slots(const ServiceTable& table) {
    std::vector<NodeSlot> result;
    for (const Candidate& candidate : table.candidates) result.push_back(candidate.slot);
    return result;
  }

  std::optional<SplitTerms> split_;
  Model model_ = make_model(5, 1);
  std::vector<std::vector<Health>> health_{2, std::vector<Health>(6, Health::kUp)};
  std::vector<AdminState> admin_ = std::vector<AdminState>(6, AdminState::kReady);
};

TEST_F(Table, HoldsTheNodesOfTheActivePoolWithEachServicesAddress) {
  const auto table = build(1);
  EXPECT_EQ(table->active, 1U);
  EXPECT_EQ(table->epoch, 7U);
  ASSERT_EQ(table->services.size(), 2U);
  ASSERT_THAT(slots(table->services[0]), ElementsAre(5));
  EXPECT_EQ(table->services[0].candidates[0].address, loopback(10005));
  EXPECT_EQ(table->services[1].candidates[0].address, loopback(20005));
  EXPECT_EQ(table->services[1].service, 1U);
  EXPECT_EQ(table->services[1].pool, 1U);
  EXPECT_EQ(table->services[1].epoch, 7U);
}

TEST_F(Table, HoldsTheShareOfAnotherPool) {
  SplitTerms terms;
  terms.pool = 1;
  terms.share = 50'000;
  split_ = terms;
  const auto table = build();
  for (const ServiceTable& service : table->services) {
    ASSERT_TRUE(service.split);
    EXPECT_EQ(service.split->terms, terms);
    EXPECT_EQ(service.split->table.pool, 1U);
    EXPECT_EQ(service.split->table.epoch, 7U);
    EXPECT_THAT(slots(service.split->table), ElementsAre(5));
    EXPECT_FALSE(service.split->table.split);
    EXPECT_EQ(service.pool, 0U);
    EXPECT_EQ(service.candidates.size(), 5U);
  }
}

TEST_F(Table, AShareWithoutAUsableNodeStaysWithTheActivePool) {
  SplitTerms terms;
  terms.pool = 1;
  terms.share = 50'000;
  split_ = terms;
  health_[1][5] = Health::kDown;
  const auto sick = build();
  EXPECT_TRUE(sick->services[0].split);
  EXPECT_FALSE(sick->services[1].split) << "each service by itself";
  admin_[5] = AdminState::kDrain;
  EXPECT_FALSE(build()->services[0].split);
}

// A canary with few nodes left is no reason to try its dead ones.
TEST_F(Table, AShareKnowsNoPanic) {
  model_.apps[0].panic_below_percent = 80;
  SplitTerms terms;
  terms.pool = 0;
  terms.share = 50'000;
  split_ = terms;
  health_[0] = {Health::kDown, Health::kDown, Health::kDown,
                Health::kDown, Health::kUp,   Health::kUp};
  const auto table = build(1);
  ASSERT_TRUE(table->services[0].split);
  EXPECT_THAT(slots(table->services[0].split->table), ElementsAre(4));
  EXPECT_FALSE(table->services[0].split->table.panic);
}

TEST_F(Table, CarriesTheAppsOptions) {
  model_.apps[0].balance = Balance::kRandomTwo;
  model_.apps[0].timeouts.idle = 5 * base::kSecond;
  model_.apps[0].keepalive.count = 9;
  model_.apps[0].sources = {loopback(0)};
  model_.services[0].sockets.client_congestion = CongestionName("bbr");
  model_.services[0].sockets.node_congestion = CongestionName("reno");
  model_.services[0].sockets.fast_open = true;
  const auto table = build();
  const ServiceTable& service = table->services[0];
  EXPECT_EQ(service.balance, Balance::kRandomTwo);
  EXPECT_EQ(service.timeouts, model_.apps[0].timeouts);
  EXPECT_EQ(service.keepalive, model_.apps[0].keepalive);
  EXPECT_THAT(service.sources, ElementsAre(loopback(0)));
  EXPECT_EQ(service.congestion.view(), "reno");
  EXPECT_TRUE(service.fast_open);
  EXPECT_TRUE(table->services[1].congestion.empty()) << "each service for itself";
  EXPECT_FALSE(table->services[1].fast_open);
}

TEST_F(Table, LeavesOutNodesThatAreNotUsableForThatService) {
  health_[0] = {Health::kUp,      Health::kDown, Health::kUnproven,
                Health::kAssumed, Health::kUp,   Health::kUp};
  const auto table = build();
  EXPECT_THAT(slots(table->services[0]), ElementsAre(0, 3, 4));
  EXPECT_FALSE(table->services[0].panic);
  EXPECT_THAT(slots(table->services[1]), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(Table, LeavesOutDrainedAndMaintainedNodes) {
  admin_[1] = AdminState::kDrain;
  admin_[4] = AdminState::kMaint;
  EXPECT_THAT(slots(build()->services[0]), ElementsAre(0, 2, 3));
}

TEST_F(Table, TakesEveryReadyNodeWhenNoneIsUsable) {
  health_[0].assign(6, Health::kDown);
  admin_[2] = AdminState::kDrain;
  admin_[3] = AdminState::kMaint;
  const auto table = build();
  EXPECT_TRUE(table->services[0].panic);
  EXPECT_THAT(slots(table->services[0]), ElementsAre(0, 1, 4))
      << "never drained or maintained ones";
  EXPECT_FALSE(table->services[1].panic) << "each service for itself";
}

TEST_F(Table, TakesADownReadyNodeRatherThanAHealthyDrainedOne) {
  admin_.assign(6, AdminState::kDrain);
  admin_[0] = AdminState::kReady;
  health_[0][0] = Health::kDown;
  const auto table = build();
  EXPECT_TRUE(table->services[0].panic);
  EXPECT_THAT(slots(table->services[0]), ElementsAre(0));
}

TEST_F(Table, PanicsBelowTheConfiguredShareAndNotAtIt) {
  model_.apps[0].panic_below_percent = 40;  // of five ready nodes: below two
  health_[0] = {Health::kUp, Health::kUp, Health::kDown, Health::kDown, Health::kDown, Health::kUp};
  const auto at_the_share = build();
  EXPECT_FALSE(at_the_share->services[0].panic);
  EXPECT_THAT(slots(at_the_share->services[0]), ElementsAre(0, 1));
  health_[0][1] = Health::kDown;
  const auto below_it = build();
  EXPECT_TRUE(below_it->services[0].panic);
  EXPECT_THAT(slots(below_it->services[0]), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(Table, CountsOnlyReadyNodesForThePanicShare) {
  model_.apps[0].panic_below_percent = 50;
  health_[0] = {Health::kUp,   Health::kDown, Health::kDown,
                Health::kDown, Health::kDown, Health::kUp};
  admin_[2] = admin_[3] = admin_[4] = AdminState::kMaint;
  EXPECT_FALSE(build()->services[0].panic) << "one of two ready nodes is usable";
}

TEST_F(Table, WithNoReadyNodeHasNoCandidateAndNoPanic) {
  admin_.assign(6, AdminState::kMaint);
  const auto table = build();
  const ServiceTable& service = table->services[0];
  EXPECT_THAT(service.candidates, IsEmpty());
  EXPECT_THAT(service.schedule, IsEmpty());
  EXPECT_FALSE(service.panic);
}

TEST_F(Table, UnrollsTheWeightsIntoASchedule) {
  model_.apps[0].pools[0].nodes[0].weight = 20;
  for (std::size_t i = 1; i < 5; ++i) model_.apps[0].pools[0].nodes[i].weight = 10;
  const auto table = build();
  EXPECT_EQ(table->services[0].weight_total, 60U);
  EXPECT_THAT(table->services[0].schedule, ElementsAre(0, 1, 2, 3, 4, 0));
}

TEST_F(Table, RootRefersToEveryServiceByItsId) {
  // A second app whose services come before the first app's in the numbering.
  model_.services[0].id = 2;
  model_.services[1].id = 3;
  model_.services.push_back(model_.services[0]);
  model_.services.push_back(model_.services[1]);
  const auto first = build();
  model_.services[0].id = 0;
  model_.services[1].id = 1;
  const auto second = build();
  const auto root = build_root(42, {first, second}, 4);
  EXPECT_EQ(root->revision, 42U);
  EXPECT_THAT(root->tables, ElementsAre(first, second));
  EXPECT_THAT(root->services, ElementsAre(&second->services[0], &second->services[1],
                                          &first->services[0], &first->services[1]));
}

}  // namespace
}  // namespace shunt::traffic
