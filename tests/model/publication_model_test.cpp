// The publication protocol holds in every interleaving, and each mistake that one could make in it
// is found: if a planted fault were not, the model would be too weak to trust.
#include <gmock/gmock.h>

#include <string>

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

TEST(PublicationModel, FindsAnOnlineMarkThatIsOnlyARelease) {
  const Outcome outcome = explore({}, {.online_mark_is_release = true});
  EXPECT_NE(outcome.violation, "") << story(outcome);
}

TEST(PublicationModel, FindsAPublisherThatReadsTheWordsBeforeItsExchange) {
  const Outcome outcome = explore({}, {.publisher_reads_before_exchange = true});
  EXPECT_NE(outcome.violation, "") << story(outcome);
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
