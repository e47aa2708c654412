// Dry runs: nobody hears of them, and nothing is kept of them.
#include <gtest/gtest.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::ControlRig;
using test::switch_command;

// By its mark it is left out of the metric; see CommandMeter.
TEST(DryRun, IsMarkedAsOneWhateverItEndsWith) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("green");
  command.dry_run = true;
  command.if_epoch = 7;
  Outcome outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kEpochMoved);
  EXPECT_TRUE(outcome.dry_run);
  command = switch_command("red");
  command.dry_run = true;
  outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kNotFound);
  EXPECT_TRUE(outcome.dry_run);
  command = switch_command("blue");
  command.dry_run = true;
  outcome = rig.run(command);
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone);
  EXPECT_FALSE(outcome.changed);
  EXPECT_TRUE(outcome.dry_run);
}

TEST(DryRun, OfWhatAlreadyIsDoesNotUseUpItsKey) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("blue");
  command.key = "release-7";
  command.dry_run = true;
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
