// Switch and rollback from command to receipt.
#include <gmock/gmock.h>

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

std::vector<std::string> gates_of(const Outcome& outcome) {
  std::vector<std::string> gates;
  for (const Reason& reason : outcome.reasons) gates.push_back(reason.gate);
  return gates;
}

TEST(Switch, MovesNewConnectionsAndAnswersWithAReceipt) {
  ControlRig rig;
  rig.start();
  rig.data_plane->bump(0).nodes[0].established.add(3);
  rig.data_plane->bump(1).nodes[1].established.add(4);
  Command command = switch_command("green");
  command.reason = "release 7";
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone) << outcome.message;
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.app, "web");
  EXPECT_EQ(outcome.active, "green");
  EXPECT_EQ(outcome.epoch, 2U);
  EXPECT_EQ(outcome.receipt.epoch, 2U);
  EXPECT_EQ(outcome.receipt.from, "blue");
  EXPECT_EQ(outcome.receipt.to, "green");
  EXPECT_EQ(outcome.receipt.left_behind, 7U);
  EXPECT_TRUE(outcome.receipt.durable);
  EXPECT_GE(outcome.receipt.total, outcome.receipt.persist + outcome.receipt.adoption);
  EXPECT_THAT(rig.routed_to(0), ElementsAre("g1", "g2"));
  EXPECT_THAT(rig.routed_to(1), ElementsAre("g1", "g2"));
  const Event& event = rig.events.last("switch");
  EXPECT_EQ(event.actor, "uid 0");
  EXPECT_EQ(event.reason, "release 7");
  EXPECT_EQ(rig.app().pools[0].state, traffic::PoolState::kKept);
  EXPECT_EQ(rig.app().rollback_to, "blue");
  ASSERT_TRUE(rig.app().last_receipt);
  EXPECT_EQ(rig.app().last_receipt->left_behind, 7U);
}

TEST(Switch, ToThePoolThatIsLiveDoesNothing) {
  ControlRig rig;
  rig.start();
  const traffic::Revision before = rig.revision();
  const Outcome outcome = rig.switch_to("blue");
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_FALSE(outcome.changed);
  EXPECT_EQ(outcome.epoch, 1U);
  EXPECT_EQ(rig.revision(), before);
  EXPECT_EQ(rig.events.count("switch"), 0U);
}

TEST(Switch, IsRefusedWithEveryReasonAndChangesNothing) {
  ControlRig rig;
  rig.start(false);
  rig.check(2, true, 2);
  rig.check(3, false, 3);
  rig.prober->on_result({2, 1, false, "connection refused", 0});
  rig.prober->on_result({2, 1, false, "connection refused", 0});
  rig.prober->on_result({2, 1, false, "connection refused", 0});
  const traffic::Revision before = rig.revision();
  const Outcome outcome = rig.switch_to("green");
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_FALSE(outcome.changed);
  EXPECT_EQ(outcome.active, "blue");
  ASSERT_THAT(gates_of(outcome), ElementsAre("min_healthy", "usable_node"));
  EXPECT_THAT(outcome.reasons[0].message, HasSubstr("0 of 2 healthy, need 2"));
  EXPECT_THAT(outcome.reasons[0].message, HasSubstr("g1 https: connection refused"));
  EXPECT_THAT(outcome.reasons[0].message, HasSubstr("g2 http: connection refused"));
  EXPECT_THAT(outcome.reasons[1].message, HasSubstr("no usable node for https"));
  EXPECT_THAT(outcome.next,
              ElementsAre("shunt status",
                          "shunt switch green --skip min_healthy --skip usable_node --reason …"));
  EXPECT_EQ(rig.revision(), before);
  EXPECT_EQ(rig.events.last("refused").level, EventLevel::kWarn);
}

TEST(Switch, MinHealthyIsRoundedUp) {
  traffic::Model model;
  test::add_app(model, "web", {"http"}, {{"blue", {"b"}}, {"green", {"1", "2", "3", "4", "5"}}});
  model.apps[0].release.min_healthy_percent = 50;
  ControlRig rig(model);
  rig.start(false);
  for (traffic::NodeSlot slot : {1U, 2U}) rig.check(slot, true, 2);
  const Outcome refused = rig.switch_to("green");
  ASSERT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.reasons.at(0).message, HasSubstr("2 of 5 healthy, need 3"));
  EXPECT_THAT(refused.reasons.at(0).message, HasSubstr("3 not checked yet"));
  rig.check(3, true, 2);
  EXPECT_EQ(rig.switch_to("green").kind, OutcomeKind::kDone);
}

TEST(Switch, ASkippedGateIsRecorded) {
  ControlRig rig;
  rig.start(false);
  rig.check(2, true, 2);
  EXPECT_EQ(rig.switch_to("green").kind, OutcomeKind::kRefused);
  Command command = switch_command("green");
  command.skip = {"min_healthy"};
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone) << outcome.message;
  EXPECT_THAT(outcome.receipt.skipped, ElementsAre("min_healthy"));
  EXPECT_THAT(rig.events.last("switch").fields,
              testing::Contains(testing::Pair("skipped", "min_healthy")));
  EXPECT_THAT(rig.routed_to(), ElementsAre("g1"));
}

TEST(Switch, ForceWaivesEveryGateAndSaysWhich) {
  ControlRig rig;
  rig.start(false);
  Command command = switch_command("green");
  command.force = true;
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_THAT(outcome.receipt.skipped, ElementsAre("min_healthy", "usable_node"));
  EXPECT_TRUE(rig.app().services[0].panic);
  EXPECT_EQ(rig.events.last("panic").level, EventLevel::kError);
}

TEST(Switch, ADryRunTellsWhatItWouldDoAndDoesNothing) {
  ControlRig rig;
  rig.start(false);
  const traffic::Revision before = rig.revision();
  Command command = switch_command("green");
  command.force = true;
  command.dry_run = true;
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_TRUE(outcome.dry_run);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.active, "blue");
  EXPECT_EQ(outcome.epoch, 1U);
  EXPECT_EQ(gates_of(outcome).size(), 2U);
  EXPECT_EQ(rig.revision(), before);
  EXPECT_EQ(rig.app().active, "blue");
}

TEST(Switch, EveryUnknownNameIsNamedAtOnce) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("purple");
  command.skip = {"gravity"};
  command.nodes = {"nobody"};
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kInvalid);
  ASSERT_THAT(gates_of(outcome), ElementsAre("skip", "pool", "node"));
  EXPECT_THAT(outcome.reasons[1].message, HasSubstr("pools: blue, green"));
}

TEST(Switch, AnUnknownPoolOrAppIsNotFound) {
  ControlRig rig;
  rig.start();
  EXPECT_EQ(rig.switch_to("purple").kind, OutcomeKind::kNotFound);
  Command command = switch_command("green");
  command.app = "shop";
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kNotFound);
  EXPECT_THAT(outcome.message, HasSubstr("apps: web"));
  EXPECT_EQ(rig.switch_to("").kind, OutcomeKind::kInvalid);
}

TEST(Switch, WithSeveralAppsOneIsToBeNamedAndOnlyThatOneMoves) {
  traffic::Model model = test::web_model();
  test::add_app(model, "shop", {"http"}, {{"red", {"r"}}, {"black", {"k"}}});
  ControlRig rig(model);
  rig.start();
  EXPECT_EQ(rig.switch_to("green").kind, OutcomeKind::kInvalid);
  Command command = switch_command("black");
  command.app = "shop";
  EXPECT_EQ(rig.run(command).epoch, 2U);
  EXPECT_THAT(rig.routed_to(0), ElementsAre("b1", "b2"));
  EXPECT_THAT(rig.routed_to(2), ElementsAre("k"));
  EXPECT_EQ(rig.plane->status().apps[0].epoch, 1U);
}

TEST(Switch, WithAnotherEpochThanExpectedIsNotDone) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("green");
  command.if_epoch = 7;
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kEpochMoved);
  EXPECT_EQ(outcome.epoch, 1U);
  EXPECT_EQ(rig.app().active, "blue");
  command.if_epoch = 1;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kDone);
}

TEST(Switch, ADryRunThatWouldBeRefusedAlarmsNobody) {
  ControlRig rig;
  rig.start();
  for (const traffic::NodeSlot slot : {2U, 3U}) rig.check(slot, false, 3);
  Command command = dry_run(switch_command("green"));
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_TRUE(outcome.dry_run);
  EXPECT_EQ(rig.events.count("refused"), 0U);
}

// A switch to green that is published, while worker 1 has not followed yet: no answer so far.
std::shared_ptr<std::optional<Outcome>> switch_that_worker_1_holds_up(ControlRig& rig) {
  rig.start();
  rig.data_plane->keep_busy(1, true);
  auto answer = rig.apply(switch_command("green"));
  rig.run_until([&] { return rig.revision() == 2; });
  for (int turn = 0; turn < 20; ++turn) rig.io.run_one();
  EXPECT_FALSE(answer->has_value());
  return answer;
}

TEST(Switch, IsAcknowledgedOnlyWhenEveryWorkerFollows) {
  ControlRig rig;
  const auto answer = switch_that_worker_1_holds_up(rig);
  // It re-points one connecting relay and then says so.
  rig.data_plane->bump(1).services[0].repointed.add(1);
  rig.data_plane->follow(1);
  rig.run_until([&] { return answer->has_value(); });
  EXPECT_EQ((*answer)->receipt.repointed, 1U);
  EXPECT_GT((*answer)->receipt.adoption, 0U);
}

// Worker 0 wakes after it was judged, on its way to the new root; worker 1 is still waited for.
TEST(Switch, AWorkerThatWasJudgedAdoptedOnceStaysSo) {
  ControlRig rig;
  const auto answer = switch_that_worker_1_holds_up(rig);
  rig.data_plane->worker[0].revision = 1;
  rig.data_plane->keep_busy(0);
  rig.data_plane->follow(1);
  rig.run_until([&] { return answer->has_value(); });
  EXPECT_TRUE((*answer)->receipt.adopted) << (*answer)->message;
}

TEST(Switch, StandsThoughAWorkerDoesNotAnswerAndNamesIt) {
  ControlRig rig;
  rig.timing.adoption_wait = base::kMillisecond;
  rig.start();
  rig.data_plane->keep_busy(1);
  const Outcome outcome = rig.switch_to("green");
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_TRUE(outcome.changed);
  EXPECT_THAT(outcome.message, HasSubstr("worker 1 has not followed yet"));
  EXPECT_FALSE(outcome.receipt.adopted);
  EXPECT_THAT(rig.events.last("adoption").message, HasSubstr("worker 1"));
  EXPECT_EQ(rig.plane->status().process.retained_roots, 1U);
  rig.data_plane->follow(1);
  rig.run_until([&] { return rig.plane->status().process.retained_roots == 0; });
}

TEST(Rollback, UndoesTheSwitchAndRepeatedDoesNothing) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  const Outcome first = rig.rollback();
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.active, "blue");
  EXPECT_EQ(first.epoch, 3U);
  EXPECT_EQ(rig.events.count("rollback"), 1U);
  for (int again = 0; again < 3; ++again) {
    const Outcome repeated = rig.rollback();
    EXPECT_EQ(repeated.kind, OutcomeKind::kDone);
    EXPECT_FALSE(repeated.changed);
    EXPECT_EQ(repeated.active, "blue");
    EXPECT_EQ(repeated.epoch, 3U);
  }
  EXPECT_EQ(rig.app().pools[1].state, traffic::PoolState::kStandby);
  EXPECT_TRUE(rig.app().rollback_to.empty());
  EXPECT_FALSE(rig.app().rollback_why_not.empty());
}

TEST(Rollback, WithNothingKeptIsRefused) {
  ControlRig rig;
  rig.start();
  const Outcome outcome = rig.rollback();
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_THAT(gates_of(outcome), ElementsAre("kept"));
}

TEST(Rollback, LeadsToAnOlderKeptPoolWhereNamed) {
  traffic::Model model;
  test::add_app(model, "web", {"http"},
                {{"blue", {"b"}}, {"green", {"g"}}, {"red", {"r"}}, {"new", {"n"}}});
  ControlRig rig(model);
  rig.start();
  rig.switch_to("green");
  rig.switch_to("red");
  const Outcome refused = rig.run(rollback_command("new"));
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.reasons.at(0).message, HasSubstr("kept: blue, green"));
  const Outcome outcome = rig.run(rollback_command("blue"));
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.active, "blue");
}

TEST(Rollback, AsksForOneUsableNodeAndNothingMore) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  rig.check(0, false, 3);  // b1 is down: below min_healthy, and good enough
  EXPECT_TRUE(rig.rollback().changed);
  rig.check(0, true, 2);
  rig.switch_to("green");
  rig.check(0, false, 3);
  rig.check(1, false, 3);
  const Outcome refused = rig.rollback();
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(gates_of(refused), ElementsAre("usable_node"));
  EXPECT_EQ(rig.app().active, "green");
  Command command = rollback_command();
  command.force = true;
  const Outcome forced = rig.run(command);
  EXPECT_TRUE(forced.changed);
  EXPECT_THAT(forced.receipt.skipped, ElementsAre("usable_node"));
}

TEST(Drift, AfterAPlainSwitchOrRollbackProposesNotToUndoIt) {
  ControlRig rig;
  rig.start();
  EXPECT_THAT(rig.app().drift, ElementsAre());
  rig.switch_to("green");
  EXPECT_THAT(
      rig.app().drift,
      ElementsAre("initial is blue, active is green by the last switch, which counts: initial "
                  "is where an app without decisions begins"));
  rig.kill();
  rig.config.model.apps[0].initial = 1;  // the file follows
  rig.start();
  EXPECT_THAT(rig.app().drift, ElementsAre());
  rig.rollback();
  EXPECT_THAT(rig.app().drift,
              ElementsAre(HasSubstr("active is blue by the last rollback, which counts")));
}

TEST(Drift, OfAnInitialThatWasEditedNamesTheSwitch) {
  traffic::Model model = test::web_model();
  model.apps[0].pools.push_back(model.apps[0].pools[1]);
  model.apps[0].pools[2].name = "red";
  ControlRig rig(std::move(model));
  rig.start();
  rig.switch_to("green");
  rig.kill();
  rig.config.model.apps[0].initial = 2;
  rig.start();
  EXPECT_THAT(rig.app().drift,
              ElementsAre("initial is red, active is green; to switch: shunt switch red"));
}

TEST(Rollback, ToAPoolWithoutAReadyNodeNamesTheCommandThatHelps) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  rig.run(admin_command({"b1", "b2"}, traffic::AdminState::kDrain));
  Outcome refused = rig.rollback();
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.next, ElementsAre("shunt ready b1 b2 --wait healthy", "shunt rollback",
                                        "shunt rollback --force --reason …"));
  refused = rig.run(rollback_command("blue"));
  EXPECT_THAT(refused.next,
              ElementsAre("shunt ready b1 b2 --wait healthy", "shunt rollback --to blue",
                          "shunt rollback --to blue --force --reason …"));
  rig.run(admin_command({"b1", "b2"}, traffic::AdminState::kReady));  // as it says
  EXPECT_TRUE(rig.rollback().changed);
}

TEST(Switch, ToAPoolWithoutAReadyNodeNamesTheCommandThatHelps) {
  ControlRig rig;
  rig.start();
  rig.run(admin_command({"g1", "g2"}, traffic::AdminState::kMaint));
  const Outcome refused = rig.switch_to("green");
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.next, ElementsAre("shunt ready g1 g2 --wait healthy", "shunt switch green",
                                        "shunt switch green --skip usable_node --reason …"));
}

TEST(OperationId, ARepeatIsAnsweredAsTheFirstTime) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("green", "ci/4711");
  const Outcome first = rig.run(command);
  rig.rollback();
  const Outcome again = rig.run(command);
  EXPECT_TRUE(again.replayed);
  EXPECT_TRUE(again.changed);
  EXPECT_EQ(again.epoch, first.epoch);
  EXPECT_EQ(again.receipt.total, first.receipt.total);
  EXPECT_EQ(rig.app().active, "blue") << "a repeat changes nothing";
}

TEST(OperationId, IsKeptAcrossARestart) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("green", "ci/4711");
  rig.run(command);
  rig.restart();
  rig.rollback();
  const Outcome again = rig.run(command);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.receipt.to, "green");
  EXPECT_EQ(rig.app().active, "blue");
}

TEST(OperationId, OfACommandThatHadNothingToDoIsKeptToo) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("blue", "k");
  EXPECT_FALSE(rig.run(command).changed);
  rig.switch_to("green");
  rig.restart();
  const Outcome again = rig.run(command);
  EXPECT_TRUE(again.replayed);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(rig.app().active, "green");
}

TEST(OperationId, OfARefusedCommandMayBeUsedAgain) {
  ControlRig rig;
  rig.start(false);
  Command command = switch_command("green", "k");
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kRefused);
  rig.check(2, true, 2);
  rig.check(3, true, 2);
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_FALSE(outcome.replayed);
}

TEST(OperationId, UsedForAnotherCommandIsAnError) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("green", "k");
  rig.run(command);
  command.pool = "blue";
  const Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.app().active, "green");
}

TEST(CommandQueue, RunsInTheOrderOfArrival) {
  ControlRig rig;
  rig.start();
  const auto first = rig.apply(switch_command("green"));
  const auto second = rig.apply(rollback_command());
  const auto third = rig.apply(switch_command("green"));
  rig.run_until([&] { return third->has_value(); });
  EXPECT_EQ((*first)->epoch, 2U);
  EXPECT_EQ((*second)->epoch, 3U);
  EXPECT_EQ((*third)->epoch, 4U);
}

TEST(CommandQueue, WhenFullRefusesTheNewestButLetsARollbackIn) {
  ControlRig rig;
  rig.start();
  std::vector<std::shared_ptr<std::optional<Outcome>>> answers;
  for (int count = 0; count < 65; ++count) {  // one runs, 64 wait
    answers.push_back(rig.apply(switch_command(count % 2 == 0 ? "green" : "blue")));
  }
  const auto busy = rig.apply(switch_command("green"));
  ASSERT_TRUE(busy->has_value());
  EXPECT_EQ((*busy)->kind, OutcomeKind::kUnavailable);
  EXPECT_THAT((*busy)->message, HasSubstr("busy"));
  EXPECT_EQ((*busy)->active, rig.app().active);
  const auto rollback = rig.apply(rollback_command());
  EXPECT_FALSE(rollback->has_value());
  rig.run_until([&] { return rollback->has_value(); });
  for (const auto& answer : answers) EXPECT_TRUE(answer->has_value());
  EXPECT_EQ((*rollback)->active, "blue");
}

TEST(CommandQueue, AnAnswerMayGiveTheNextCommand) {
  ControlRig rig;
  rig.start();
  std::optional<Outcome> second;
  rig.plane->apply(switch_command("green"), [&](Outcome) {
    rig.plane->apply(rollback_command(), [&](Outcome outcome) { second = std::move(outcome); });
  });
  rig.run_until([&] { return second.has_value(); });
  EXPECT_EQ(second->epoch, 3U);
  EXPECT_EQ(rig.app().active, "blue");
}

TEST(CommandQueue, GoesOnWhileStoppingUntilAcceptingEnds) {
  ControlRig rig;
  rig.start();
  rig.plane->begin_stop();
  EXPECT_EQ(rig.plane->not_ready_because(), "stopping");
  EXPECT_EQ(rig.plane->status().process.phase, "stopping");
  EXPECT_TRUE(rig.switch_to("green").changed);
  rig.plane->end_commands();
  const Outcome refused = rig.rollback();
  EXPECT_EQ(refused.kind, OutcomeKind::kUnavailable);
  EXPECT_THAT(refused.message, HasSubstr("takes no new connections any more"));
  EXPECT_EQ(rig.app().active, "green");
}

}  // namespace
}  // namespace shunt::control
