// Trials: switch --confirm-within, confirm, abort, and what shunt does by itself.
#include <gmock/gmock.h>

#include <cerrno>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::dry_run;
using test::rollback_command;
using test::switch_command;
using testing::ElementsAre;
using testing::HasSubstr;
using traffic::PoolState;

constexpr base::Duration kLong = 3600 * base::kSecond;
constexpr base::Duration kShort = base::kMillisecond;

Command trial(base::Duration within, const std::string& pool = "green") {
  Command command = switch_command(pool);
  command.confirm_within = within;
  return command;
}
Command confirm(const std::string& pool = {}) {
  Command command;
  command.verb = Verb::kConfirm;
  command.pool = pool;
  return command;
}
Command abort_command() {
  Command command;
  command.verb = Verb::kAbort;
  return command;
}

class TrialTest : public testing::Test {
 protected:
  TrialTest() { start(); }
  void start() {
    rig.start();
    for (const traffic::NodeSlot slot : {0U, 1U}) rig.check(slot, true, 2);
  }
  void restart() {
    rig.kill();
    start();
  }
  [[nodiscard]] PoolStatus blue() const { return rig.app().pools[0]; }
  [[nodiscard]] PoolStatus green() const { return rig.app().pools[1]; }
  // By shunt itself.
  void await_rollback() {
    rig.run_until([&] { return rig.app().active == "blue"; });
  }

  ControlRig rig;
};

TEST_F(TrialTest, BeginsWithTheSwitchAndEndsWithAConfirm) {
  const Outcome outcome = rig.run(trial(kLong));
  EXPECT_EQ(outcome.message, "green is live, in trial for 1h");
  EXPECT_EQ(green().state, PoolState::kTrial);
  ASSERT_TRUE(rig.app().trial_ends_in);
  EXPECT_GT(*rig.app().trial_ends_in, kLong / 2);
  EXPECT_EQ(rig.app().rollback_to, "blue");
  const Outcome confirmed = rig.run(confirm("green"));
  EXPECT_TRUE(confirmed.changed);
  EXPECT_EQ(confirmed.message, "green#2 is confirmed");
  EXPECT_EQ(confirmed.epoch, 3U);
  EXPECT_EQ(green().state, PoolState::kActive);
  EXPECT_EQ(rig.app().trial_ends_in, std::nullopt);
  EXPECT_EQ(rig.app().last_receipt->to, "green") << "of the switch, still";
  EXPECT_EQ(rig.events.count("confirm"), 1U);
  EXPECT_FALSE(rig.run(confirm("green")).changed) << "asked for again";
}

TEST_F(TrialTest, AConfirmWithoutANameIsOfWhateverIsInTrial) {
  rig.run(trial(kLong));
  const Outcome confirmed = rig.run(confirm());
  EXPECT_TRUE(confirmed.changed);
  ASSERT_TRUE(confirmed.pool);
  EXPECT_EQ(confirmed.pool->name, "green");
  EXPECT_EQ(confirmed.pool->generation, 2U);
}

TEST_F(TrialTest, NotConfirmedInTimeItGoesBackByItself) {
  rig.run(trial(kShort));
  await_rollback();
  EXPECT_EQ(green().state, PoolState::kRejected);
  const Event& event = rig.events.last("rollback");
  EXPECT_EQ(event.actor, "shunt");
  EXPECT_EQ(event.level, EventLevel::kWarn);
  EXPECT_EQ(event.message, "blue is live again: green#2 was not confirmed in time");
  EXPECT_EQ(rig.app().last_receipt->to, "blue");
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1", "b2"));
  const Outcome again = rig.switch_to("green");
  EXPECT_EQ(again.kind, OutcomeKind::kRefused);
  EXPECT_THAT(again.next, testing::Contains("shunt prepare green"));
}

TEST_F(TrialTest, TheAppMayHaveOneOfItsOwnAndASwitchMayDoWithoutIt) {
  rig.kill();
  rig.config.model.apps[0].release.confirm_within = kLong;
  start();
  Command command = switch_command("green");
  command.close_over = base::kSecond;
  const Outcome wrong = rig.run(command);
  EXPECT_EQ(wrong.kind, OutcomeKind::kInvalid);
  EXPECT_THAT(wrong.reasons.at(0).message, HasSubstr("--confirm-within off"));
  rig.run(switch_command("green"));
  EXPECT_EQ(green().state, PoolState::kTrial);
  rig.run(rollback_command());
  EXPECT_EQ(green().state, PoolState::kStandby);
  rig.run(trial(base::kOff));
  EXPECT_EQ(green().state, PoolState::kActive);
}

TEST_F(TrialTest, AnAbortGoesBackAndRepeatedDoesNothing) {
  rig.run(trial(kLong));
  const Outcome outcome = rig.run(abort_command());
  EXPECT_EQ(outcome.message, "blue is live again, the trial of green#2 is aborted");
  EXPECT_EQ(outcome.receipt.to, "blue");
  EXPECT_EQ(green().state, PoolState::kStandby);
  const Outcome again = rig.run(abort_command());
  EXPECT_EQ(again.kind, OutcomeKind::kDone);
  EXPECT_FALSE(again.changed);
}

// A script that is late must not confirm what it did not mean.
TEST_F(TrialTest, AConfirmOfAnotherReleaseIsRefused) {
  rig.run(trial(kLong));
  EXPECT_EQ(rig.run(confirm("green#7")).kind, OutcomeKind::kRefused);
  EXPECT_EQ(rig.run(confirm("blue")).kind, OutcomeKind::kRefused);
  EXPECT_EQ(rig.run(confirm("green#x")).kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.run(confirm("green#")).kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.run(confirm("pink#1")).kind, OutcomeKind::kNotFound);
  EXPECT_EQ(green().state, PoolState::kTrial);
  EXPECT_TRUE(rig.run(confirm("green#2")).changed);
}

TEST_F(TrialTest, AConfirmAfterTheRollbackIsRefused) {
  rig.run(trial(kLong));
  rig.run(rollback_command());
  const Outcome outcome = rig.run(confirm());
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_EQ(outcome.message, "no pool is in trial");
}

TEST_F(TrialTest, NothingElseMovesMeanwhile) {
  rig.run(trial(kLong));
  Command retire;
  retire.verb = Verb::kRetire;
  retire.pool = "blue";
  const Outcome outcome = rig.run(retire);
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_THAT(outcome.next, testing::Contains("shunt confirm green"));
}

TEST_F(TrialTest, ItsLastWayBackIsNotDrainedUnasked) {
  rig.run(trial(kLong));
  EXPECT_EQ(rig.run(admin_command({"b1"}, traffic::AdminState::kDrain)).kind, OutcomeKind::kDone);
  const Outcome outcome = rig.run(admin_command({"b2"}, traffic::AdminState::kMaint));
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_EQ(outcome.reasons.at(0).gate, "last_node");
  EXPECT_THAT(outcome.reasons.at(0).message, HasSubstr("the way back of the trial"));
  EXPECT_THAT(outcome.next, testing::Contains("shunt confirm green"));
  rig.run(confirm("green"));
  EXPECT_EQ(rig.run(admin_command({"b2"}, traffic::AdminState::kMaint)).kind, OutcomeKind::kDone);
}

TEST_F(TrialTest, AnotherTimeForItIsNoYes) {
  rig.run(trial(kLong));
  EXPECT_EQ(rig.run(trial(kLong)).kind, OutcomeKind::kDone) << "the same again";
  EXPECT_EQ(rig.run(switch_command("green")).kind, OutcomeKind::kDone) << "no wish at all";
  EXPECT_EQ(rig.run(trial(2 * kLong)).kind, OutcomeKind::kRefused);
  const Outcome outcome = rig.run(trial(base::kOff));
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_THAT(outcome.next, testing::Contains("shunt confirm green"));
}

TEST_F(TrialTest, AStartSaysThatOneRuns) {
  rig.run(trial(kLong));
  restart();
  EXPECT_THAT(rig.events.last("trial").message, HasSubstr("it goes back to blue unless"));
}

TEST_F(TrialTest, ADryRunBeginsNone) {
  const Outcome outcome = rig.run(dry_run(trial(kLong)));
  EXPECT_EQ(outcome.message, "would make green live, in trial for 1h");
  EXPECT_EQ(rig.app().trial_ends_in, std::nullopt);
}

TEST_F(TrialTest, TheDrainDeadlineRunsFromTheConfirm) {
  rig.kill();
  rig.config.model.apps[0].drain.deadline = kLong;
  start();
  rig.put_connections();
  rig.run(trial(kLong));
  EXPECT_EQ(blue().drain.remaining, 3U);
  EXPECT_EQ(blue().drain.deadline_in, std::nullopt);
  rig.run(confirm("green"));
  ASSERT_TRUE(blue().drain.deadline_in);
  EXPECT_GT(*blue().drain.deadline_in, kLong / 2);
}

TEST_F(TrialTest, GoesOnAfterAKillWithWhatIsLeftOfIt) {
  rig.run(trial(kLong));
  restart();
  EXPECT_EQ(green().state, PoolState::kTrial);
  ASSERT_TRUE(rig.app().trial_ends_in);
  EXPECT_LE(*rig.app().trial_ends_in, kLong);
  EXPECT_GT(*rig.app().trial_ends_in, kLong / 2);
  EXPECT_TRUE(rig.run(confirm("green")).changed);
  restart();
  EXPECT_EQ(green().state, PoolState::kActive);
  EXPECT_EQ(rig.app().trial_ends_in, std::nullopt);
}

// The checks come first: until then nobody knows whether blue can take it.
TEST_F(TrialTest, OneThatEndedMeanwhileGoesBackAfterTheFirstChecks) {
  rig.run(trial(50 * base::kMillisecond));
  rig.kill();
  rig.config.model.apps[0].health.interval = kLong;
  rig.start(false);
  rig.run_until([&] { return rig.app().trial_ends_in == 0U; });
  const base::Instant later = base::monotonic_now() + 300 * base::kMillisecond;  // some looks later
  rig.run_until([&] { return base::monotonic_now() >= later; });
  EXPECT_EQ(rig.own_commands, 0U);
  EXPECT_EQ(rig.app().active, "green");
  for (const traffic::NodeSlot slot : {0U, 1U, 2U, 3U}) rig.check(slot, true, 2);
  await_rollback();
  EXPECT_EQ(green().state, PoolState::kRejected);
}

TEST_F(TrialTest, OneInProgressIsConfirmedAndItsMarkIsGone) {
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.data_plane->keep_busy(0);
  const auto answer = rig.apply(trial(kLong));
  rig.run_until([&] { return rig.revision() == 2; });
  restart();
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  EXPECT_FALSE(rig.run(abort_command()).dry_run);
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST_F(TrialTest, AnAbortThatFindsNoTrialAcknowledgesNothing) {
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.data_plane->keep_busy(0);
  const auto answer = rig.apply(switch_command("green"));
  rig.run_until([&] { return rig.revision() == 2; });
  restart();
  ASSERT_TRUE(rig.app().recovered_unacknowledged);
  EXPECT_FALSE(rig.run(abort_command()).changed);
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  rig.run(confirm("green"));
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST_F(TrialTest, TheRepeatOfATrialIsAnsweredAfterItsConfirm) {
  Command command = trial(kLong);
  command.key = "job-1";
  rig.run(command);
  rig.run(confirm("green"));
  restart();
  const Outcome again = rig.run(command);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.message, "green is live, in trial for 1h");
  EXPECT_EQ(again.confirm_within, kLong);
  EXPECT_EQ(green().state, PoolState::kActive);
}

TEST_F(TrialTest, ItStaysWhereTheWayBackIsLessHealthyAndSaysSoOnce) {
  rig.check(0, false, 3);  // b1 is down
  rig.run(trial(kShort));
  rig.run_until([&] { return rig.events.count("trial_overdue") == 1; });
  EXPECT_THAT(rig.events.last("trial_overdue").message,
              HasSubstr("blue is less healthy: 1 of 2, green#2 2 of 2"));
  EXPECT_EQ(rig.events.last("trial_overdue").level, EventLevel::kError);
  EXPECT_EQ(rig.app().active, "green");
  EXPECT_EQ(rig.app().trial_ends_in, 0U);
  EXPECT_EQ(rig.events.count("refused"), 0U);
  EXPECT_THAT(rig.app().trial_stays_because, HasSubstr("less healthy"));
  // Another decision of the app is no other trial.
  rig.run(admin_command({"b1"}, traffic::AdminState::kDrain));
  rig.run(admin_command({"b1"}, traffic::AdminState::kReady));
  const std::size_t tried = rig.own_commands;
  rig.run_until([&] { return rig.own_commands >= tried + 3; });
  EXPECT_EQ(rig.events.count("trial_overdue"), 1U);
  rig.check(0, true, 2);
  await_rollback();
  EXPECT_EQ(rig.events.count("trial_overdue"), 1U);
}

TEST_F(TrialTest, AConfirmComesInTimeWhileItStays) {
  rig.check(0, false, 3);
  rig.run(trial(kShort));
  rig.run_until([&] { return rig.events.count("trial_overdue") == 1; });
  EXPECT_TRUE(rig.run(confirm("green")).changed);
  rig.check(0, true, 2);
  EXPECT_EQ(green().state, PoolState::kActive);
}

TEST_F(TrialTest, ItStaysWhereNoNodeOfTheWayBackIsUsable) {
  for (const traffic::NodeSlot slot : {0U, 1U, 2U, 3U}) rig.check(slot, false, 3);
  Command command = trial(kShort);
  command.force = true;
  rig.run(command);
  rig.run_until([&] { return rig.events.count("trial_overdue") == 1; });
  EXPECT_THAT(rig.app().trial_stays_because, HasSubstr("blue has no usable node for"));
}

// Nine of ten nodes drained make no healthy pool.
TEST_F(TrialTest, DrainedNodesCountAgainstTheWayBack) {
  rig.run(admin_command({"b1"}, traffic::AdminState::kMaint));
  EXPECT_EQ(rig.run(trial(kShort)).kind, OutcomeKind::kDone);
  rig.run_until([&] { return rig.events.count("trial_overdue") == 1; });
  EXPECT_EQ(rig.app().active, "green");
}

// A release that nobody confirmed does not stay because of a full disk.
TEST_F(TrialTest, ItGoesBackAlthoughTheDiskFails) {
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.run(trial(200 * base::kMillisecond));
  rig.medium->when_syncing([] { return -ENOSPC; });
  await_rollback();
  rig.medium->when_syncing({});
  rig.run_until([&] { return rig.plane->status().process.durable; });
  restart();
  EXPECT_EQ(rig.app().active, "blue");
}

TEST(TrialLeft, IsNeverMoreThanItHadWhateverTheClockSays) {
  RestoredApp app;
  app.release.confirm_by = 100'000;
  app.last_receipt = Receipt{};
  app.last_receipt->wall_ms = 40'000;
  EXPECT_EQ(trial_left(app, 70'000), 30 * base::kSecond);
  EXPECT_EQ(trial_left(app, 100'000), 0U);
  EXPECT_EQ(trial_left(app, 900'000), 0U);
  EXPECT_EQ(trial_left(app, 1'000), 60 * base::kSecond) << "the clock was set back";
  app.last_receipt.reset();
  EXPECT_EQ(trial_left(app, 70'000), 30 * base::kSecond);
}

}  // namespace
}  // namespace shunt::control
