// Dry runs: nobody hears of them, and nothing is kept of them.
#include <atomic>
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::dry_run;
using test::switch_command;
using testing::StartsWith;

// By its mark it is left out of the metric; see CommandMeter.
TEST(DryRun, IsMarkedAsOneWhateverItEndsWith) {
  ControlRig rig;
  rig.start();
  Command command = dry_run(switch_command("green"));
  command.if_epoch = 7;
  Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kEpochMoved);
  EXPECT_TRUE(outcome.dry_run);
  command = dry_run(switch_command("red"));
  outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kNotFound);
  EXPECT_TRUE(outcome.dry_run);
  command = dry_run(switch_command("blue"));
  outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_FALSE(outcome.changed);
  EXPECT_TRUE(outcome.dry_run);
}

TEST(DryRun, SaysWhatWouldBeWaived) {
  ControlRig rig;
  rig.start(false);
  Command command = switch_command("green");
  command.dry_run = true;
  command.skip = {"min_healthy"};
  Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  ASSERT_EQ(outcome.reasons.size(), 2U);
  EXPECT_EQ(outcome.reasons[0].gate, "usable_node");
  EXPECT_THAT(outcome.reasons[1].message, StartsWith("waived: 0 of 2 healthy, need 2"));
  EXPECT_EQ(outcome.next.back(),
            "shunt switch green --skip min_healthy --skip usable_node --reason …");
  rig.check(2, true, 2);
  outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  ASSERT_EQ(outcome.reasons.size(), 1U);
  EXPECT_EQ(outcome.reasons[0].gate, "min_healthy");
  EXPECT_THAT(outcome.reasons[0].message, StartsWith("waived: 1 of 2 healthy, need 2"));
}

TEST(DryRun, ForetellsThatDecisionsCannotBePersisted) {
  ControlRig rig;
  rig.start();
  std::atomic<bool> broken{true};
  rig.medium->when_syncing([&] { return broken ? -EIO : 0; });
  EXPECT_EQ(rig.switch_to("green").kind, OutcomeKind::kUnavailable);
  Command command = switch_command("green");
  command.dry_run = true;
  Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kUnavailable);
  EXPECT_TRUE(outcome.dry_run);
  EXPECT_THAT(outcome.message, StartsWith("nothing changed: decisions cannot be persisted now: "));
  command = switch_command("blue");
  command.dry_run = true;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kDone) << "what is so already needs no disk";
  command = admin_command({"b1"}, traffic::AdminState::kDrain);
  command.dry_run = command.not_durable = true;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kDone) << "nor does this";
  broken = false;
  rig.run_until([&] { return rig.plane->degraded_because().empty(); });
  command = switch_command("green");
  command.dry_run = true;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kDone);
}

// The command line asks so whether a repeat would do anything.
TEST(DryRun, UnderTheKeyOfWhatWasAnsweredIsThatAnswer) {
  ControlRig rig;
  rig.start();
  Command command = test::close_pool("blue", 0);
  command.key = "close-7";
  ASSERT_FALSE(rig.run(command).replayed);
  EXPECT_TRUE(rig.run(dry_run(command)).replayed);
  command.key = "close-8";
  EXPECT_FALSE(rig.run(dry_run(command)).replayed);
}

TEST(DryRun, OfWhatAlreadyIsDoesNotUseUpItsKey) {
  ControlRig rig;
  rig.start();
  Command command = dry_run(switch_command("blue", "release-7"));
  EXPECT_FALSE(rig.run(command).changed);
  rig.switch_to("green");
  command.dry_run = false;
  const Outcome outcome = rig.run(command);
  EXPECT_FALSE(outcome.replayed);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(rig.app().active, "blue");
}

}  // namespace
}  // namespace shunt::control
