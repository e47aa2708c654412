// The publication protocol holds in every interleaving, and each mistake that one could make in it
// is found: if a planted fault were not, the model would be too weak to trust.
#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/model/publication_model.hpp"

namespace shunt::model {
namespace {

using ::testing::HasSubstr;

std::string story(const Outcome& outcome) {
  std::string text = outcome.violation.empty() ? "no violation" : outcome.violation;
  for (const std::string& step : outcome.steps) text += "\n  " + step;
  return text;
}

TEST(PublicationModel, TheProtocolHoldsForOneWorkerAndThreePublications) {
  const Outcome outcome = explore({.workers = 1, .publications = 3, .store_buffer = 3}, {});
  EXPECT_EQ(outcome.violation, "") << story(outcome);
  EXPECT_EQ(outcome.adopted_by_all, 3)
      << "the last revision was never adopted: a model that is stuck";
  RecordProperty("states", std::to_string(outcome.states));
}

TEST(PublicationModel, TheProtocolHoldsForTwoWorkersAndTwoPublications) {
  const Outcome outcome = explore({.workers = 2, .publications = 2, .store_buffer = 1}, {});
  EXPECT_EQ(outcome.violation, "") << story(outcome);
  EXPECT_EQ(outcome.adopted_by_all, 2);
  RecordProperty("states", std::to_string(outcome.states));
}

// ---- Every order that is weaker than the product's. The tests above run with the product's own,
// so that they fail, too, when one is weakened there.

using Order = std::memory_order;

struct Access {
  const char* name;
  Order proxy::PublicationOrders::* order;
  std::vector<Order> weaker;  // all that are weaker than what the product needs
};

const std::vector<Access>& accesses() {
  using Orders = proxy::PublicationOrders;
  static const std::vector<Access> all = {
      {"online_mark", &Orders::online_mark, {Order::release, Order::relaxed}},
      {"root_read", &Orders::root_read, {Order::acquire, Order::relaxed}},
      {"followed_note", &Orders::followed_note, {Order::relaxed}},
      {"offline_mark", &Orders::offline_mark, {Order::relaxed}},
      {"replaced_hint", &Orders::replaced_hint, {}},
      {"exchange",
       &Orders::exchange,
       {Order::acq_rel, Order::release, Order::acquire, Order::relaxed}},
      {"adopted_read", &Orders::adopted_read, {Order::acquire, Order::relaxed}},
      {"reclaim_read", &Orders::reclaim_read, {Order::acquire, Order::relaxed}},
  };
  return all;
}

TEST(PublicationModel, FindsEachOrderThatIsWeakerThanItHasToBe) {
  ASSERT_EQ(sizeof(proxy::PublicationOrders), accesses().size() * sizeof(Order))
      << "an access that is not in the list";
  for (const Access& access : accesses()) {
    for (const Order weaker : access.weaker) {
      proxy::PublicationOrders orders;
      orders.*access.order = weaker;
      const Outcome outcome = explore({}, {}, orders);
      EXPECT_NE(outcome.violation, "") << access.name << " as " << static_cast<int>(weaker);
    }
  }
}

TEST(PublicationModel, FindsAWordWithoutTheConnectingBit) {
  const Outcome outcome = explore({}, {.connecting_bit_left_out = true});
  EXPECT_THAT(outcome.violation, HasSubstr("connect to a left pool")) << story(outcome);
}

TEST(PublicationModel, FindsARevisionThatAdvancesBeforeRePointing) {
  const Outcome outcome = explore({}, {.revision_advances_before_repointing = true});
  EXPECT_THAT(outcome.violation, HasSubstr("connect to a left pool")) << story(outcome);
}

TEST(PublicationModel, FindsARootThatIsUsedAfterTheOfflineMark) {
  const Outcome outcome = explore({}, {.root_used_after_offline_mark = true});
  EXPECT_THAT(outcome.violation, HasSubstr("reclaimed root")) << story(outcome);
}

TEST(PublicationModel, FindsAWorkerThatSaysItFollowsBeforeItRePoints) {
  const Outcome outcome = explore({}, {.noted_before_repointing = true});
  EXPECT_THAT(outcome.violation, HasSubstr("connect to a left pool")) << story(outcome);
}

TEST(PublicationModel, FindsAWorkerThatDoesNotRePoint) {
  const Outcome outcome = explore({}, {.repointing_left_out = true});
  EXPECT_THAT(outcome.violation, HasSubstr("connect to a left pool")) << story(outcome);
}

}  // namespace
}  // namespace shunt::model
