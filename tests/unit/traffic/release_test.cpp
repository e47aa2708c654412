#include "shunt/traffic/release.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <vector>

namespace shunt::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PoolId kBlue = 0;
constexpr PoolId kGreen = 1;
constexpr PoolId kRed = 2;

ReleaseState must(const ReleaseStep& step) {
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange);
  return step.next;
}

TEST(Release, ASwitchKeepsThePoolThatIsLeft) {
  const ReleaseStep step = step_switch(ReleaseState{}, kGreen);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange);
  EXPECT_EQ(step.from, kBlue);
  EXPECT_EQ(step.next.epoch, 2U);
  EXPECT_EQ(step.next.last, DecisionKind::kSwitch);
  EXPECT_EQ(state_of(step.next, kGreen), PoolState::kActive);
  EXPECT_EQ(state_of(step.next, kBlue), PoolState::kKept);
  EXPECT_EQ(state_of(step.next, kRed), PoolState::kStandby);
}

TEST(Release, ASwitchToTheActivePoolChangesNothing) {
  const ReleaseState green = must(step_switch({}, kGreen));
  const ReleaseStep step = step_switch(green, kGreen);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kAlready);
  EXPECT_EQ(step.next, green);
  EXPECT_EQ(step.from, kNoPool);
}

TEST(Release, ARollbackUndoesTheLastSwitchAndLeavesAStandbyPool) {
  const ReleaseState green = must(step_switch({}, kGreen));
  EXPECT_EQ(rollback_target(green), kBlue);
  const ReleaseStep step = step_rollback(green);
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange);
  EXPECT_EQ(step.from, kGreen);
  EXPECT_EQ(step.next.epoch, 3U);
  EXPECT_EQ(state_of(step.next, kBlue), PoolState::kActive);
  EXPECT_EQ(state_of(step.next, kGreen), PoolState::kStandby);
}

TEST(Release, ARepeatedRollbackNeverGoesForwardAgain) {
  const ReleaseState back = must(step_rollback(must(step_switch({}, kGreen))));
  const ReleaseStep again = step_rollback(back);
  EXPECT_EQ(again.verdict, ReleaseVerdict::kAlready);
  EXPECT_EQ(again.next, back);
  EXPECT_EQ(rollback_target(back), kNoPool);
}

TEST(Release, ARepeatedRollbackDoesNotGoFurtherBackByItself) {
  const ReleaseState red = must(step_switch(must(step_switch({}, kGreen)), kRed));
  EXPECT_THAT(red.kept, ElementsAre(kBlue, kGreen));
  const ReleaseState green = must(step_rollback(red));
  EXPECT_EQ(green.active, kGreen);
  EXPECT_EQ(state_of(green, kBlue), PoolState::kKept);
  EXPECT_EQ(step_rollback(green).verdict, ReleaseVerdict::kAlready);

  const ReleaseState blue = must(step_rollback(green, kBlue));
  EXPECT_EQ(blue.active, kBlue);
  EXPECT_THAT(blue.kept, IsEmpty());
}

TEST(Release, ARollbackToAnOlderPoolKeepsThoseThatItPassesOver) {
  const ReleaseState red = must(step_switch(must(step_switch({}, kGreen)), kRed));
  const ReleaseState blue = must(step_rollback(red, kBlue));
  EXPECT_EQ(state_of(blue, kBlue), PoolState::kActive);
  EXPECT_EQ(state_of(blue, kGreen), PoolState::kKept);
  EXPECT_EQ(state_of(blue, kRed), PoolState::kStandby);
}

TEST(Release, ARollbackWithNothingKeptIsRefused) {
  const ReleaseStep step = step_rollback({});
  EXPECT_EQ(step.verdict, ReleaseVerdict::kNothingKept);
  EXPECT_EQ(step.next, ReleaseState{});
}

TEST(Release, ARollbackToAPoolThatIsNotKeptIsRefused) {
  const ReleaseState green = must(step_switch({}, kGreen));
  EXPECT_EQ(step_rollback(green, kRed).verdict, ReleaseVerdict::kNotKept);
  EXPECT_EQ(step_rollback({}, kGreen).verdict, ReleaseVerdict::kNotKept);
}

TEST(Release, ARollbackToTheActivePoolChangesNothing) {
  const ReleaseState green = must(step_switch({}, kGreen));
  EXPECT_EQ(step_rollback(green, kGreen).verdict, ReleaseVerdict::kAlready);
}

TEST(Release, ASwitchAfterARollbackOpensTheWayBackAnew) {
  const ReleaseState back = must(step_rollback(must(step_switch({}, kGreen))));
  const ReleaseState green = must(step_switch(back, kGreen));
  EXPECT_EQ(rollback_target(green), kBlue);
}

TEST(Release, ASwitchToAKeptPoolTakesItOffTheStack) {
  const ReleaseState red = must(step_switch(must(step_switch({}, kGreen)), kRed));
  const ReleaseState blue = must(step_switch(red, kBlue));
  EXPECT_THAT(blue.kept, ElementsAre(kGreen, kRed));
}

TEST(Release, HasAWordForEveryState) {
  EXPECT_EQ(to_string(PoolState::kStandby), "standby");
  EXPECT_EQ(to_string(PoolState::kActive), "active");
  EXPECT_EQ(to_string(PoolState::kKept), "kept");
  EXPECT_EQ(to_string(DecisionKind::kInitial), "initial");
  EXPECT_EQ(to_string(DecisionKind::kSwitch), "switch");
  EXPECT_EQ(to_string(DecisionKind::kRollback), "rollback");
}

// ---- Every state that four pools can reach, times every verb.

constexpr PoolId kPools = 4;

using Key = std::tuple<PoolId, std::vector<PoolId>, DecisionKind>;
Key key_of(const ReleaseState& state) {
  return {state.active, state.kept, state.last};
}

// A verb with its argument, so that a failing case names itself.
struct Verb {
  bool is_switch;
  PoolId to;
};

std::vector<Verb> all_verbs() {
  std::vector<Verb> verbs{{false, kNoPool}};
  for (PoolId pool = 0; pool < kPools; ++pool) {
    verbs.push_back({true, pool});
    verbs.push_back({false, pool});
  }
  return verbs;
}

std::vector<ReleaseState> all_states() {
  std::vector<ReleaseState> states{ReleaseState{}};
  std::set<Key> seen{key_of(states[0])};
  for (std::size_t i = 0; i < states.size(); ++i) {
    for (const Verb& verb : all_verbs()) {
      const ReleaseState from = states[i];
      const ReleaseState next =
          verb.is_switch ? step_switch(from, verb.to).next : step_rollback(from, verb.to).next;
      if (seen.insert(key_of(next)).second) states.push_back(next);
    }
  }
  return states;
}

// What the product says, written a second time as a table: state of the pool x verb.
ReleaseVerdict expected_verdict(const ReleaseState& state, const Verb& verb) {
  if (!verb.is_switch && verb.to == kNoPool) {
    switch (state.last) {
      case DecisionKind::kRollback:
        return ReleaseVerdict::kAlready;
      case DecisionKind::kInitial:
        return ReleaseVerdict::kNothingKept;
      case DecisionKind::kSwitch:
        return ReleaseVerdict::kChange;
    }
  }
  switch (state_of(state, verb.to)) {
    case PoolState::kActive:
      return ReleaseVerdict::kAlready;
    case PoolState::kKept:
      return ReleaseVerdict::kChange;
    case PoolState::kStandby:
      return verb.is_switch ? ReleaseVerdict::kChange : ReleaseVerdict::kNotKept;
  }
  return ReleaseVerdict::kAlready;
}

void expect_sound(const ReleaseState& state) {
  EXPECT_LT(state.active, kPools);
  const std::set<PoolId> kept(state.kept.begin(), state.kept.end());
  EXPECT_EQ(kept.size(), state.kept.size()) << "a pool is kept once";
  EXPECT_FALSE(kept.contains(state.active)) << "the active pool is not kept";
  EXPECT_EQ(state.last == DecisionKind::kSwitch, rollback_target(state) != kNoPool)
      << "there is a way back after a switch, and only then";
}

void expect_transition(const ReleaseState& state, const Verb& verb, const ReleaseStep& step) {
  EXPECT_EQ(step.verdict, expected_verdict(state, verb));
  if (step.verdict != ReleaseVerdict::kChange) {
    EXPECT_EQ(step.next, state);
    EXPECT_EQ(step.from, kNoPool);
    return;
  }
  EXPECT_EQ(step.next.epoch, state.epoch + 1);
  EXPECT_EQ(step.from, state.active);
  EXPECT_EQ(step.next.active, verb.to == kNoPool ? state.kept.back() : verb.to);
  EXPECT_EQ(state_of(step.next, step.from),
            verb.is_switch ? PoolState::kKept : PoolState::kStandby);
  for (PoolId pool = 0; pool < kPools; ++pool) {
    if (pool == step.from || pool == step.next.active) continue;
    EXPECT_EQ(state_of(step.next, pool), state_of(state, pool)) << "pool " << pool;
  }
}

TEST(Release, EveryVerbInEveryStateDoesWhatTheProductSays) {
  const std::vector<ReleaseState> states = all_states();
  // 4 active pools x every ordered stack of the other three (16); most after either kind of
  // decision.
  EXPECT_GT(states.size(), 64U);
  for (const ReleaseState& state : states) {
    expect_sound(state);
    for (const Verb& verb : all_verbs()) {
      SCOPED_TRACE(testing::Message()
                   << (verb.is_switch ? "switch " : "rollback ") << verb.to << " in active "
                   << state.active << " kept " << testing::PrintToString(state.kept) << " last "
                   << to_string(state.last));
      const ReleaseStep step =
          verb.is_switch ? step_switch(state, verb.to) : step_rollback(state, verb.to);
      expect_transition(state, verb, step);
      // Asked twice, every verb does nothing the second time.
      if (step.verdict != ReleaseVerdict::kChange) continue;
      const ReleaseStep again =
          verb.is_switch ? step_switch(step.next, verb.to) : step_rollback(step.next, verb.to);
      EXPECT_EQ(again.verdict, ReleaseVerdict::kAlready);
    }
  }
}

}  // namespace
}  // namespace shunt::traffic
