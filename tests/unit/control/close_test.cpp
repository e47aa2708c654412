// Closing: `shunt close`, what overlaps with it, and the marks on their way to the workers.
#include <gmock/gmock.h>

#include "shunt/base/limits.hpp"
#include "src/control/mark_mail.hpp"
#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::close_command;
using test::close_node;
using test::close_pool;
using test::ControlRig;
using test::drain_command;
using test::rollback_command;
using test::SeenClose;
using test::switch_command;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using traffic::AdminState;

// Each worker finds one.
void find_some(ControlRig& rig) {
  for (auto& worker : rig.data_plane->worker) worker.matches = 1;
}

TEST(Close, OfAPoolEndsWhenThePoolIsLiveAgain) {
  for (const bool by_rollback : {true, false}) {
    ControlRig rig;
    rig.with_connections().switch_to("green");
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
  rig.with_connections();
  find_some(rig);
  rig.run(close_pool("blue", 60 * base::kSecond));
  rig.data_plane->closes.clear();
  rig.switch_to("green");
  EXPECT_TRUE(rig.data_plane->closes.empty());
  EXPECT_EQ(rig.events.count("close_cancelled"), 0U);
}

TEST(Close, OfANodeAndOfAConnectionGoOnWhenTheirPoolIsLiveAgain) {
  ControlRig rig;
  rig.with_connections().switch_to("green");
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
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  const auto& others = rig.data_plane->closes[1].others;
  ASSERT_EQ(others.size(), 2U);
  for (const proxy::CloseOrder& again : others) {
    EXPECT_EQ(again.cause, proxy::CloseCause::kClosed);
    EXPECT_NE(again.filter.accepted_before, 0U);
    EXPECT_LE(again.filter.accepted_before, before);
    EXPECT_LE(again.over, 60 * base::kSecond);
  }
  EXPECT_EQ(others[0].filter.node, 0U);
  EXPECT_EQ(others[1].filter.connection, 7U);
}

TEST(Close, GetsBackWhatADrainTookOverWhenTheDrainEnds) {
  ControlRig rig;
  rig.with_connections();
  find_some(rig);
  rig.run(close_node("b1", 600 * base::kSecond));
  rig.run(drain_command({"b1"}, 0));
  rig.data_plane->closes.clear();
  rig.run(admin_command({"b1"}, AdminState::kReady));
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  EXPECT_EQ(rig.data_plane->closes[1].cause, proxy::CloseCause::kDrainDeadline);
  ASSERT_EQ(rig.data_plane->closes[1].others.size(), 1U);
  EXPECT_EQ(rig.data_plane->closes[1].others[0].cause, proxy::CloseCause::kClosed);
}

TEST(Drain, GetsBackWhatAClosingTookOverWhenTheClosingEnds) {
  ControlRig rig;
  rig.with_connections().run(drain_command({"b1"}, 0));
  rig.switch_to("green");
  find_some(rig);
  rig.run(close_pool("blue", 10 * base::kSecond));
  rig.data_plane->closes.clear();
  rig.rollback();
  ASSERT_EQ(rig.data_plane->closes.size(), 2U);
  EXPECT_TRUE(rig.data_plane->closes[1].cancel);
  EXPECT_EQ(rig.data_plane->closes[1].cause, proxy::CloseCause::kClosed);
  ASSERT_EQ(rig.data_plane->closes[1].others.size(), 1U);
  EXPECT_EQ(rig.data_plane->closes[1].others[0].cause, proxy::CloseCause::kDrainDeadline);
  EXPECT_EQ(rig.data_plane->closes[1].others[0].filter.node, 0U);
}

TEST(Close, OverATimeIsRefusedWhereTooManyRun) {
  ControlRig rig;
  rig.with_connections();
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
  const Outcome outcome = rig.run(close_node("b1", 10 * base::kSecond));
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
  Command command = close_pool("blue", 0);
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
  Command command = close_pool("blue", 0);
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
  Command command = close_pool("blue", 0);
  const auto closing = rig.apply(command);
  EXPECT_TRUE(rig.rollback().changed);
  ASSERT_TRUE(closing->has_value());
  EXPECT_EQ((*closing)->closed, 4U);
  rig.data_plane->answer_all(0);
}

TEST(Close, ThatIsCalledOffIsLeftByAWorkerThatTakesItLate) {
  for (const base::Duration over : {base::Duration{0}, 60 * base::kSecond}) {
    ControlRig rig;
    rig.timing.hurried_wait = 5 * base::kMillisecond;
    rig.with_connections().switch_to("green");
    rig.data_plane->worker[0].answers = false;
    find_some(rig);
    const auto closing = rig.apply(close_pool("blue", over));
    EXPECT_TRUE(rig.rollback().changed);
    ASSERT_TRUE(closing->has_value());
    rig.data_plane->closes.clear();
    rig.data_plane->answer_all(0);
    ASSERT_GE(rig.data_plane->closes.size(), 2U);
    const SeenClose& late = rig.data_plane->closes[0];
    EXPECT_FALSE(late.cancel);
    EXPECT_NE(late.filter.accepted_before, 0U) << "what came after it is not meant";
    ASSERT_TRUE(late.withdrawn);
    EXPECT_TRUE(late.withdrawn->load());
    // Brought in line meanwhile, it may have been told of the closing again: that is called off,
    // too.
    for (const SeenClose& close : rig.data_plane->closes) {
      for (const auto& other : close.others) EXPECT_TRUE(other.withdrawn->load());
    }
    EXPECT_TRUE(rig.data_plane->closes.back().cancel) << "marks that it had set would go by this";
    EXPECT_TRUE(rig.data_plane->closes.back().others.empty());
    EXPECT_EQ(rig.events.count("close_cancelled"), 1U);
  }
}

TEST(Close, StaysAnOrderUntilEveryWorkerHasAnswered) {
  ControlRig rig;
  rig.timing.adoption_wait = 5 * base::kMillisecond;
  rig.with_connections();
  rig.data_plane->worker[0].answers = false;
  find_some(rig);
  rig.run(close_node("b1", 0));
  ASSERT_THAT(rig.app().closings, SizeIs(1));
  EXPECT_EQ(rig.app().closings[0].node, "b1");
  EXPECT_EQ(rig.app().closings[0].ends_in, 0U);
  // In case that the first request has not reached it, it is told again with all that holds.
  rig.run_until([&] { return rig.data_plane->worker[0].unanswered.size() >= 2; });
  rig.run_until([&] {
    rig.data_plane->answer_all(0);
    return rig.app().closings.empty();
  });
  const auto& closes = rig.data_plane->closes;
  const auto whole = std::find_if(closes.begin(), closes.end(), [](auto& c) { return c.all; });
  ASSERT_NE(whole, closes.end());
  ASSERT_THAT(whole->others, SizeIs(1));
  EXPECT_EQ(whole->others[0].filter.node, 0U);
  EXPECT_EQ(whole->others[0].over, 0U);
}

TEST(Close, AtOnceHasLeftWhatWorkersHoldThatHaveNotAnswered) {
  ControlRig rig;
  rig.timing.adoption_wait = 5 * base::kMillisecond;
  rig.with_connections();
  rig.data_plane->worker[0].answers = false;
  rig.data_plane->worker[1].matches = 500;
  EXPECT_EQ(rig.run(close_pool("blue", 0)).closed, 500U);
  ASSERT_THAT(rig.app().closings, SizeIs(1));
  EXPECT_EQ(rig.app().closings[0].remaining, 1U) << "the 500 are closed";
  Command cancel = close_pool("blue", 0);
  cancel.cancel = cancel.dry_run = true;
  EXPECT_THAT(rig.run(cancel).message, HasSubstr("1 connection would remain"));
  rig.data_plane->bump(0).nodes[0].established.subtract(1);
  rig.run_until([&] { return rig.app().closings.empty(); });
  rig.data_plane->answer_all(0);
}

TEST(Close, OverATimeCountsOnWhileAWorkerDoesNotAnswer) {
  ControlRig rig;
  rig.timing.adoption_wait = 5 * base::kMillisecond;
  rig.with_connections();
  rig.data_plane->worker[0].answers = false;
  rig.data_plane->worker[1].matches = 4;
  rig.data_plane->bump(1).nodes[0].established.add(3);  // six in all
  rig.run(close_pool("blue", 600 * base::kSecond));
  const auto left = [&] { return rig.app().closings.at(0).remaining; };
  EXPECT_EQ(left(), 5U) << "4 are marked, and the silent worker holds one";
  rig.data_plane->worker[1].marks = 1;  // of each of two nodes
  const base::Instant end = base::monotonic_now() + 20 * base::kSecond;
  rig.run_until([&] { return left() == 3 || base::monotonic_now() > end; });
  EXPECT_EQ(left(), 3U);
  rig.data_plane->worker[1].marks = 0;
  rig.data_plane->answer_all(0);
}

TEST(Close, IsRefusedWithTheWorkerThatTheOthersWaitFor) {
  for (const base::Duration over : {base::Duration{0}, base::kMillisecond}) {
    ControlRig rig;
    rig.timing.adoption_wait = base::kMillisecond;
    rig.with_connections();
    rig.data_plane->worker[0].answers = false;
    for (std::size_t i = 0; i < base::kClosingsMax; ++i) rig.run(close_node("b1", over));
    const base::Instant through = base::monotonic_now() + 2 * base::kSecond;
    rig.run_until([&] { return over == 0 || base::monotonic_now() > through; });
    const Outcome refused = rig.run(close_node("b1", over));
    EXPECT_EQ(refused.kind, OutcomeKind::kUnavailable);
    ASSERT_THAT(refused.reasons, SizeIs(1));
    EXPECT_THAT(refused.reasons[0].message, HasSubstr("worker 0 does not answer"));
    rig.data_plane->answer_all(0);
  }
}

TEST(Close, OverATimeIsInTheStatusAndEndsWithTheLastOfItsConnections) {
  ControlRig rig;
  rig.with_connections();
  find_some(rig);
  Command connection = close_command(600 * base::kSecond);
  connection.connection = 7;
  rig.run(connection);
  rig.run(close_pool("blue", 60 * base::kSecond));  // the live one
  rig.run(close_pool("blue", 90 * base::kSecond));  // one with the other to whoever looks
  ASSERT_THAT(rig.app().closings, SizeIs(2));
  const ClosingStatus one = rig.app().closings[0];
  EXPECT_EQ(one.connection, 7U);
  EXPECT_EQ(one.pool + one.node, "");
  EXPECT_EQ(one.over, 600 * base::kSecond);
  const ClosingStatus pool = rig.app().closings[1];
  EXPECT_EQ(pool.pool, "blue");
  EXPECT_EQ(pool.remaining, 2U);
  EXPECT_EQ(pool.over, 90 * base::kSecond);
  EXPECT_GT(pool.ends_in, 60 * base::kSecond);
  EXPECT_LE(pool.ends_in, 90 * base::kSecond);
  // Others have come since to the pool and stay: no order is about them.
  for (auto& worker : rig.data_plane->worker) worker.marks = 0;
  rig.run_until([&] { return rig.app().closings.empty(); });
  EXPECT_EQ(rig.app().pools[0].established, 3U);
  EXPECT_EQ(rig.events.count("close_cancelled"), 0U);
}

// What a survey has counted is up to a second old; the pool's own count is of now.
TEST(Close, HasNoMoreLeftThanItsPoolHolds) {
  ControlRig rig;
  rig.with_connections();
  find_some(rig);
  rig.run(close_pool("blue", 60 * base::kSecond));
  ASSERT_EQ(rig.app().closings.at(0).remaining, 2U);
  rig.end_connections();  // and nothing has counted since
  EXPECT_EQ(rig.app().closings.at(0).remaining, 0U);
  Command cancel = close_pool("blue", 0);
  cancel.close_over.reset();
  cancel.cancel = true;
  const auto outcome = rig.apply(cancel);
  ASSERT_TRUE(outcome->has_value());
  EXPECT_EQ((*outcome)->message, "closing of pool blue cancelled: 0 connections remain");
}

TEST(Close, IsNotTakenForOverWhereAWorkerHasNotTakenItsMarks) {
  ControlRig rig;
  rig.timing.adoption_wait = 5 * base::kMillisecond;
  rig.with_connections();
  find_some(rig);
  rig.data_plane->worker[0].full = true;
  rig.run(drain_command({"b1"}, 0));  // worker 0 is behind
  rig.data_plane->worker[0].full = false;
  rig.data_plane->worker[0].answers = false;
  rig.run(close_node("b2", 60 * base::kSecond));
  for (auto& worker : rig.data_plane->worker) worker.marks = 0;
  const std::size_t asked = rig.data_plane->worker[0].unanswered.size();
  rig.run_until([&] { return rig.data_plane->worker[0].unanswered.size() > asked; });
  EXPECT_THAT(rig.app().closings, SizeIs(1));
  rig.data_plane->answer_all(0);
}

TEST(Close, IsCancelledByAnOperator) {
  ControlRig rig;
  rig.with_connections();
  find_some(rig);
  rig.run(close_pool("blue", 60 * base::kSecond));
  rig.run(close_pool("blue", 70 * base::kSecond));
  rig.run(close_node("b1", 600 * base::kSecond));
  const proxy::Withdrawn order = rig.data_plane->closes[0].withdrawn;
  rig.data_plane->closes.clear();
  Command cancel = close_pool("blue", 0);
  cancel.close_over.reset();
  cancel.cancel = true;
  cancel.actor = "uid 0";
  cancel.dry_run = true;
  EXPECT_EQ(rig.run(cancel).message,
            "would cancel the closing of pool blue: 2 connections would remain");
  EXPECT_TRUE(rig.data_plane->closes.empty());
  cancel.dry_run = false;
  const Outcome outcome = rig.run(cancel);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.message, "closing of pool blue cancelled: 2 connections remain");
  EXPECT_TRUE(order->load());
  ASSERT_THAT(rig.data_plane->closes, SizeIs(2));
  EXPECT_EQ(rig.data_plane->closes[0].filter.pool, 0U);
  ASSERT_THAT(rig.data_plane->closes[0].others, SizeIs(1)) << "the node's goes on";
  EXPECT_EQ(rig.data_plane->closes[0].others[0].filter.node, 0U);
  ASSERT_THAT(rig.app().closings, SizeIs(1));
  EXPECT_EQ(rig.app().closings[0].node, "b1");
  const Event& event = rig.events.last("close_cancelled");
  EXPECT_EQ(event.actor, "uid 0");
  EXPECT_THAT(event.fields, ElementsAre(std::pair("epoch", "1"), std::pair("pool", "blue"),
                                        std::pair("by", "close")));
  const Outcome again = rig.run(cancel);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.message, "no closing of pool blue runs");
}

TEST(Marks, OfEveryOrderOfAPoolAreTakenBackAfterTheStoreAndNoneIsSetAnew) {
  ControlRig rig;
  rig.with_connections();
  find_some(rig);
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);  // the pool's drain closes
  rig.run(close_pool("blue", 60 * base::kSecond));
  rig.run(close_pool("blue", 0));
  rig.data_plane->closes.clear();
  const traffic::Revision before = rig.revision();
  rig.rollback();
  std::vector<proxy::CloseCause> causes;
  for (const SeenClose& close : rig.data_plane->closes) {
    EXPECT_TRUE(close.cancel);
    EXPECT_TRUE(close.others.empty());
    EXPECT_GT(close.revision, before);
    if (close.worker == 0) causes.push_back(close.cause);
  }
  EXPECT_THAT(causes, ElementsAre(proxy::CloseCause::kDrainDeadline, proxy::CloseCause::kClosed));
}

TEST(Marks, OfHundredsOfOrdersAreSetAnewByOneRequest) {
  ControlRig rig;
  rig.with_connections().switch_to("green");
  find_some(rig);
  for (std::uint64_t id = 1; id < base::kClosingsMax; ++id) {
    Command connection = close_command(600 * base::kSecond);
    connection.connection = id;
    rig.run(connection);
  }
  rig.run(close_pool("blue", 600 * base::kSecond));
  rig.data_plane->closes.clear();
  rig.rollback();
  ASSERT_THAT(rig.data_plane->closes, SizeIs(2)) << "one a worker";
  EXPECT_THAT(rig.data_plane->closes[0].others, SizeIs(base::kClosingsMax - 1));
}

TEST(Marks, ThatFoundAMailboxFullAreSentAsTheyHoldWhenThereIsRoom) {
  ControlRig rig;
  rig.with_connections();
  rig.data_plane->worker[0].full = true;
  Command command = switch_command("green");
  command.close_over = 30 * base::kSecond;
  rig.run(command);
  rig.rollback();
  rig.run(drain_command({"b1"}, 0));
  EXPECT_THAT(rig.data_plane->closes, SizeIs(3)) << "worker 1 only";
  rig.data_plane->closes.clear();
  rig.data_plane->worker[0].full = false;
  rig.run_until([&] { return !rig.data_plane->closes.empty(); });
  const SeenClose& whole = rig.data_plane->closes[0];
  EXPECT_EQ(whole.worker, 0U);
  EXPECT_TRUE(whole.all);
  ASSERT_THAT(whole.others, SizeIs(1)) << "the pool is live again, its order has ended";
  EXPECT_EQ(whole.others[0].filter.node, 0U);
}

TEST(Marks, OfAWorkerThatIsBehindAreSentOnceACommandNotOnceANode) {
  ControlRig rig;
  rig.with_connections();
  for (const traffic::NodeSlot slot : {2, 3}) {
    rig.data_plane->bump(1).nodes[slot].established.add(1);  // of green
  }
  auto& behind = rig.data_plane->worker[0];
  behind.full = true;
  rig.run(drain_command({"g1", "g2"}, 0));
  // Answered before this returns, so that no look at the drains, now and then, comes between.
  const auto tries = [&](Command command) {
    behind.turned_away = 0;
    EXPECT_TRUE(rig.apply(test::not_durable(std::move(command)))->has_value());
    return behind.turned_away;
  };
  EXPECT_EQ(tries(drain_command({"g1", "g2"}, 3600 * base::kSecond)), 1U);
  rig.run(drain_command({"g1", "g2"}, 0));
  EXPECT_EQ(tries(admin_command({"g1", "g2"}, AdminState::kReady)), 1U);
}

TEST(Marks, OfManyWorkersThatAreBehindArePutTogetherOnce) {
  ControlRig rig;
  rig.start();
  auto& worker = rig.data_plane->worker;
  std::uint32_t put_together = 0;
  MarkMail mail(*rig.data_plane, 1, [&](traffic::AppId) {
    ++put_together;
    return std::vector<proxy::CloseOrder>(7);
  });
  for (const std::uint32_t index : {0, 1}) {
    mail.missed(index, 0);
    worker[index].full = true;
  }
  mail.pump();
  EXPECT_EQ(put_together, 1U);
  worker[0].full = false;
  mail.pump();
  EXPECT_EQ(put_together, 3U) << "one was taken";
  EXPECT_THAT(rig.data_plane->closes, SizeIs(1));
  EXPECT_FALSE(mail.settled(0));
  worker[1].full = false;
  mail.pump();
  ASSERT_THAT(rig.data_plane->closes, SizeIs(2));
  for (const SeenClose& close : rig.data_plane->closes) EXPECT_THAT(close.others, SizeIs(7));
  EXPECT_TRUE(mail.settled(0));
}

}  // namespace
}  // namespace shunt::control
