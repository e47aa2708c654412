#include "shunt/traffic/release.hpp"

#include <gmock/gmock.h>

namespace shunt::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PoolId kBlue = 0;
constexpr PoolId kGreen = 1;
constexpr PoolId kRed = 2;
constexpr std::int64_t kSoon = 1'000;

const ReleaseState kStart = initial_release({true, true, true}, kBlue);

ReleaseStep ask(const ReleaseState& state, ReleaseVerb verb, PoolId pool = kNoPool) {
  return step(state, {.verb = verb, .pool = pool, .split = {.share = 50'000}});
}
ReleaseVerdict verdict(const ReleaseState& state, ReleaseVerb verb, PoolId pool = kNoPool) {
  return ask(state, verb, pool).verdict;
}
ReleaseState must(const ReleaseStep& step) {
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange);
  return step.next;
}
ReleaseState after(const ReleaseState& state, ReleaseVerb verb, PoolId pool = kNoPool) {
  return must(ask(state, verb, pool));
}
ReleaseState live(const ReleaseState& state, PoolId pool) {
  return after(state, ReleaseVerb::kSwitch, pool);
}
ReleaseState trial(const ReleaseState& state, PoolId pool) {
  return must(step(state, {.verb = ReleaseVerb::kSwitch, .pool = pool, .confirm_by = kSoon}));
}

// ---- Switch and rollback.

TEST(Release, StartsWithWhatHasNodes) {
  const ReleaseState state = initial_release({true, false, true}, kRed);
  EXPECT_EQ(state_of(state, kBlue), PoolState::kStandby);
  EXPECT_EQ(state_of(state, kGreen), PoolState::kRetired);
  EXPECT_EQ(state_of(state, kRed), PoolState::kActive);
  EXPECT_EQ(state.pools[kBlue].generation, 1U);
  EXPECT_EQ(state.pools[kGreen].generation, 0U);
  EXPECT_EQ(state.pools[kRed].generation, 2U);
  EXPECT_TRUE(is_sound(state));
}

TEST(Release, ASwitchKeepsThePoolThatIsLeft) {
  const ReleaseStep step = ask(kStart, ReleaseVerb::kSwitch, kGreen);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange);
  EXPECT_EQ(step.from, kBlue);
  EXPECT_EQ(step.next.epoch, 2U);
  EXPECT_EQ(step.next.last, DecisionKind::kSwitch);
  EXPECT_EQ(state_of(step.next, kGreen), PoolState::kActive);
  EXPECT_EQ(state_of(step.next, kBlue), PoolState::kKept);
  EXPECT_EQ(state_of(step.next, kRed), PoolState::kStandby);
}

TEST(Release, ASwitchToTheActivePoolChangesNothing) {
  const ReleaseState green = live(kStart, kGreen);
  const ReleaseStep step = ask(green, ReleaseVerb::kSwitch, kGreen);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kAlready);
  EXPECT_EQ(step.next, green);
  EXPECT_EQ(step.from, kNoPool);
}

TEST(Release, ARollbackUndoesTheLastSwitchAndLeavesAStandbyPool) {
  const ReleaseState green = live(kStart, kGreen);
  EXPECT_EQ(rollback_target(green), kBlue);
  const ReleaseStep step = ask(green, ReleaseVerb::kRollback);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange);
  EXPECT_EQ(step.from, kGreen);
  EXPECT_EQ(step.next.epoch, 3U);
  EXPECT_EQ(state_of(step.next, kBlue), PoolState::kActive);
  EXPECT_EQ(state_of(step.next, kGreen), PoolState::kStandby);
}

TEST(Release, ARepeatedRollbackNeverGoesForwardAgain) {
  const ReleaseState back = after(live(kStart, kGreen), ReleaseVerb::kRollback);
  const ReleaseStep again = ask(back, ReleaseVerb::kRollback);
  EXPECT_EQ(again.verdict, ReleaseVerdict::kAlready);
  EXPECT_EQ(again.next, back);
  EXPECT_EQ(rollback_target(back), kNoPool);
}

TEST(Release, ARepeatedRollbackDoesNotGoFurtherBackByItself) {
  const ReleaseState red = live(live(kStart, kGreen), kRed);
  EXPECT_THAT(red.kept, ElementsAre(kBlue, kGreen));
  const ReleaseState green = after(red, ReleaseVerb::kRollback);
  EXPECT_EQ(green.active, kGreen);
  EXPECT_EQ(state_of(green, kBlue), PoolState::kKept);
  EXPECT_EQ(verdict(green, ReleaseVerb::kRollback), ReleaseVerdict::kAlready);

  const ReleaseState blue = after(green, ReleaseVerb::kRollback, kBlue);
  EXPECT_EQ(blue.active, kBlue);
  EXPECT_THAT(blue.kept, IsEmpty());
}

TEST(Release, ARollbackToAnOlderPoolKeepsThoseThatItPassesOver) {
  const ReleaseState blue = after(live(live(kStart, kGreen), kRed), ReleaseVerb::kRollback, kBlue);
  EXPECT_EQ(state_of(blue, kBlue), PoolState::kActive);
  EXPECT_EQ(state_of(blue, kGreen), PoolState::kKept);
  EXPECT_EQ(state_of(blue, kRed), PoolState::kStandby);
}

TEST(Release, ARollbackWithNothingKeptIsRefused) {
  const ReleaseStep step = ask(kStart, ReleaseVerb::kRollback);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kNothingKept);
  EXPECT_EQ(step.next, kStart);
}

TEST(Release, ARollbackToAPoolThatIsNotKeptIsRefused) {
  const ReleaseState green = live(kStart, kGreen);
  EXPECT_EQ(verdict(green, ReleaseVerb::kRollback, kRed), ReleaseVerdict::kNotKept);
  EXPECT_EQ(verdict(kStart, ReleaseVerb::kRollback, kGreen), ReleaseVerdict::kNotKept);
}

TEST(Release, ARollbackToTheActivePoolChangesNothing) {
  EXPECT_EQ(verdict(live(kStart, kGreen), ReleaseVerb::kRollback, kGreen),
            ReleaseVerdict::kAlready);
}

TEST(Release, ASwitchAfterARollbackOpensTheWayBackAnew) {
  const ReleaseState back = after(live(kStart, kGreen), ReleaseVerb::kRollback);
  EXPECT_EQ(rollback_target(live(back, kGreen)), kBlue);
}

TEST(Release, ASwitchToAKeptPoolTakesItOffTheStack) {
  const ReleaseState red = live(live(kStart, kGreen), kRed);
  EXPECT_THAT(live(red, kBlue).kept, ElementsAre(kGreen, kRed));
}

// The way back is the pool that the last switch left, not whichever is kept.
TEST(Release, ThereIsNoPlainWayBackToAPoolThatWasPreparedAnew) {
  const ReleaseState red = live(live(kStart, kGreen), kRed);
  const ReleaseState state = after(red, ReleaseVerb::kPrepare, kGreen);
  EXPECT_THAT(state.kept, ElementsAre(kBlue));
  EXPECT_EQ(rollback_target(state), kNoPool);
  EXPECT_EQ(verdict(state, ReleaseVerb::kRollback), ReleaseVerdict::kNothingKept);
  EXPECT_EQ(verdict(state, ReleaseVerb::kRollback, kBlue), ReleaseVerdict::kChange);
}

// ---- Generations.

TEST(Release, PreparingOpensAGeneration) {
  const ReleaseState state =
      must(step(kStart, {.verb = ReleaseVerb::kPrepare, .pool = kGreen, .version = "1.3.0"}));
  EXPECT_EQ(state.pools[kGreen].generation, 4U) << "after those of the start";
  EXPECT_EQ(state.pools[kGreen].version, "1.3.0");
  EXPECT_EQ(state.epoch, 2U);
}

TEST(Release, PreparingTheSameAgainIsNotAnotherGenerationUntilItHasBeenTried) {
  const ReleaseAsk same{.verb = ReleaseVerb::kPrepare, .pool = kGreen, .version = "1.3.0"};
  ReleaseState state = must(step(kStart, same));
  EXPECT_EQ(step(state, same).verdict, ReleaseVerdict::kAlready);
  state = after(live(state, kGreen), ReleaseVerb::kRollback);
  EXPECT_EQ(must(step(state, same)).pools[kGreen].generation, 5U);
}

TEST(Release, PreparingAnotherVersionIsAnotherGeneration) {
  ReleaseState state =
      must(step(kStart, {.verb = ReleaseVerb::kPrepare, .pool = kGreen, .version = "1.3.0"}));
  state = must(step(state, {.verb = ReleaseVerb::kPrepare, .pool = kGreen, .version = "1.3.1"}));
  EXPECT_EQ(state.pools[kGreen].generation, 5U);
}

// ---- Split.

TEST(Release, ASplitGrowsAndEnds) {
  ReleaseState state = after(kStart, ReleaseVerb::kSplit, kGreen);
  EXPECT_EQ(canary_of(state), kGreen);
  EXPECT_EQ(state.split.share, 50'000U);
  EXPECT_EQ(state.active, kBlue);
  EXPECT_EQ(verdict(state, ReleaseVerb::kSplit, kGreen), ReleaseVerdict::kAlready);
  state = must(
      step(state, {.verb = ReleaseVerb::kSplit, .pool = kGreen, .split = {.share = kWholeShare}}));
  EXPECT_EQ(state.split.share, kWholeShare);
  state = after(state, ReleaseVerb::kSplitOff);
  EXPECT_EQ(state_of(state, kGreen), PoolState::kStandby);
  EXPECT_EQ(state.split.share, 0U);
}

TEST(Release, ASwitchEndsTheSplitOfItsPoolAndIsRefusedBesideAnother) {
  const ReleaseState state = after(kStart, ReleaseVerb::kSplit, kGreen);
  EXPECT_EQ(verdict(state, ReleaseVerb::kSwitch, kRed), ReleaseVerdict::kOtherTakesShare);
  const ReleaseState green = live(state, kGreen);
  EXPECT_EQ(green.split.share, 0U);
  EXPECT_EQ(state_of(green, kGreen), PoolState::kActive);
}

// Who sees a canary fail and asks for a rollback does not mean the switch of last month.
TEST(Release, ARollbackDuringASplitEndsItAndGoesNoFurther) {
  const ReleaseState state = after(live(kStart, kGreen), ReleaseVerb::kSplit, kRed);
  EXPECT_EQ(rollback_target(state), kNoPool);
  const ReleaseStep step = ask(state, ReleaseVerb::kRollback);
  const ReleaseState back = must(step);
  EXPECT_EQ(step.from, kNoPool);
  EXPECT_EQ(back.active, kGreen);
  EXPECT_EQ(state_of(back, kRed), PoolState::kStandby);
  EXPECT_EQ(verdict(back, ReleaseVerb::kRollback), ReleaseVerdict::kAlready);
  EXPECT_EQ(after(back, ReleaseVerb::kRollback, kBlue).active, kBlue);
}

TEST(Release, ARollbackToANamedPoolEndsASplitOnItsWay) {
  const ReleaseState state = after(live(kStart, kGreen), ReleaseVerb::kSplit, kRed);
  const ReleaseState back = after(state, ReleaseVerb::kRollback, kBlue);
  EXPECT_EQ(back.active, kBlue);
  EXPECT_EQ(state_of(back, kRed), PoolState::kStandby);
  EXPECT_EQ(back.split.share, 0U);
}

TEST(Release, EndingASplitLeavesTheWayBackOfTheLastSwitch) {
  for (const ReleaseVerb verb :
       {ReleaseVerb::kSplitOff, ReleaseVerb::kAbort, ReleaseVerb::kRejected}) {
    const ReleaseState state = after(live(kStart, kGreen), ReleaseVerb::kSplit, kRed);
    EXPECT_EQ(rollback_target(after(state, verb)), kBlue) << to_string(verb);
  }
}

// ---- Trial.

TEST(Release, ATrialIsConfirmed) {
  const ReleaseState state = trial(kStart, kGreen);
  EXPECT_EQ(state_of(state, kGreen), PoolState::kTrial);
  EXPECT_EQ(state_of(state, kBlue), PoolState::kKept);
  EXPECT_EQ(state.confirm_by, kSoon);
  EXPECT_EQ(verdict(state, ReleaseVerb::kSwitch, kRed), ReleaseVerdict::kOtherInTrial);
  EXPECT_EQ(verdict(state, ReleaseVerb::kSwitch, kBlue), ReleaseVerdict::kOtherInTrial);
  EXPECT_EQ(verdict(state, ReleaseVerb::kSplit, kRed), ReleaseVerdict::kOtherInTrial);
  const ReleaseState green = after(state, ReleaseVerb::kConfirm);
  EXPECT_EQ(state_of(green, kGreen), PoolState::kActive);
  EXPECT_EQ(green.epoch, 3U);
  EXPECT_EQ(rollback_target(green), kBlue);
  EXPECT_EQ(verdict(green, ReleaseVerb::kConfirm), ReleaseVerdict::kAlready);
  EXPECT_EQ(verdict(green, ReleaseVerb::kConfirm, kGreen), ReleaseVerdict::kAlready);
}

TEST(Release, NothingTakesAwayTheWayBackOfATrial) {
  const ReleaseState state = trial(live(kStart, kGreen), kRed);
  for (const ReleaseVerb verb : {ReleaseVerb::kPrepare, ReleaseVerb::kRetire}) {
    EXPECT_EQ(verdict(state, verb, kGreen), ReleaseVerdict::kIsWayBack);
    EXPECT_EQ(verdict(state, verb, kBlue), ReleaseVerdict::kChange) << "an older one";
  }
}

TEST(Release, ATrialThatIsUndoneLeavesAStandbyPoolAndOneThatFailedARejectedOne) {
  const ReleaseState state = trial(kStart, kGreen);
  for (const ReleaseVerb verb : {ReleaseVerb::kRollback, ReleaseVerb::kAbort}) {
    EXPECT_EQ(state_of(after(state, verb), kGreen), PoolState::kStandby);
  }
  for (const ReleaseVerb verb : {ReleaseVerb::kExpired, ReleaseVerb::kRejected}) {
    const ReleaseState back = after(state, verb);
    EXPECT_EQ(back.active, kBlue);
    EXPECT_EQ(state_of(back, kGreen), PoolState::kRejected);
    EXPECT_EQ(back.confirm_by, 0);
    EXPECT_EQ(verdict(back, ReleaseVerb::kRollback), ReleaseVerdict::kAlready);
  }
}

// It comes late: what it was to confirm is gone.
TEST(Release, AConfirmThatComesAfterTheRollbackIsRefused) {
  const ReleaseState back = after(trial(kStart, kGreen), ReleaseVerb::kExpired);
  EXPECT_EQ(verdict(back, ReleaseVerb::kConfirm), ReleaseVerdict::kNothingInTrial);
  EXPECT_EQ(verdict(back, ReleaseVerb::kConfirm, kGreen), ReleaseVerdict::kIsRejected);
  EXPECT_EQ(verdict(kStart, ReleaseVerb::kConfirm), ReleaseVerdict::kNothingInTrial);
  EXPECT_EQ(verdict(kStart, ReleaseVerb::kConfirm, kGreen), ReleaseVerdict::kNotInTrial);
}

TEST(Release, ARejectedPoolIsVerifiedOrPreparedBeforeItTakesAnything) {
  const ReleaseState back = after(trial(kStart, kGreen), ReleaseVerb::kRejected);
  EXPECT_EQ(verdict(back, ReleaseVerb::kSwitch, kGreen), ReleaseVerdict::kIsRejected);
  EXPECT_EQ(verdict(back, ReleaseVerb::kSplit, kGreen), ReleaseVerdict::kIsRejected);
  const ReleaseState verified = after(back, ReleaseVerb::kVerified, kGreen);
  EXPECT_EQ(verified.epoch, back.epoch) << "nobody has decided anything";
  EXPECT_EQ(state_of(verified, kGreen), PoolState::kStandby);
  EXPECT_EQ(state_of(after(back, ReleaseVerb::kPrepare, kGreen), kGreen), PoolState::kStandby);
}

// ---- Retire.

TEST(Release, ARetiringPoolIsRetiredWhenItIsEmpty) {
  const ReleaseState state = after(live(kStart, kGreen), ReleaseVerb::kRetire, kBlue);
  EXPECT_EQ(state_of(state, kBlue), PoolState::kRetiring);
  EXPECT_EQ(verdict(state, ReleaseVerb::kRollback), ReleaseVerdict::kNothingKept);
  EXPECT_EQ(verdict(state, ReleaseVerb::kRollback, kBlue), ReleaseVerdict::kNotKept);
  EXPECT_EQ(verdict(state, ReleaseVerb::kSwitch, kBlue), ReleaseVerdict::kIsRetiring);
  const ReleaseState gone = after(state, ReleaseVerb::kEmptied, kBlue);
  EXPECT_EQ(state_of(gone, kBlue), PoolState::kRetired);
  EXPECT_EQ(gone.epoch, state.epoch);
  EXPECT_THAT(gone.kept, IsEmpty());
  EXPECT_EQ(verdict(gone, ReleaseVerb::kSwitch, kBlue), ReleaseVerdict::kIsRetired);
  EXPECT_EQ(verdict(gone, ReleaseVerb::kUnretire, kBlue), ReleaseVerdict::kIsRetired);
}

TEST(Release, RetiringIsUndoneAsIfItHadNotBeen) {
  const ReleaseState before = live(live(kStart, kGreen), kRed);
  for (const PoolId pool : {kBlue, kGreen}) {
    ReleaseState state = after(before, ReleaseVerb::kRetire, pool);
    state = after(state, ReleaseVerb::kUnretire, pool);
    state.epoch = before.epoch;
    EXPECT_EQ(state, before);
  }
}

TEST(Release, WhatIsLiveOrTakesAShareIsNotRetired) {
  EXPECT_EQ(verdict(kStart, ReleaseVerb::kRetire, kBlue), ReleaseVerdict::kIsLive);
  EXPECT_EQ(verdict(trial(kStart, kGreen), ReleaseVerb::kRetire, kGreen),
            ReleaseVerdict::kIsInTrial);
  EXPECT_EQ(verdict(after(kStart, ReleaseVerb::kSplit, kGreen), ReleaseVerb::kRetire, kGreen),
            ReleaseVerdict::kTakesShare);
}

TEST(Release, HasAWordForEverything) {
  for (const PoolState state : kPoolStates) EXPECT_FALSE(to_string(state).empty());
  for (const ReleaseVerb verb : kReleaseVerbs) EXPECT_FALSE(to_string(verb).empty());
  EXPECT_EQ(to_string(DecisionKind::kInitial), "initial");
  EXPECT_EQ(to_string(DecisionKind::kSwitch), "switch");
  EXPECT_EQ(to_string(DecisionKind::kRollback), "rollback");
}

}  // namespace
}  // namespace shunt::traffic
