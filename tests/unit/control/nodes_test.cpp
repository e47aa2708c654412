// Admin states of nodes, health and the tables that follow from them.
#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::switch_command;
using testing::ElementsAre;
using testing::HasSubstr;
using traffic::AdminState;

TEST(NodeAdmin, ADrainedNodeTakesNothingNewAndTheEpochStays) {
  ControlRig rig;
  rig.start();
  const Outcome outcome = rig.run(admin_command({"b1"}, AdminState::kDrain));
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.epoch, 1U);
  EXPECT_THAT(outcome.nodes, ElementsAre("b1"));
  EXPECT_TRUE(outcome.receipt.durable);
  EXPECT_TRUE(outcome.receipt.to.empty());
  EXPECT_THAT(rig.routed_to(), ElementsAre("b2"));
  EXPECT_EQ(rig.app().pools[0].ready, 1U);
  EXPECT_THAT(rig.app().drift.at(0), HasSubstr("node b1 (blue) is drain"));
  rig.run(admin_command({"b1"}, AdminState::kReady));
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1", "b2"));
}

TEST(NodeAdmin, AskingForWhatIsDoesNothing) {
  ControlRig rig;
  rig.start();
  const traffic::Revision before = rig.revision();
  const Outcome outcome = rig.run(admin_command({"b1", "g1"}, AdminState::kReady));
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_FALSE(outcome.changed);
  EXPECT_EQ(rig.revision(), before);
}

TEST(NodeAdmin, OfAPoolThatIsNotLivePublishesNothing) {
  ControlRig rig;
  rig.start();
  const traffic::Revision before = rig.revision();
  EXPECT_TRUE(rig.run(admin_command({"g1"}, AdminState::kDrain)).changed);
  EXPECT_EQ(rig.revision(), before);
  rig.switch_to("green");
  EXPECT_THAT(rig.routed_to(), ElementsAre("g2"));
}

TEST(NodeAdmin, TheLastReadyNodeOfTheLivePoolIsNotDrainedByMistake) {
  ControlRig rig;
  rig.start();
  const Outcome refused = rig.run(admin_command({"b1", "b2"}, AdminState::kDrain));
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_EQ(refused.reasons.at(0).gate, "last_node");
  EXPECT_THAT(refused.message, HasSubstr("did you mean shunt switch green?"));
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1", "b2"));
  Command command = admin_command({"b1", "b2"}, AdminState::kDrain);
  command.force = true;
  EXPECT_TRUE(rig.run(command).changed);
  EXPECT_TRUE(rig.routed_to().empty());
}

TEST(NodeAdmin, TheLastNodeOfTheLivePoolThatIsUpIsNotDrainedByMistake) {
  ControlRig rig;
  rig.start();
  rig.check(1, false, 3);
  rig.run_until([&] { return rig.routed_to().size() == 1; });
  const Outcome refused = rig.run(admin_command({"b1"}, AdminState::kDrain));
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.reasons.at(0).message, HasSubstr("no ready node that is up"));
  EXPECT_TRUE(rig.run(admin_command({"b2"}, AdminState::kDrain)).changed) << "b1 stays";
  rig.run(admin_command({"b2"}, AdminState::kReady));
  // Where none is up, none of them is missed for that.
  rig.check(0, false, 3);
  EXPECT_TRUE(rig.run(admin_command({"b1"}, AdminState::kDrain)).changed);
}

TEST(NodeAdmin, ANodeInMaintenanceIsNotChecked) {
  ControlRig rig;
  rig.start();
  EXPECT_TRUE(rig.prober->started);
  rig.run(admin_command({"b2"}, AdminState::kMaint));
  EXPECT_THAT(rig.prober->paused_slots, ElementsAre(1U));
  rig.run(admin_command({"b2"}, AdminState::kReady));
  EXPECT_TRUE(rig.prober->paused_slots.empty());
}

TEST(NodeAdmin, ANodeBackFromMaintenanceHasToProveItselfAgain) {
  ControlRig rig;
  rig.start();
  rig.check(2, false, 1);
  rig.run(admin_command({"g1"}, AdminState::kMaint));
  rig.run(admin_command({"g1"}, AdminState::kReady));
  const NodeStatus node = rig.app().pools[1].node_list[0];
  EXPECT_EQ(node.health, traffic::Health::kUnproven);
  EXPECT_EQ(node.last_failure, "") << "of the node as it was before";
  EXPECT_EQ(rig.app().pools[1].healthy, 1U);
  EXPECT_EQ(rig.switch_to("green").kind, OutcomeKind::kRefused) << "min_healthy wants fresh proof";
  rig.check(2, true, 2);
  EXPECT_EQ(rig.app().pools[1].healthy, 2U);
  EXPECT_TRUE(rig.switch_to("green").changed);
}

TEST(NodeAdmin, ANodeOfTheLivePoolBackFromMaintenanceWaitsForItsChecks) {
  ControlRig rig;
  rig.start();
  rig.run(admin_command({"b2"}, AdminState::kMaint));
  rig.run(admin_command({"b2"}, AdminState::kReady));
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1"));
  rig.check(1, true, 2);
  rig.run_until([&] { return rig.routed_to().size() == 2; });
}

TEST(NodeAdmin, BackFromMaintenanceByWayOfDrainItHasToProveItselfToo) {
  ControlRig rig;
  rig.start();
  rig.run(admin_command({"b2"}, AdminState::kMaint));
  rig.run(admin_command({"b2"}, AdminState::kDrain));
  rig.run(admin_command({"b2"}, AdminState::kReady));
  EXPECT_EQ(rig.app().pools[0].node_list[1].health, traffic::Health::kUnproven);
  rig.check(1, true, 2);
  rig.run(admin_command({"b2"}, AdminState::kDrain));
  rig.run(admin_command({"b2"}, AdminState::kReady));
  EXPECT_EQ(rig.app().pools[0].node_list[1].health, traffic::Health::kUp)
      << "checked all along: a drain voids nothing";
}

TEST(NodeAdmin, TheOnlyReadyNodeOfTheLivePoolIsUsedAtOnceAndDownAtItsFirstFailure) {
  ControlRig rig;
  rig.start();
  rig.run(admin_command({"b2"}, AdminState::kDrain));
  Command command = admin_command({"b1"}, AdminState::kMaint);
  command.force = true;
  rig.run(command);
  EXPECT_TRUE(rig.routed_to().empty());
  rig.run(admin_command({"b1"}, AdminState::kReady));
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1"));
  EXPECT_EQ(rig.app().pools[0].node_list[0].health, traffic::Health::kAssumed);
  EXPECT_FALSE(rig.app().services[0].panic);
  EXPECT_EQ(rig.app().pools[0].healthy, 0U) << "assumed is no proof";
  rig.check(0, false, 1);
  EXPECT_EQ(rig.app().pools[0].node_list[0].health, traffic::Health::kDown);
}

TEST(NodeAdmin, WithChecksOffMaintenanceEndsAPassiveFailure) {
  traffic::Model model = test::web_model();
  model.apps[0].health.type = traffic::HealthCheck::kOff;
  model.apps[0].health.interval = 3600 * base::kSecond;  // no retry meanwhile
  ControlRig rig(model);
  rig.start(false);
  for (int count = 0; count < 3; ++count) {
    rig.data_plane->worker[0].outcomes.push_back(
        {.service = 0, .node = 2, .error = ETIMEDOUT, .at = 1});
  }
  rig.run_until([&] { return rig.events.count("node_health") == 1; });
  rig.run(admin_command({"g1"}, AdminState::kMaint));
  rig.run(admin_command({"g1"}, AdminState::kReady));
  EXPECT_EQ(rig.app().pools[1].node_list[0].health, traffic::Health::kAssumed);
  EXPECT_EQ(rig.app().pools[1].node_list[0].last_failure, "");
}

TEST(NodeAdmin, ADeadlineForReadyMakesNoSense) {
  ControlRig rig;
  rig.start();
  Command command = admin_command({"b1"}, AdminState::kReady);
  command.deadline = base::kSecond;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.run(admin_command({}, AdminState::kDrain)).kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.run(admin_command({"b1", "zz"}, AdminState::kDrain)).kind, OutcomeKind::kNotFound);
}

TEST(NodeHealth, ANodeThatGoesDownLeavesTheTableAndComesBack) {
  ControlRig rig;
  rig.start();
  rig.check(0, false, 3);
  rig.run_until([&] { return rig.routed_to().size() == 1; });
  EXPECT_THAT(rig.routed_to(), ElementsAre("b2"));
  const AppStatus status = rig.app();
  EXPECT_EQ(status.pools[0].healthy, 1U);
  EXPECT_EQ(status.pools[0].node_list[0].health, traffic::Health::kDown);
  EXPECT_EQ(status.pools[0].node_list[0].last_failure, "http: connection refused");
  EXPECT_EQ(status.epoch, 1U) << "health moves no epoch";
  rig.check(0, true, 2);
  rig.run_until([&] { return rig.routed_to().size() == 2; });
}

TEST(NodeHealth, ChangesThatComeTogetherArePublishedOnce) {
  ControlRig rig;
  rig.start();
  const traffic::Revision before = rig.revision();
  rig.check(0, false, 3);
  rig.check(1, false, 3);
  rig.run_until([&] { return rig.revision() != before; });
  EXPECT_EQ(rig.revision(), before + 1);
}

TEST(NodeHealth, OfAPoolThatIsNotLivePublishesNothing) {
  ControlRig rig;
  rig.start();
  const traffic::Revision before = rig.revision();
  rig.check(2, false, 3);
  rig.switch_to("blue");  // a command that does nothing, and a turn of the loop
  for (int turn = 0; turn < 10; ++turn) rig.io.run_one();
  EXPECT_EQ(rig.revision(), before);
}

TEST(NodeHealth, FailedConnectsOfRealClientsCountToo) {
  ControlRig rig;
  rig.start();
  for (int count = 0; count < 3; ++count) {
    rig.data_plane->worker[count % 2].outcomes.push_back(
        {.service = 0, .node = 0, .error = ECONNREFUSED, .at = 1});
  }
  rig.run_until([&] { return rig.routed_to(0).size() == 1; });
  EXPECT_THAT(rig.routed_to(0), ElementsAre("b2"));
  EXPECT_THAT(rig.routed_to(1), ElementsAre("b1", "b2")) << "the other service is well";
  EXPECT_THAT(rig.app().pools[0].node_list[0].last_failure, HasSubstr("connects failed"));
}

TEST(NodeHealth, WhenAllReadyNodesAreDownTheyAreTriedAllTheSameAndSaidSo) {
  ControlRig rig;
  rig.start();
  rig.run(admin_command({"b2"}, AdminState::kDrain));
  rig.check(0, false, 3);
  rig.run_until([&] { return rig.events.count("panic") == 2; });  // two services
  EXPECT_TRUE(rig.app().services[0].panic);
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1")) << "never the drained one";
  rig.check(0, true, 2);
  rig.run_until([&] { return rig.events.count("panic") == 4; });
  EXPECT_FALSE(rig.app().services[0].panic);
}

TEST(NodeHealth, APanicIsToldAnewOfThePoolThatASwitchMakesLive) {
  ControlRig rig;
  rig.start();
  rig.check(0, false, 3);
  rig.check(1, false, 3);
  rig.check(2, false, 3);
  rig.check(3, false, 3);
  rig.run_until([&] { return rig.events.count("panic") == 2; });  // two services
  Command command = switch_command("green");
  command.force = true;
  rig.run(command);
  EXPECT_EQ(rig.events.count("panic"), 4U);
  EXPECT_THAT(rig.events.last("panic").message, HasSubstr("too few usable nodes in green"));
}
TEST(NodeHealth, APanicThatASwitchEndsSaysNothingOfUsableNodes) {
  ControlRig rig;
  rig.start();
  rig.check(0, false, 3);
  rig.check(1, false, 3);
  rig.run_until([&] { return rig.events.count("panic") == 2; });
  rig.run(admin_command({"g1", "g2"}, AdminState::kDrain));
  Command command = switch_command("green");
  command.force = true;
  rig.run(command);
  EXPECT_TRUE(rig.routed_to().empty());
  EXPECT_EQ(rig.events.count("panic"), 4U);
  EXPECT_THAT(rig.events.last("panic").message, HasSubstr("is over: green is live"));
}

TEST(NodeHealth, AfterARestartTheLivePoolCountsAsUsableAndTheOtherHasToProveItself) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  rig.kill();
  rig.start(false);
  EXPECT_THAT(rig.routed_to(), ElementsAre("g1", "g2"));
  EXPECT_EQ(rig.app().pools[1].usable, 2U);
  EXPECT_EQ(rig.app().pools[1].healthy, 0U);
  EXPECT_EQ(rig.app().pools[0].usable, 0U);
}

TEST(NodeHealth, WithChecksOffEveryNodeCountsAndAPassiveFailureIsForgivenInTime) {
  traffic::Model model = test::web_model();
  model.apps[0].health.type = traffic::HealthCheck::kOff;
  model.apps[0].health.interval = base::kMillisecond;
  ControlRig rig(model);
  rig.start(false);
  EXPECT_TRUE(rig.switch_to("green").changed);
  for (int count = 0; count < 3; ++count) {
    rig.data_plane->worker[0].outcomes.push_back(
        {.service = 0, .node = 2, .error = ETIMEDOUT, .at = 1});
  }
  rig.run_until([&] { return rig.events.count("node_health") == 1; });
  rig.run_until([&] { return rig.events.count("node_health") == 2; });
  EXPECT_THAT(rig.events.last("node_health").message, HasSubstr("assumed"));
}

}  // namespace
}  // namespace shunt::control
