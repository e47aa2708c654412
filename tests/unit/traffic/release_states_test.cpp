// Every state that three pools can reach, times every verb: against the product's table, written a
// second time.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "shunt/traffic/release.hpp"

namespace shunt::traffic {
namespace {

constexpr PoolId kPools = 3;

bool takes_no_pool(ReleaseVerb verb) {
  return verb == ReleaseVerb::kSplitOff || verb == ReleaseVerb::kAbort ||
         verb == ReleaseVerb::kExpired || verb == ReleaseVerb::kRejected;
}
bool may_leave_out_pool(ReleaseVerb verb) {
  return verb == ReleaseVerb::kRollback || verb == ReleaseVerb::kConfirm;
}

std::vector<ReleaseAsk> all_asks() {
  std::vector<ReleaseAsk> asks;
  for (const ReleaseVerb verb : kReleaseVerbs) {
    if (takes_no_pool(verb) || may_leave_out_pool(verb)) asks.push_back({.verb = verb});
    if (takes_no_pool(verb)) continue;
    for (PoolId pool = 0; pool < kPools; ++pool) {
      asks.push_back({.verb = verb, .pool = pool, .split = {.share = 10'000}});
      if (verb == ReleaseVerb::kSwitch) {
        asks.push_back({.verb = verb, .pool = pool, .confirm_by = 1});
      }
      if (verb == ReleaseVerb::kSplit) {
        asks.push_back({.verb = verb, .pool = pool, .split = {.share = kWholeShare}});
      }
    }
  }
  return asks;
}

// Without what only counts.
auto key_of(const ReleaseState& state) {
  std::vector<std::tuple<PoolState, PoolState, bool>> pools;
  for (const PoolRecord& pool : state.pools) {
    pools.emplace_back(pool.state, pool.before, pool.fresh);
  }
  return std::tuple(pools, state.active, state.kept, state.previous, state.last, state.split.share);
}

const std::vector<ReleaseState>& all_states() {
  static const std::vector<ReleaseState> kStates = [] {
    std::vector<ReleaseState> states{initial_release({true, true, false}, 0)};
    std::set<decltype(key_of(states[0]))> seen{key_of(states[0])};
    for (std::size_t i = 0; i < states.size(); ++i) {
      for (const ReleaseAsk& ask : all_asks()) {
        ReleaseState next = step(states[i], ask).next;
        if (seen.insert(key_of(next)).second) states.push_back(std::move(next));
      }
    }
    return states;
  }();
  return kStates;
}

std::string words_of(const ReleaseState& state, const ReleaseAsk& ask) {
  std::string words(to_string(ask.verb));
  if (ask.pool != kNoPool) words += " " + std::to_string(ask.pool);
  words += " of";
  for (const PoolRecord& pool : state.pools) words += " " + std::string(to_string(pool.state));
  return words + ", last " + std::string(to_string(state.last));
}

// What a pool becomes, and why not; the rules between pools come on top.
struct Rule {
  std::optional<PoolState> becomes;
  ReleaseVerdict verdict = ReleaseVerdict::kChange;
};

using enum ReleaseVerdict;
constexpr Rule kAlreadySo{.becomes = std::nullopt, .verdict = kAlready};
constexpr Rule bars(ReleaseVerdict verdict) {
  return {.becomes = std::nullopt, .verdict = verdict};
}
constexpr Rule turns(PoolState state) {
  return {.becomes = state};
}

// By PoolState: retired, standby, canary, trial, active, kept, rejected, retiring.
using Row = std::array<Rule, 8>;

Rule rule_for(ReleaseVerb verb, const PoolRecord& pool, const ReleaseAsk& ask) {
  const Rule live = turns(ask.confirm_by != 0 ? PoolState::kTrial : PoolState::kActive);
  const Rule standby = turns(PoolState::kStandby);
  const Rule retiring = turns(PoolState::kRetiring);
  const auto row = [&]() -> Row {
    switch (verb) {
      case ReleaseVerb::kPrepare:
        return {standby,           pool.fresh ? kAlreadySo : standby,
                bars(kTakesShare), bars(kIsInTrial),
                bars(kIsLive),     standby,
                standby,           bars(kIsRetiring)};
      case ReleaseVerb::kSplit:
        return {bars(kIsRetired),
                turns(PoolState::kCanary),
                turns(PoolState::kCanary),
                bars(kIsInTrial),
                bars(kIsLive),
                bars(kIsKept),
                bars(ReleaseVerdict::kIsRejected),
                bars(kIsRetiring)};
      case ReleaseVerb::kSwitch:
        return {bars(kIsRetired),
                live,
                live,
                kAlreadySo,
                kAlreadySo,
                live,
                bars(ReleaseVerdict::kIsRejected),
                bars(kIsRetiring)};
      case ReleaseVerb::kConfirm:
        return {bars(kNotInTrial),
                bars(kNotInTrial),
                bars(kNotInTrial),
                turns(PoolState::kActive),
                kAlreadySo,
                bars(kNotInTrial),
                bars(ReleaseVerdict::kIsRejected),
                bars(kNotInTrial)};
      case ReleaseVerb::kRollback:
        return {bars(kNotKept), bars(kNotKept), bars(kNotKept),
                kAlreadySo,     kAlreadySo,     turns(PoolState::kActive),
                bars(kNotKept), bars(kNotKept)};
      case ReleaseVerb::kRetire:
        return {kAlreadySo,    retiring, bars(kTakesShare), bars(kIsInTrial),
                bars(kIsLive), retiring, retiring,          kAlreadySo};
      case ReleaseVerb::kUnretire:
        return {bars(kIsRetired), kAlreadySo, kAlreadySo, kAlreadySo,
                kAlreadySo,       kAlreadySo, kAlreadySo, turns(pool.before)};
      case ReleaseVerb::kVerified:
        return {kAlreadySo, kAlreadySo, kAlreadySo, kAlreadySo,
                kAlreadySo, kAlreadySo, standby,    kAlreadySo};
      case ReleaseVerb::kEmptied:
        return {kAlreadySo, kAlreadySo, kAlreadySo, kAlreadySo,
                kAlreadySo, kAlreadySo, kAlreadySo, turns(PoolState::kRetired)};
      default:
        return {};
    }
  }();
  return row[static_cast<std::size_t>(pool.state)];
}

// Of a verb with a pool.
ReleaseVerdict expected_verdict(const ReleaseState& state, const ReleaseAsk& ask) {
  const PoolRecord& pool = state.pools[ask.pool];
  const Rule rule = rule_for(ask.verb, pool, ask);
  const PoolId canary = canary_of(state);
  switch (ask.verb) {
    case ReleaseVerb::kPrepare:
    case ReleaseVerb::kRetire:
      if (in_trial(state) && ask.pool == state.previous) return kIsWayBack;
      break;
    case ReleaseVerb::kSplit:
      if (ask.pool == canary) return ask.split.share == state.split.share ? kAlready : kChange;
      if (pool.state != PoolState::kStandby) break;
      if (in_trial(state)) return kOtherInTrial;
      if (canary != kNoPool) return kOtherTakesShare;
      break;
    case ReleaseVerb::kSwitch:
      if (ask.pool == state.active) break;
      if (in_trial(state)) return kOtherInTrial;
      if (canary != kNoPool && canary != ask.pool) return kOtherTakesShare;
      break;
    default:
      break;
  }
  return rule.verdict;
}

// Of a verb without one.
ReleaseVerdict expected_verdict_of_app(const ReleaseState& state, ReleaseVerb verb) {
  const bool canary = canary_of(state) != kNoPool;
  const bool trial = in_trial(state);
  switch (verb) {
    case ReleaseVerb::kSplitOff:
      return canary ? kChange : kAlready;
    case ReleaseVerb::kAbort:
    case ReleaseVerb::kRejected:
      return canary || trial ? kChange : kAlready;
    case ReleaseVerb::kExpired:
      return trial ? kChange : kAlready;
    case ReleaseVerb::kConfirm:
      if (trial) return kChange;
      return state.last == DecisionKind::kSwitch ? kAlready : kNothingInTrial;
    case ReleaseVerb::kRollback:
      if (canary) return kChange;
      if (state.last == DecisionKind::kRollback) return kAlready;
      return rollback_target(state) != kNoPool ? kChange : kNothingKept;
    default:
      ADD_FAILURE() << to_string(verb) << " needs a pool";
      return kAlready;
  }
}

template <class Check>
void for_all(Check&& check) {
  for (const ReleaseState& state : all_states()) {
    for (const ReleaseAsk& ask : all_asks()) {
      SCOPED_TRACE(words_of(state, ask));
      check(state, ask, step(state, ask));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(EveryReleaseState, IsReachedOften) {
  EXPECT_GT(all_states().size(), 500U);
  std::set<PoolState> seen;
  for (const ReleaseState& state : all_states()) {
    for (const PoolRecord& pool : state.pools) seen.insert(pool.state);
  }
  EXPECT_EQ(seen.size(), std::size(kPoolStates));
}

TEST(EveryReleaseState, IsSound) {
  for (const ReleaseState& state : all_states())
    ASSERT_TRUE(is_sound(state)) << words_of(state, {});
}

TEST(EveryReleaseState, AnswersEveryVerbAsTheTableSays) {
  for_all([](const ReleaseState& state, const ReleaseAsk& ask, const ReleaseStep& step) {
    EXPECT_EQ(step.verdict, ask.pool == kNoPool ? expected_verdict_of_app(state, ask.verb)
                                                : expected_verdict(state, ask));
    if (step.verdict == kChange && ask.pool != kNoPool) {
      const Rule rule = rule_for(ask.verb, state.pools[ask.pool], ask);
      EXPECT_EQ(state_of(step.next, ask.pool), rule.becomes);
    }
  });
}

TEST(EveryReleaseState, IsLeftAloneByARefusal) {
  for_all([](const ReleaseState& state, const ReleaseAsk&, const ReleaseStep& step) {
    if (step.verdict == kChange) return;
    EXPECT_EQ(step.next, state);
    EXPECT_EQ(step.from, kNoPool);
  });
}

TEST(EveryReleaseState, CountsDecisionsAndSaysWhatIsLeft) {
  for_all([](const ReleaseState& state, const ReleaseAsk& ask, const ReleaseStep& step) {
    if (step.verdict != kChange) return;
    const bool found_out = ask.verb == ReleaseVerb::kVerified || ask.verb == ReleaseVerb::kEmptied;
    EXPECT_EQ(step.next.epoch, state.epoch + (found_out ? 0 : 1));
    EXPECT_EQ(step.from, step.next.active == state.active ? kNoPool : state.active);
  });
}

TEST(EveryReleaseState, TakesARepeatForWhatItIs) {
  for_all([](const ReleaseState&, const ReleaseAsk& ask, const ReleaseStep& first) {
    if (first.verdict != kChange) return;
    // A rollback without a name ends the split first; the second one then finds nothing to do, and
    // an abort of a trial leaves nothing to abort.
    EXPECT_EQ(step(first.next, ask).verdict, kAlready);
  });
}

// The ways back are never barred by what runs.
TEST(EveryReleaseState, WithARunningReleaseCanBeUndone) {
  for (const ReleaseState& state : all_states()) {
    if (canary_of(state) == kNoPool && !in_trial(state)) continue;
    for (const ReleaseVerb verb : {ReleaseVerb::kRollback, ReleaseVerb::kAbort}) {
      const ReleaseStep undone = step(state, {.verb = verb});
      ASSERT_EQ(undone.verdict, kChange) << words_of(state, {.verb = verb});
      EXPECT_EQ(canary_of(undone.next), kNoPool);
      EXPECT_FALSE(in_trial(undone.next));
    }
  }
}

// All traffic moves by a switch or on a way back, never otherwise.
TEST(EveryReleaseState, MovesTrafficOnlyByTheVerbsForThat) {
  const std::set<ReleaseVerb> moving = {ReleaseVerb::kSwitch, ReleaseVerb::kRollback,
                                        ReleaseVerb::kAbort, ReleaseVerb::kExpired,
                                        ReleaseVerb::kRejected};
  for_all([&](const ReleaseState& state, const ReleaseAsk& ask, const ReleaseStep& step) {
    if (step.next.active == state.active) return;
    EXPECT_TRUE(moving.contains(ask.verb));
    const PoolState target = state_of(state, step.next.active);
    if (ask.verb == ReleaseVerb::kSwitch) return;
    EXPECT_EQ(target, PoolState::kKept);
  });
}

}  // namespace
}  // namespace shunt::traffic
