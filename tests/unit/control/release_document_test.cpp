#include "src/control/release_document.hpp"

#include <algorithm>

#include <gmock/gmock.h>

#include "tests/unit/control/fixture_model.hpp"

namespace shunt::control {
namespace {

using ::testing::HasSubstr;
using traffic::PoolState;
using traffic::ReleaseVerb;

// Pools blue and green, and red where it is asked for.
traffic::App app_with(bool red = false) {
  traffic::App app = test::web_model().apps[0];
  if (red) {
    app.pools.push_back(app.pools[1]);
    app.pools.back().name = "red";
  }
  return app;
}
constexpr traffic::PoolId kBlue = 0;
constexpr traffic::PoolId kGreen = 1;

traffic::ReleaseState after(const traffic::ReleaseState& state, ReleaseVerb verb,
                            traffic::PoolId pool = traffic::kNoPool) {
  const traffic::ReleaseStep step = traffic::step(
      state,
      {.verb = verb, .pool = pool, .split = {.share = 7}, .confirm_by = 0, .version = "1.3.0"});
  EXPECT_EQ(step.verdict, traffic::ReleaseVerdict::kChange);
  return step.next;
}

TEST(ReleaseDocument, GivesBackWhatWasWritten) {
  const traffic::App app = app_with(true);
  std::vector<traffic::ReleaseState> states{fresh_release(app)};
  states.push_back(after(states.back(), ReleaseVerb::kPrepare, kGreen));
  states.push_back(after(states.back(), ReleaseVerb::kSplit, kGreen));
  states.push_back(after(states.back(), ReleaseVerb::kSwitch, kGreen));
  states.push_back(after(states.back(), ReleaseVerb::kRetire, kBlue));
  states.push_back(after(states.back(), ReleaseVerb::kEmptied, kBlue));
  states.push_back(
      traffic::step(states.back(),
                    {.verb = ReleaseVerb::kSwitch, .pool = 2, .confirm_by = 1'700'000'000'000})
          .next);
  states.push_back(after(states.back(), ReleaseVerb::kExpired));
  for (const traffic::ReleaseState& state : states) {
    AppDocument document;
    write_release(app, state, document);
    const auto read = read_release(app, document);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, state);
  }
}

// Every state that four commands lead to.
std::vector<traffic::ReleaseState> reachable(const traffic::App& app) {
  constexpr int kCommands = 4;
  std::vector<traffic::ReleaseState> states{fresh_release(app)};
  std::size_t begun = 0;
  for (int command = 0; command < kCommands; ++command) {
    const std::size_t end = states.size();
    for (; begun < end; ++begun) {
      for (const ReleaseVerb verb : traffic::kReleaseVerbs) {
        for (traffic::PoolId pool = 0; pool < app.pools.size(); ++pool) {
          const std::int64_t confirm_by = verb == ReleaseVerb::kSwitch && command % 2 == 1 ? 9 : 0;
          auto step = traffic::step(states[begun], {.verb = verb,
                                                    .pool = pool,
                                                    .split = {.share = 7},
                                                    .confirm_by = confirm_by,
                                                    .version = "1.3.0"});
          if (step.verdict != traffic::ReleaseVerdict::kChange) continue;
          if (std::find(states.begin(), states.end(), step.next) != states.end()) continue;
          states.push_back(std::move(step.next));
        }
      }
    }
  }
  return states;
}

// The daemon ends in any of them, and starts with a file that was edited meanwhile.
TEST(ReleaseDocument, EveryStateIsSoundAfterAnEditOfTheFile) {
  const traffic::App before = app_with(true);
  const std::vector<traffic::ReleaseState> states = reachable(before);
  EXPECT_GT(states.size(), 100U);
  for (const traffic::ReleaseState& state : states) {
    AppDocument document;
    write_release(before, state, document);
    for (traffic::PoolId initial = 0; initial < before.pools.size(); ++initial) {
      traffic::App moved = before;
      moved.initial = initial;
      const auto read = read_release(moved, document);
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(*read, state);
    }
    traffic::App more = before;
    more.pools.push_back(more.pools[1]);
    more.pools.back().name = "yellow";
    auto read = read_release(more, document);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(traffic::state_of(*read, 3), PoolState::kStandby);
    EXPECT_EQ(read->active, state.active);
    const auto& kept = state.kept;
    if (state.active == 2 || std::find(kept.begin(), kept.end(), 2U) != kept.end()) continue;
    read = read_release(app_with(), document);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->active, state.active);
    if (traffic::canary_of(state) == 2) continue;  // its share was what a rollback would have ended
    EXPECT_EQ(traffic::rollback_target(*read), traffic::rollback_target(state));
  }
}

TEST(ReleaseDocument, OfABuildBeforePoolsHadStatesIsUnderstood) {
  AppDocument document;
  document.epoch = 5;
  document.active = "green";
  document.kept = {"blue"};
  document.last = traffic::DecisionKind::kSwitch;
  auto read = read_release(app_with(), document);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(traffic::state_of(*read, kGreen), PoolState::kActive);
  EXPECT_EQ(traffic::state_of(*read, kBlue), PoolState::kKept);
  EXPECT_EQ(traffic::rollback_target(*read), kBlue);
  EXPECT_EQ(read->pools[kBlue].generation, 1U);
  EXPECT_EQ(read->pools[kGreen].generation, 2U);
  document.last = traffic::DecisionKind::kRollback;
  read = read_release(app_with(), document);
  ASSERT_TRUE(read);
  EXPECT_EQ(traffic::rollback_target(*read), traffic::kNoPool);
}

TEST(ReleaseDocument, APoolThatIsNewInTheFileBeginsWithAGenerationOfItsOwn) {
  AppDocument document;
  write_release(app_with(), after(fresh_release(app_with()), ReleaseVerb::kPrepare, kGreen),
                document);
  const auto read = read_release(app_with(true), document);
  ASSERT_TRUE(read);
  EXPECT_EQ(traffic::state_of(*read, 2), PoolState::kStandby);
  EXPECT_EQ(read->pools[2].generation, 4U);
}

TEST(ReleaseDocument, InitialMayNameAPoolThatIsNewInTheFile) {
  AppDocument document;
  write_release(app_with(), after(fresh_release(app_with()), ReleaseVerb::kSwitch, kGreen),
                document);
  traffic::App app = app_with(true);
  app.initial = 2;
  const auto read = read_release(app, document);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(traffic::state_of(*read, 2), PoolState::kStandby);
  EXPECT_EQ(traffic::state_of(*read, kGreen), PoolState::kActive);
}

TEST(ReleaseDocument, AStandbyPoolThatTheFileDropsIsForgottenAndItsShareWithIt) {
  AppDocument document;
  write_release(app_with(true), after(fresh_release(app_with(true)), ReleaseVerb::kSplit, 2),
                document);
  const auto read = read_release(app_with(), document);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->split.share, 0U);
  EXPECT_EQ(read->pools.size(), 2U);
}

TEST(ReleaseDocument, StatesThatContradictEachOtherAreRefused) {
  AppDocument document;
  write_release(app_with(), fresh_release(app_with()), document);
  document.pools["green"].state = PoolState::kActive;
  const auto read = read_release(app_with(), document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, base::ErrorCode::kInvalid);
  EXPECT_THAT(read.error().message, HasSubstr("web"));
  EXPECT_THAT(read.error().hint, HasSubstr("--reset-state"));
}

}  // namespace
}  // namespace shunt::control
