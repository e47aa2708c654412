// Drains, closing, and what is asked of the workers.
#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::drain_command;
using test::rollback_command;
using test::SeenClose;
using test::switch_command;
using testing::HasSubstr;
using traffic::AdminState;

TEST(Drain, ClosesNothingByItselfAndEndsWhenThePoolIsEmpty) {
  ControlRig rig;
  rig.with_connections().switch_to("green");
  EXPECT_EQ(rig.app().pools[0].drain.remaining, 3U);
  EXPECT_FALSE(rig.app().pools[0].drain.deadline_in);
  EXPECT_EQ(rig.events.count("drained"), 0U);
  rig.end_connections();
  rig.run_until([&] { return rig.events.count("drained") == 1; });
  EXPECT_THAT(rig.events.last("drained").message, HasSubstr("pool blue"));
  EXPECT_TRUE(rig.data_plane->closes.empty());
}

TEST(Drain, OfAPoolIsTimedFromTheSwitchAndThatOfANodeIsNot) {
  ControlRig rig;
  rig.with_connections().switch_to("green");
  const base::Instant switched = base::monotonic_now();
  rig.run(admin_command({"g1"}, AdminState::kDrain));
  rig.run_until([&] { return rig.events.count("drained") == 1; });  // g1 holds none
  EXPECT_TRUE(rig.drained.empty());
  rig.end_connections();
  const base::Instant ended = base::monotonic_now();
  rig.run_until([&] { return rig.events.count("drained") == 2; });
  ASSERT_EQ(rig.drained.size(), 1U);
  EXPECT_EQ(rig.drained[0].first, 0U);
  EXPECT_GE(rig.drained[0].second, ended - switched);
  // Live again before it was empty, it was never drained.
  rig.rollback();
  rig.data_plane->bump(0).nodes[0].established.add(1);
  rig.switch_to("green");
  rig.rollback();
  rig.data_plane->bump(0).nodes[0].established.subtract(1);
  rig.run_until([&] { return rig.drained.size() == 2; });  // green, with nothing left on it
  EXPECT_EQ(rig.drained[1].first, 1U);
}

TEST(Drain, KnowsTheAgeOfTheOldestConnection) {
  ControlRig rig;
  rig.with_connections();
  const base::Instant now = base::monotonic_now();
  rig.data_plane->worker[0].oldest = {{0, now - 5 * base::kSecond}};
  rig.data_plane->worker[1].oldest = {{0, now - 60 * base::kSecond}, {1, now - base::kSecond}};
  rig.switch_to("green");
  rig.run_until([&] { return rig.app().pools[0].drain.oldest != 0; });
  EXPECT_GE(rig.app().pools[0].drain.oldest, 60 * base::kSecond);
  EXPECT_LT(rig.app().pools[0].drain.oldest, 600 * base::kSecond);
}

TEST(Drain, AtItsDeadlineClosesWhatIsLeftSpreadOut) {
  ControlRig rig;
  rig.config.model.apps[0].drain = {.deadline = base::kMillisecond,
                                    .close_over = 7 * base::kSecond};
  rig.with_connections().switch_to("green");
  rig.run_until([&] { return rig.data_plane->closes.size() == 2; });
  for (const SeenClose& close : rig.data_plane->closes) {
    EXPECT_FALSE(close.cancel);
    EXPECT_EQ(close.filter.pool, 0U);
    EXPECT_EQ(close.filter.node, traffic::kNoSlot);
    EXPECT_EQ(close.over, 7 * base::kSecond);
    EXPECT_EQ(close.cause, proxy::CloseCause::kDrainDeadline);
  }
  EXPECT_TRUE(rig.app().pools[0].drain.closing);
  EXPECT_EQ(rig.events.count("drain_deadline"), 1U);
}

TEST(Drain, ThatClosesAtOnceIsToldAfterTheSwitchThatBeganIt) {
  ControlRig rig;
  rig.with_connections();
  Command command = switch_command("green");
  command.close_over = 7 * base::kSecond;
  EXPECT_TRUE(rig.run(command).changed);
  std::vector<std::string> types;
  for (const Event& event : rig.events.events) {
    if (event.type == "switch" || event.type == "drain_deadline") types.push_back(event.type);
  }
  EXPECT_THAT(types, testing::ElementsAre("switch", "drain_deadline"));
}

TEST(Drain, BeforeItsDeadlineIsForgottenWhenThePoolIsLiveAgain) {
  ControlRig rig;
  rig.config.model.apps[0].drain.deadline = 3600 * base::kSecond;
  rig.with_connections().switch_to("green");
  EXPECT_TRUE(rig.app().pools[0].drain.deadline_in);
  rig.rollback();
  rig.data_plane->closes.clear();
  rig.switch_to("green");
  EXPECT_TRUE(rig.data_plane->closes.empty());
  ASSERT_TRUE(rig.app().pools[0].drain.deadline_in);
  EXPECT_GT(*rig.app().pools[0].drain.deadline_in, 3500 * base::kSecond);
}

TEST(Drain, ThatClosesIsTakenBackWhenThePoolIsLiveAgain) {
  ControlRig rig;
  rig.with_connections();
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_EQ(rig.data_plane->closes[0].over, 30 * base::kSecond);
  rig.rollback();
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[2].cancel);
  EXPECT_EQ(rig.data_plane->closes[2].filter.pool, 0U);
}

TEST(Drain, OfANodeHasADeadlineOfItsOwnAndEndsWithReady) {
  ControlRig rig;
  rig.with_connections();
  rig.run(drain_command({"b1"}, 0));
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_EQ(rig.data_plane->closes[0].filter.node, 0U);
  rig.run(admin_command({"b1"}, AdminState::kReady));
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[3].cancel);
  EXPECT_EQ(rig.data_plane->closes[3].filter.node, 0U);
}

TEST(Drain, OfANodeIsInItsStatusUntilItIsReady) {
  ControlRig rig;
  rig.with_connections();
  rig.data_plane->worker[0].oldest = {{0, base::monotonic_now() - 60 * base::kSecond}};
  const auto drain = [&rig] { return rig.app().pools[0].node_list[0].drain; };
  EXPECT_FALSE(drain());
  rig.run(drain_command({"b1"}, 3600 * base::kSecond));
  rig.run_until([&] { return drain() && drain()->oldest != 0; });
  EXPECT_EQ(drain()->remaining, 2U);
  EXPECT_GE(drain()->oldest, 60 * base::kSecond);
  ASSERT_TRUE(drain()->deadline_in);
  EXPECT_LE(*drain()->deadline_in, 3600 * base::kSecond);
  EXPECT_GT(*drain()->deadline_in, 3000 * base::kSecond);
  EXPECT_FALSE(drain()->closing);
  EXPECT_FALSE(rig.app().pools[0].node_list[1].drain);
  rig.run(drain_command({"b1"}, 0));
  rig.run_until([&] { return drain()->closing; });
  rig.run(admin_command({"b1"}, AdminState::kReady));
  EXPECT_FALSE(drain());
  rig.run(admin_command({"b1"}, AdminState::kMaint));
  EXPECT_EQ(drain()->remaining, 2U);
  EXPECT_FALSE(drain()->deadline_in);
}

TEST(Drain, ThatClosesIsGivenMoreTime) {
  ControlRig rig;
  rig.with_connections().run(drain_command({"b1"}, 0));
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  rig.run(drain_command({"b1"}, 3600 * base::kSecond));
  ASSERT_EQ(rig.data_plane->closes.size(), 4U) << "taken back on both workers";
  EXPECT_TRUE(rig.data_plane->closes[2].cancel);
  EXPECT_TRUE(rig.data_plane->closes[3].cancel);
  EXPECT_EQ(rig.data_plane->closes[3].filter.node, 0U);
  // And it can be cut short again.
  rig.run(drain_command({"b1"}, 0));
  ASSERT_EQ(rig.data_plane->closes.size(), 6U);
  EXPECT_FALSE(rig.data_plane->closes[5].cancel);
}

TEST(Drain, HasItsDeadlineTakenBack) {
  ControlRig rig;
  rig.with_connections().run(drain_command({"b1"}, 0));
  rig.data_plane->closes.clear();
  const auto drain = [&rig] { return *rig.app().pools[0].node_list[0].drain; };
  Command none = admin_command({"b1"}, AdminState::kDrain);
  EXPECT_FALSE(rig.run(none).changed) << "a repeat without a deadline leaves it as it is";
  EXPECT_TRUE(rig.data_plane->closes.empty());
  EXPECT_TRUE(drain().closing);

  none.no_deadline = true;
  const Outcome outcome = rig.run(none);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.message, "b1 is drain: its deadline is taken back, nothing is closed");
  EXPECT_THAT(outcome.nodes, testing::ElementsAre("b1"));
  ASSERT_EQ(rig.data_plane->closes.size(), 2U) << "taken back on both workers";
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  EXPECT_FALSE(drain().deadline_in);
  EXPECT_FALSE(drain().closing);
  EXPECT_FALSE(drain().over);
  EXPECT_EQ(rig.events.last("node_admin").fields.at(3),
            (std::pair<std::string, std::string>{"deadline", "none"}));

  const Outcome again = rig.run(none);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.message, "b1 is drain already: no deadline of its own, nothing is closed");
  EXPECT_EQ(drain().remaining, 2U);
}

TEST(Drain, ThatHasItsDeadlineTakenBackNamesWhatStillCloses) {
  ControlRig rig;
  rig.config.model.apps[0].drain.deadline = 3600 * base::kSecond;
  rig.with_connections().switch_to("green");
  for (auto& worker : rig.data_plane->worker) worker.matches = 1;
  rig.run(test::close_node("b1", 600 * base::kSecond));
  rig.run(test::close_node("b2", 600 * base::kSecond));
  rig.run(test::close_node("b2", 700 * base::kSecond));
  rig.run(drain_command({"b1", "b2"}, 60 * base::kSecond));
  const auto without = [](std::vector<std::string> nodes) {
    Command none = admin_command(std::move(nodes), AdminState::kDrain);
    none.no_deadline = true;
    return none;
  };
  EXPECT_EQ(rig.run(without({"b1"})).message,
            "b1 is drain: its deadline is taken back; still closed by pool blue (drain deadline), "
            "node b1 (shunt close)");
  EXPECT_EQ(rig.run(without({"b1", "b2"})).message,
            "b1, b2 are drain: their deadlines are taken back; still closed by pool blue (drain "
            "deadline), node b1 (shunt close), node b2 (shunt close)");
  rig.run(without({"g1"}));
  EXPECT_EQ(rig.run(without({"g1"})).message,
            "g1 is drain already: no deadline of its own, nothing is closed");
}

TEST(Drain, NamesNodesDeadlineAndPaceWhereverItIsTold) {
  ControlRig rig;
  rig.config.model.apps[0].drain.close_over = 90 * base::kSecond;
  rig.with_connections().run(admin_command({"b1"}, AdminState::kDrain));
  // The node is drained already: the deadline alone is what changes.
  const Outcome outcome = rig.run(drain_command({"b1"}, 1800 * base::kSecond));
  EXPECT_EQ(outcome.message, "b1 is drain: what is left is closed after 30m, over 90s");
  EXPECT_THAT(outcome.nodes, testing::ElementsAre("b1"));
  EXPECT_EQ(outcome.deadline, 1800 * base::kSecond);
  EXPECT_EQ(outcome.over, 90 * base::kSecond);
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"epoch", "1"}, {"nodes", "b1"}, {"admin", "drain"}, {"deadline", "30m"}, {"over", "90s"}};
  EXPECT_EQ(rig.events.last("node_admin").fields, fields);
  const auto drain = [&rig] { return *rig.app().pools[0].node_list[0].drain; };
  EXPECT_EQ(drain().over, 90 * base::kSecond);
  EXPECT_FALSE(drain().ends_in);
  const Outcome now = rig.run(drain_command({"b1"}, 0));
  EXPECT_EQ(now.message, "b1 is drain: what is left is closed now, over 90s");
  ASSERT_TRUE(drain().ends_in);
  EXPECT_GT(*drain().ends_in, 60 * base::kSecond);
  Command dry = drain_command({"b1"}, 60 * base::kSecond);
  dry.dry_run = true;
  EXPECT_EQ(rig.run(dry).message,
            "would leave b1 drain: what is left is closed after 1m, over 90s");
}

TEST(Drain, ThatClosesGoesOnInMaintenance) {
  ControlRig rig;
  rig.with_connections().run(drain_command({"b1"}, 0));
  rig.data_plane->closes.clear();
  rig.run(admin_command({"b1"}, AdminState::kMaint));
  EXPECT_TRUE(rig.data_plane->closes.empty());
}

TEST(Drain, OfANodeThatIsGivenMoreTimeLeavesItsPoolsClosingAlone) {
  ControlRig rig;
  rig.with_connections().run(drain_command({"b1"}, 0));
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  rig.data_plane->closes.clear();
  rig.run(drain_command({"b1"}, 3600 * base::kSecond));
  // Taken back for the node on both workers, and marked anew for the pool alone.
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  ASSERT_EQ(rig.data_plane->closes[1].others.size(), 1U);
  EXPECT_EQ(rig.data_plane->closes[1].others[0].filter.pool, 0U);
}

TEST(Drain, KeepsItsDeadlineWhereALaterCommandGivesNone) {
  ControlRig rig;
  rig.with_connections().run(drain_command({"b1"}, 20 * base::kMillisecond));
  rig.run(admin_command({"b1"}, AdminState::kMaint));
  rig.run_until([&] { return !rig.data_plane->closes.empty(); });
  EXPECT_EQ(rig.data_plane->closes[0].filter.node, 0U);
}

TEST(Drain, ThatIsCancelledSaysBywhatAndHowMuchIsLeft) {
  ControlRig rig;
  rig.with_connections().switch_to("green");
  rig.rollback();
  EXPECT_EQ(rig.events.last("drain_cancelled").message,
            "drain of pool blue cancelled by rollback: 3 connections remain");
  rig.run(drain_command({"b1"}, 3600 * base::kSecond));
  rig.run(admin_command({"b1"}, AdminState::kReady));
  EXPECT_EQ(rig.events.last("drain_cancelled").message,
            "drain of node b1 cancelled by ready: 2 connections remain");
  EXPECT_TRUE(rig.data_plane->closes.empty()) << "nothing was marked, so nothing is taken back";
}

TEST(Drain, OfANodeSaysWhenItIsEmpty) {
  ControlRig rig;
  rig.with_connections();
  rig.run(admin_command({"b2"}, AdminState::kDrain));
  rig.data_plane->bump(1).nodes[1].established.subtract(1);
  rig.run_until([&] { return rig.events.count("drained") == 1; });
  EXPECT_THAT(rig.events.last("drained").message, HasSubstr("node b2"));
}

TEST(Drain, OfAPoolGoesOnClosingWhenOneOfItsNodesIsReadyAgain) {
  ControlRig rig;
  rig.with_connections();
  rig.run(drain_command({"b1"}, 0));
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  rig.data_plane->closes.clear();
  rig.run(admin_command({"b1"}, AdminState::kReady));
  // Taken back for the node on both workers, and marked anew for the pool.
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_TRUE(rig.data_plane->closes[0].cancel);
  ASSERT_EQ(rig.data_plane->closes[0].others.size(), 1U);
  EXPECT_EQ(rig.data_plane->closes[0].others[0].filter.pool, 0U);
  EXPECT_LE(rig.data_plane->closes[0].others[0].over, 30 * base::kSecond);
}

}  // namespace
}  // namespace shunt::control
