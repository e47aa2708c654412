#include "shunt/control/restored_state.hpp"

#include <gmock/gmock.h>

#include "shunt/base/limits.hpp"
#include "tests/unit/control/fixture_model.hpp"

namespace shunt::control {
namespace {

using testing::HasSubstr;

StateLoad stored() {
  StateLoad load;
  AppDocument& app = load.document.apps["web"];
  app.epoch = 5;
  app.active = "green";
  app.kept = {"blue"};
  app.last = traffic::DecisionKind::kSwitch;
  return load;
}

// Events about what was recovered or is missing; not what is told besides.
std::vector<Event> recovered(const RestoredState& state) {
  std::vector<Event> events = state.events;
  std::erase_if(events, [](const Event& event) { return event.type != "state_recovered"; });
  return events;
}

TEST(RestoredState, AnAppWithoutStateStartsWithItsInitialPool) {
  traffic::Model model = test::web_model();
  model.apps[0].initial = 1;
  StateLoad load;
  load.fresh = true;
  const auto state = restore_state(model, load);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->apps[0].release.active, 1U);
  EXPECT_EQ(state->apps[0].release.epoch, 1U);
  EXPECT_EQ(state->document.apps.at("web").active, "green");
}

TEST(RestoredState, TheStateWinsOverInitial) {
  const auto state = restore_state(test::web_model(), stored());
  ASSERT_TRUE(state);
  EXPECT_EQ(state->apps[0].release.active, 1U);
  EXPECT_EQ(state->apps[0].release.epoch, 5U);
  EXPECT_THAT(state->apps[0].release.kept, testing::ElementsAre(0U));
  EXPECT_FALSE(state->apps[0].recovered_unacknowledged);
}

TEST(RestoredState, SaysWhereInitialIsNotWhatIsLive) {
  traffic::Model model = test::web_model();
  auto state = restore_state(model, stored(), "/etc/shunt/shunt.yaml");
  ASSERT_TRUE(state);
  ASSERT_EQ(state->events.size(), 1U);
  const Event& event = state->events[0];
  EXPECT_EQ(event.type, "initial_differs");
  EXPECT_EQ(event.level, EventLevel::kWarn);
  EXPECT_THAT(event.message,
              HasSubstr("initial is blue in /etc/shunt/shunt.yaml, but green is live"));
  EXPECT_THAT(event.message, HasSubstr("shunt switch blue"));
  EXPECT_THAT(event.message, HasSubstr("--reset-state"));
  model.apps[0].initial = 1;
  state = restore_state(model, stored());
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->events.empty());
}

TEST(RestoredState, AnActivePoolThatTheFileLacksRefusesToStart) {
  StateLoad load = stored();
  load.document.apps["web"].active = "purple";
  const auto state = restore_state(test::web_model(), load);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, base::ErrorCode::kConflict);
  EXPECT_THAT(state.error().message, HasSubstr("purple"));
  EXPECT_EQ(state.error().hint,
            "put the pool back into the file and start; shunt rollback then makes blue live, and "
            "the file may drop purple; or to do without it, start once with --reset-state: all "
            "decisions are forgotten, and the app begins with its `initial`, here blue");
  load.document.apps["web"].last = traffic::DecisionKind::kRollback;  // nothing leads back
  const auto rolled_back = restore_state(test::web_model(), load);
  ASSERT_FALSE(rolled_back);
  EXPECT_THAT(rolled_back.error().hint, testing::Not(HasSubstr("shunt rollback")));
}

TEST(RestoredState, AKeptPoolThatTheFileLacksRefusesToStart) {
  StateLoad load = stored();
  load.document.apps["web"].kept = {"blue", "purple"};  // else a rollback would lead to blue
  const auto state = restore_state(test::web_model(), load, "/etc/shunt/shunt.yaml");
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, base::ErrorCode::kConflict);
  EXPECT_THAT(state.error().message, HasSubstr("purple"));
  EXPECT_THAT(state.error().message, HasSubstr("/etc/shunt/shunt.yaml"));
  EXPECT_THAT(state.error().hint, HasSubstr("put the pool back"));
  EXPECT_THAT(state.error().hint, HasSubstr("shunt retire purple then gives up the rollback"));
  EXPECT_THAT(state.error().hint, HasSubstr("make green the app's `initial` and start once with "
                                            "--reset-state"));
}

TEST(RestoredState, StatesOfNodesThatTheFileLacksAreKeptForTheirReturn) {
  const traffic::Model whole = test::web_model();
  traffic::Model without = whole;
  without.apps[0].pools[1].nodes.pop_back();  // g2, slot 3
  without.slots = 3;
  StateLoad load = stored();
  load.document.apps["web"].admin = {{"g1", traffic::AdminState::kDrain},
                                     {"g2", traffic::AdminState::kMaint}};
  auto state = restore_state(without, load);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->admin[2], traffic::AdminState::kDrain);
  ASSERT_EQ(recovered(*state).size(), 1U);
  EXPECT_THAT(recovered(*state)[0].message, HasSubstr("g2 (maint)"));
  // The file has it again: it is still taken out.
  load.document = state->document;
  state = restore_state(whole, load);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->admin[3], traffic::AdminState::kMaint);
  EXPECT_TRUE(recovered(*state).empty());
}

TEST(RestoredState, StatesOfNodesThatAreGoneAreBoundedAndTheRestIsTold) {
  StateLoad load = stored();
  for (std::size_t node = 0; node <= base::kAbsentNodesKept; ++node) {
    load.document.apps["web"].admin["gone" + std::to_string(node)] = traffic::AdminState::kMaint;
  }
  load.document.apps["web"].admin["g2"] = traffic::AdminState::kDrain;
  const auto state = restore_state(test::web_model(), load);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->document.apps.at("web").admin.size(), base::kAbsentNodesKept + 1);
  EXPECT_EQ(state->admin[3], traffic::AdminState::kDrain);
  ASSERT_EQ(recovered(*state).size(), 2U);
  EXPECT_THAT(recovered(*state)[1].message, HasSubstr("forgotten"));
}

TEST(RestoredState, AnAppThatTheFileLacksIsKeptForItsReturn) {
  StateLoad load = stored();
  load.document.apps["shop"].active = "blue";
  const auto state = restore_state(test::web_model(), load);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->document.apps.count("shop"), 1U);
  ASSERT_EQ(recovered(*state).size(), 1U);
  EXPECT_EQ(recovered(*state)[0].app, "shop");
}

TEST(RestoredState, AppsThatTheFileLacksAreBoundedAndTheLastDecidedStay) {
  StateLoad load = stored();
  for (std::size_t number = 0; number < base::kAbsentAppsKept + 2; ++number) {
    AppDocument& app = load.document.apps["gone" + std::to_string(number)];
    app.active = "blue";
    app.receipt = Receipt{};
    app.receipt->wall_ms = number == 5 ? 0 : 1000 + static_cast<std::int64_t>(number);
  }
  load.document.apps["never"].active = "blue";  // without any decision
  for (std::size_t node = 0; node <= base::kAbsentNodesKept; ++node) {
    load.document.apps["gone7"].admin["n" + std::to_string(node)] = traffic::AdminState::kMaint;
  }
  const auto state = restore_state(test::web_model(), load);
  ASSERT_TRUE(state);
  const auto& apps = state->document.apps;
  EXPECT_EQ(apps.size(), base::kAbsentAppsKept + 1) << "and web";
  EXPECT_EQ(apps.count("web"), 1U);
  for (const char* forgotten : {"gone0", "gone5", "never"}) EXPECT_EQ(apps.count(forgotten), 0U);
  EXPECT_EQ(apps.at("gone7").admin.size(), base::kAbsentNodesKept);
  std::size_t told = 0;
  for (const Event& event : recovered(*state)) {
    told += event.message.find("its decision is forgotten, too many are gone") != std::string::npos;
  }
  EXPECT_EQ(told, 3U);
}

TEST(RestoredState, ADecisionInProgressIsMarkedUntilTheNextOne) {
  StateLoad load = stored();
  load.document.apps["web"].pending = true;
  load.acknowledged = false;
  auto state = restore_state(test::web_model(), load);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->apps[0].recovered_unacknowledged);
  EXPECT_THAT(recovered(*state).at(0).message, HasSubstr("recovered, unacknowledged"));
  // The mark survives further restarts of which nobody took notice.
  load.document = state->document;
  load.acknowledged = true;
  state = restore_state(test::web_model(), load);
  EXPECT_TRUE(state->apps[0].recovered_unacknowledged);
}

TEST(RestoredState, APendingDecisionThatWasAcknowledgedIsLikeAnyOther) {
  StateLoad load = stored();
  load.document.apps["web"].pending = true;
  load.acknowledged = true;
  const auto state = restore_state(test::web_model(), load);
  EXPECT_FALSE(state->apps[0].recovered_unacknowledged);
  EXPECT_FALSE(state->document.apps.at("web").pending);
}

TEST(RestoredState, TheFirstRootLeadsToReadyNodesOfTheActivePool) {
  StateLoad load = stored();
  load.document.apps["web"].admin = {{"g2", traffic::AdminState::kDrain}};
  const traffic::Model model = test::web_model();
  const auto state = restore_state(model, load);
  const auto root = initial_root(model, *state);
  EXPECT_EQ(root->revision, 1U);
  ASSERT_EQ(root->services.size(), 2U);
  for (const traffic::ServiceTable* table : root->services) {
    EXPECT_EQ(table->epoch, 5U);
    ASSERT_EQ(table->candidates.size(), 1U);
    EXPECT_EQ(table->candidates[0].slot, 2U);
    EXPECT_FALSE(table->panic);
  }
}

}  // namespace
}  // namespace shunt::control
