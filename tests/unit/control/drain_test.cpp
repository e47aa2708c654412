// Drains, closing, and what is asked of the workers.
#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::rollback_command;
using test::SeenClose;
using test::switch_command;
using testing::HasSubstr;
using traffic::AdminState;

// Two connections on b1, one on b2.
void put_connections(ControlRig& rig) {
  rig.data_plane->bump(0).nodes[0].established.add(1);
  rig.data_plane->bump(1).nodes[0].established.add(1);
  rig.data_plane->bump(1).nodes[1].established.add(1);
}
void end_connections(ControlRig& rig) {
  rig.data_plane->bump(0).nodes[0].established.subtract(1);
  rig.data_plane->bump(1).nodes[0].established.subtract(1);
  rig.data_plane->bump(1).nodes[1].established.subtract(1);
}

ControlRig& with_connections(ControlRig& rig) {
  rig.start();
  put_connections(rig);
  return rig;
}

TEST(Drain, ClosesNothingByItselfAndEndsWhenThePoolIsEmpty) {
  ControlRig rig;
  with_connections(rig).switch_to("green");
  EXPECT_EQ(rig.app().pools[0].drain.remaining, 3U);
  EXPECT_FALSE(rig.app().pools[0].drain.deadline_in);
  EXPECT_EQ(rig.events.count("drained"), 0U);
  end_connections(rig);
  rig.run_until([&] { return rig.events.count("drained") == 1; });
  EXPECT_THAT(rig.events.last("drained").message, HasSubstr("pool blue"));
  EXPECT_TRUE(rig.data_plane->closes.empty());
}

TEST(Drain, OfAPoolIsTimedFromTheSwitchAndThatOfANodeIsNot) {
  ControlRig rig;
  with_connections(rig).switch_to("green");
  const base::Instant switched = base::monotonic_now();
  rig.run(admin_command({"g1"}, AdminState::kDrain));
  rig.run_until([&] { return rig.events.count("drained") == 1; });  // g1 holds none
  EXPECT_TRUE(rig.drained.empty());
  end_connections(rig);
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
  with_connections(rig);
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
  with_connections(rig).switch_to("green");
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

TEST(Drain, BeforeItsDeadlineIsForgottenWhenThePoolIsLiveAgain) {
  ControlRig rig;
  rig.config.model.apps[0].drain.deadline = 3600 * base::kSecond;
  with_connections(rig).switch_to("green");
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
  rig.start();
  put_connections(rig);
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
  rig.start();
  put_connections(rig);
  Command command = admin_command({"b1"}, AdminState::kDrain);
  command.deadline = 0;
  rig.run(command);
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_EQ(rig.data_plane->closes[0].filter.node, 0U);
  rig.run(admin_command({"b1"}, AdminState::kReady));
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[3].cancel);
  EXPECT_EQ(rig.data_plane->closes[3].filter.node, 0U);
}

Command drain_b1(base::Duration deadline) {
  Command command = admin_command({"b1"}, AdminState::kDrain);
  command.deadline = deadline;
  return command;
}

TEST(Drain, OfANodeIsInItsStatusUntilItIsReady) {
  ControlRig rig;
  rig.start();
  put_connections(rig);
  rig.data_plane->worker[0].oldest = {{0, base::monotonic_now() - 60 * base::kSecond}};
  const auto drain = [&rig] { return rig.app().pools[0].node_list[0].drain; };
  EXPECT_FALSE(drain());
  rig.run(drain_b1(3600 * base::kSecond));
  rig.run_until([&] { return drain() && drain()->oldest != 0; });
  EXPECT_EQ(drain()->remaining, 2U);
  EXPECT_GE(drain()->oldest, 60 * base::kSecond);
  ASSERT_TRUE(drain()->deadline_in);
  EXPECT_LE(*drain()->deadline_in, 3600 * base::kSecond);
  EXPECT_GT(*drain()->deadline_in, 3000 * base::kSecond);
  EXPECT_FALSE(drain()->closing);
  EXPECT_FALSE(rig.app().pools[0].node_list[1].drain);
  rig.run(drain_b1(0));
  rig.run_until([&] { return drain()->closing; });
  rig.run(admin_command({"b1"}, AdminState::kReady));
  EXPECT_FALSE(drain());
  rig.run(admin_command({"b1"}, AdminState::kMaint));
  EXPECT_EQ(drain()->remaining, 2U);
  EXPECT_FALSE(drain()->deadline_in);
}

TEST(Drain, ThatClosesIsGivenMoreTime) {
  ControlRig rig;
  with_connections(rig).run(drain_b1(0));
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  rig.run(drain_b1(3600 * base::kSecond));
  ASSERT_EQ(rig.data_plane->closes.size(), 4U) << "taken back on both workers";
  EXPECT_TRUE(rig.data_plane->closes[2].cancel);
  EXPECT_TRUE(rig.data_plane->closes[3].cancel);
  EXPECT_EQ(rig.data_plane->closes[3].filter.node, 0U);
  // And it can be cut short again.
  rig.run(drain_b1(0));
  ASSERT_EQ(rig.data_plane->closes.size(), 6U);
  EXPECT_FALSE(rig.data_plane->closes[5].cancel);
}

TEST(Drain, HasItsDeadlineTakenBack) {
  ControlRig rig;
  with_connections(rig).run(drain_b1(0));
  rig.data_plane->closes.clear();
  const auto drain = [&rig] { return *rig.app().pools[0].node_list[0].drain; };
  Command none = admin_command({"b1"}, AdminState::kDrain);
  EXPECT_FALSE(rig.run(none).changed) << "a repeat without a deadline leaves it as it is";
  EXPECT_TRUE(rig.data_plane->closes.empty());
  EXPECT_TRUE(drain().closing);

  none.no_deadline = true;
  const Outcome outcome = rig.run(none);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.message, "b1 is drain: nothing is closed");
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
  EXPECT_EQ(again.message, "b1 is drain already: nothing is closed");
  EXPECT_EQ(drain().remaining, 2U);
}

TEST(Drain, NamesNodesDeadlineAndPaceWhereverItIsTold) {
  ControlRig rig;
  rig.config.model.apps[0].drain.close_over = 90 * base::kSecond;
  with_connections(rig).run(admin_command({"b1"}, AdminState::kDrain));
  // The node is drained already: the deadline alone is what changes.
  const Outcome outcome = rig.run(drain_b1(1800 * base::kSecond));
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
  const Outcome now = rig.run(drain_b1(0));
  EXPECT_EQ(now.message, "b1 is drain: what is left is closed now, over 90s");
  ASSERT_TRUE(drain().ends_in);
  EXPECT_GT(*drain().ends_in, 60 * base::kSecond);
  Command dry = drain_b1(60 * base::kSecond);
  dry.dry_run = true;
  EXPECT_EQ(rig.run(dry).message,
            "would leave b1 drain: what is left is closed after 1m, over 90s");
}

TEST(Drain, ThatClosesGoesOnInMaintenance) {
  ControlRig rig;
  with_connections(rig).run(drain_b1(0));
  rig.data_plane->closes.clear();
  rig.run(admin_command({"b1"}, AdminState::kMaint));
  EXPECT_TRUE(rig.data_plane->closes.empty());
}

TEST(Drain, OfANodeThatIsGivenMoreTimeLeavesItsPoolsClosingAlone) {
  ControlRig rig;
  with_connections(rig).run(drain_b1(0));
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  rig.data_plane->closes.clear();
  rig.run(drain_b1(3600 * base::kSecond));
  // Taken back for the node on both workers, then marked anew for the pool alone.
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  EXPECT_FALSE(rig.data_plane->closes[3].cancel);
  EXPECT_EQ(rig.data_plane->closes[3].filter.pool, 0U);
}

TEST(Drain, KeepsItsDeadlineWhereALaterCommandGivesNone) {
  ControlRig rig;
  with_connections(rig).run(drain_b1(20 * base::kMillisecond));
  rig.run(admin_command({"b1"}, AdminState::kMaint));
  rig.run_until([&] { return !rig.data_plane->closes.empty(); });
  EXPECT_EQ(rig.data_plane->closes[0].filter.node, 0U);
}

TEST(Drain, ThatIsCancelledSaysBywhatAndHowMuchIsLeft) {
  ControlRig rig;
  with_connections(rig).switch_to("green");
  rig.rollback();
  EXPECT_EQ(rig.events.last("drain_cancelled").message,
            "drain of pool blue cancelled by rollback: 3 connections remain");
  rig.run(drain_b1(3600 * base::kSecond));
  rig.run(admin_command({"b1"}, AdminState::kReady));
  EXPECT_EQ(rig.events.last("drain_cancelled").message,
            "drain of node b1 cancelled by ready: 2 connections remain");
  EXPECT_TRUE(rig.data_plane->closes.empty()) << "nothing was marked, so nothing is taken back";
}

TEST(Drain, OfANodeSaysWhenItIsEmpty) {
  ControlRig rig;
  rig.start();
  put_connections(rig);
  rig.run(admin_command({"b2"}, AdminState::kDrain));
  rig.data_plane->bump(1).nodes[1].established.subtract(1);
  rig.run_until([&] { return rig.events.count("drained") == 1; });
  EXPECT_THAT(rig.events.last("drained").message, HasSubstr("node b2"));
}

TEST(Drain, OfAPoolGoesOnClosingWhenOneOfItsNodesIsReadyAgain) {
  ControlRig rig;
  rig.start();
  put_connections(rig);
  Command drain = admin_command({"b1"}, AdminState::kDrain);
  drain.deadline = 0;
  rig.run(drain);
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  rig.data_plane->closes.clear();
  rig.run(admin_command({"b1"}, AdminState::kReady));
  // Taken back for the node on both workers, then marked anew for the pool.
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[0].cancel);
  EXPECT_FALSE(rig.data_plane->closes[3].cancel);
  EXPECT_EQ(rig.data_plane->closes[3].filter.pool, 0U);
  EXPECT_LE(rig.data_plane->closes[3].over, 30 * base::kSecond);
}

Command close_command(base::Duration over) {
  Command command;
  command.verb = Verb::kClose;
  command.close_over = over;
  return command;
}
Command close_pool(const std::string& pool, base::Duration over) {
  Command command = close_command(over);
  command.pool = pool;
  return command;
}
Command close_node(const std::string& node, base::Duration over) {
  Command command = close_command(over);
  command.nodes = {node};
  return command;
}
// Each worker finds one.
void find_some(ControlRig& rig) {
  for (auto& worker : rig.data_plane->worker) worker.matches = 1;
}

TEST(Close, OfAPoolEndsWhenThePoolIsLiveAgain) {
  for (const bool by_rollback : {true, false}) {
    ControlRig rig;
    with_connections(rig).switch_to("green");
    find_some(rig);
    rig.run(close_pool("blue", 60 * base::kSecond));
    EXPECT_TRUE(rig.app().pools[0].drain.closing);
    rig.data_plane->closes.clear();
    by_rollback ? rig.rollback() : rig.switch_to("blue");
    ASSERT_EQ(rig.data_plane->closes.size(), 2U) << "taken back on both workers";
    EXPECT_TRUE(rig.data_plane->closes[0].cancel);
    EXPECT_EQ(rig.data_plane->closes[0].cause, proxy::CloseCause::kClosed);
    EXPECT_EQ(rig.data_plane->closes[0].filter.pool, 0U);
    EXPECT_EQ(rig.data_plane->closes[0].filter.accepted_before, 0U);
    EXPECT_EQ(rig.events.last("close_cancelled").message,
              "closing of pool blue cancelled by " +
                  std::string(by_rollback ? "rollback" : "switch") + ": 3 connections remain");
  }
}

TEST(Close, OfALivePoolIsNoConcernOfASwitchToAnother) {
  ControlRig rig;
  with_connections(rig);
  find_some(rig);
  rig.run(close_pool("blue", 60 * base::kSecond));
  rig.data_plane->closes.clear();
  rig.switch_to("green");
  EXPECT_TRUE(rig.data_plane->closes.empty());
  EXPECT_EQ(rig.events.count("close_cancelled"), 0U);
}

TEST(Close, OfANodeAndOfAConnectionGoOnWhenTheirPoolIsLiveAgain) {
  ControlRig rig;
  with_connections(rig).switch_to("green");
  find_some(rig);
  rig.run(close_node("b1", 60 * base::kSecond));
  Command connection = close_command(60 * base::kSecond);
  connection.connection = 7;
  rig.run(connection);
  rig.data_plane->closes.clear();
  rig.run(rollback_command());
  EXPECT_TRUE(rig.data_plane->closes.empty()) << "no mark of the pool, nothing to take back";
  rig.switch_to("green");
  rig.run(close_pool("blue", 60 * base::kSecond));
  rig.data_plane->closes.clear();
  const base::Instant before = base::monotonic_now();
  rig.rollback();
  // The pool's marks are taken back, and with them those of the node and the connection: they are
  // set again, on connections that were there and have none.
  ASSERT_EQ(rig.data_plane->closes.size(), 6U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  for (const std::size_t again : {2U, 4U}) {
    const SeenClose& close = rig.data_plane->closes[again];
    EXPECT_FALSE(close.cancel);
    EXPECT_TRUE(close.only_unmarked);
    EXPECT_EQ(close.cause, proxy::CloseCause::kClosed);
    EXPECT_NE(close.filter.accepted_before, 0U);
    EXPECT_LE(close.filter.accepted_before, before);
    EXPECT_LE(close.over, 60 * base::kSecond);
  }
  EXPECT_EQ(rig.data_plane->closes[2].filter.node, 0U);
  EXPECT_EQ(rig.data_plane->closes[4].filter.connection, 7U);
}

TEST(Close, GetsBackWhatADrainTookOverWhenTheDrainEnds) {
  ControlRig rig;
  with_connections(rig);
  find_some(rig);
  rig.run(close_node("b1", 600 * base::kSecond));
  rig.run(drain_b1(0));
  rig.data_plane->closes.clear();
  rig.run(admin_command({"b1"}, AdminState::kReady));
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  EXPECT_EQ(rig.data_plane->closes[1].cause, proxy::CloseCause::kDrainDeadline);
  EXPECT_EQ(rig.data_plane->closes[3].cause, proxy::CloseCause::kClosed);
  EXPECT_TRUE(rig.data_plane->closes[3].only_unmarked);
}

TEST(Drain, GetsBackWhatAClosingTookOverWhenTheClosingEnds) {
  ControlRig rig;
  with_connections(rig).run(drain_b1(0));
  rig.switch_to("green");
  find_some(rig);
  rig.run(close_pool("blue", 10 * base::kSecond));
  rig.data_plane->closes.clear();
  rig.rollback();
  ASSERT_EQ(rig.data_plane->closes.size(), 4U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  EXPECT_EQ(rig.data_plane->closes[1].cause, proxy::CloseCause::kClosed);
  EXPECT_EQ(rig.data_plane->closes[3].cause, proxy::CloseCause::kDrainDeadline);
  EXPECT_EQ(rig.data_plane->closes[3].filter.node, 0U);
  EXPECT_TRUE(rig.data_plane->closes[3].only_unmarked);
}

TEST(Close, OverATimeIsRefusedWhereTooManyRun) {
  ControlRig rig;
  with_connections(rig);
  find_some(rig);
  for (int i = 0; i < 256; ++i) rig.run(close_node("b1", 60 * base::kSecond));
  const Outcome refused = rig.run(close_node("b1", 60 * base::kSecond));
  EXPECT_EQ(refused.kind, OutcomeKind::kUnavailable);
  EXPECT_EQ(refused.reasons.at(0).gate, "busy");
  EXPECT_TRUE(rig.run(close_node("b1", 0)).changed) << "at once needs no place";
}

TEST(Close, MarksTheConnectionsOnEveryWorkerAndCountsThem) {
  ControlRig rig;
  rig.start();
  rig.data_plane->worker[0].matches = 3;
  rig.data_plane->worker[1].matches = 4;
  Command command;
  command.verb = Verb::kClose;
  command.nodes = {"b1"};
  command.close_over = 10 * base::kSecond;
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.closed, 7U);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.message, "closing 7 connections over 10s");
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_EQ(rig.data_plane->closes[0].filter.node, 0U);
  EXPECT_EQ(rig.data_plane->closes[0].cause, proxy::CloseCause::kClosed);
  EXPECT_EQ(rig.events.count("close"), 1U);
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"epoch", "1"}, {"over", "10s"}, {"node", "b1"}, {"closed", "7"}};
  EXPECT_EQ(rig.events.last("close").fields, fields);
  EXPECT_EQ(outcome.over, 10 * base::kSecond);
  EXPECT_EQ(outcome.epoch, 1U);
}

TEST(Close, ADryRunCountsAndClosesNothing) {
  ControlRig rig;
  rig.start();
  rig.data_plane->worker[0].matches = 3;
  Command command;
  command.verb = Verb::kClose;
  command.pool = "blue";
  command.dry_run = true;
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.closed, 3U);
  EXPECT_TRUE(outcome.dry_run);
  EXPECT_TRUE(rig.data_plane->closes.empty());
}

TEST(Close, WantsExactlyOneTarget) {
  ControlRig rig;
  rig.start();
  Command command;
  command.verb = Verb::kClose;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kInvalid);
  command.pool = "blue";
  command.connection = 7;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kInvalid);
  command.pool.clear();
  rig.data_plane->worker[0].matches = 1;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kDone);
  EXPECT_EQ(rig.data_plane->closes.at(0).filter.connection, 7U);
}

TEST(Close, OfAConnectionThatEndedIsDoneAndOfOneThatNeverWasIsNotFound) {
  ControlRig rig;
  rig.start();
  rig.data_plane->bump(1).services[0].accepted.add(3);
  rig.data_plane->bump(1).services[1].accepted.add(4);
  Command command;
  command.verb = Verb::kClose;
  command.connection = (std::uint64_t{1} << 48) | 7;
  const Outcome ended = rig.run(command);
  EXPECT_EQ(ended.kind, OutcomeKind::kDone);
  EXPECT_FALSE(ended.changed);
  EXPECT_EQ(
      ended.message,
      "app web has no established connection 281474976710663: it has ended, is still connecting, "
      "or is another app's");
  for (const std::uint64_t never : {(std::uint64_t{1} << 48) | 8, std::uint64_t{1},
                                    std::uint64_t{2} << 48 | 1, std::uint64_t{1} << 48}) {
    command.connection = never;
    for (const bool dry_run : {false, true}) {
      command.dry_run = dry_run;
      const Outcome outcome = rig.run(command);
      EXPECT_EQ(outcome.kind, OutcomeKind::kNotFound) << never;
      EXPECT_EQ(outcome.message, "there is no connection " + std::to_string(never) +
                                     " and never was since the start");
    }
  }
}

TEST(Close, ThatAWorkerDoesNotAnswerEndsAllTheSame) {
  ControlRig rig;
  rig.timing.adoption_wait = 5 * base::kMillisecond;
  rig.start();
  rig.data_plane->worker[0].answers = false;
  rig.data_plane->worker[1].matches = 4;
  Command command;
  command.verb = Verb::kClose;
  command.pool = "blue";
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.message, "closing 4 connections; not every worker has answered");
  EXPECT_EQ(outcome.closed, 4U);
  EXPECT_TRUE(outcome.changed);
  command.dry_run = true;
  EXPECT_EQ(rig.run(command).closed, 4U);
  rig.data_plane->answer_all(0);
}

TEST(Close, ThatAWorkerDoesNotAnswerHoldsUpNoRollbackAndCountsTheOthers) {
  ControlRig rig;
  rig.timing.hurried_wait = 5 * base::kMillisecond;
  rig.start();
  rig.switch_to("green");
  rig.data_plane->worker[0].answers = false;
  rig.data_plane->worker[1].matches = 4;
  Command command;
  command.verb = Verb::kClose;
  command.pool = "blue";
  const auto closing = rig.apply(command);
  EXPECT_TRUE(rig.rollback().changed);
  ASSERT_TRUE(closing->has_value());
  EXPECT_EQ((*closing)->closed, 4U);
  rig.data_plane->answer_all(0);
}

TEST(WorkerRequests, WaitForRoomInAMailboxAndKeepTheirOrder) {
  ControlRig rig;
  rig.start();
  put_connections(rig);
  rig.data_plane->worker[0].full = true;
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  rig.rollback();
  ASSERT_EQ(rig.data_plane->closes.size(), 2U) << "worker 1 only";
  rig.data_plane->worker[0].full = false;
  rig.run_until([&] { return rig.data_plane->closes.size() == 4; });
  EXPECT_FALSE(rig.data_plane->closes[2].cancel);
  EXPECT_TRUE(rig.data_plane->closes[3].cancel);
}

}  // namespace
}  // namespace shunt::control
