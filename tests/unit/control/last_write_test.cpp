// What a stop does with decisions that the disk does not take.
#include <cerrno>

#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::not_durable;
using test::rollback_command;

void settle(ControlRig& rig) {
  rig.run_until([&] { return rig.plane->status().process.durable; });
}

LastWords stop(ControlRig& rig) {
  rig.plane->begin_stop();
  rig.plane->end_commands();
  return rig.plane->finish();
}

TEST(LastWrite, AStopThatCannotWriteADecisionNamesItAndWhatTheNextStartBringsUp) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  settle(rig);
  rig.medium->when_writing([] { return -EFBIG; });
  EXPECT_TRUE(rig.run(not_durable(rollback_command())).changed);
  const LastWords words = stop(rig);
  EXPECT_FALSE(words.kept);
  EXPECT_TRUE(words.disk_answers);
  const Event& event = rig.events.last("decision_lost");
  EXPECT_EQ(event.level, EventLevel::kError);
  EXPECT_EQ(event.app, "web");
  EXPECT_THAT(event.message, testing::StartsWith("blue is live, epoch 3, and that is not on disk"));
  EXPECT_THAT(event.message, testing::HasSubstr("green is live, epoch 2; once the disk takes it: "
                                                "shunt switch blue"));
  rig.medium->when_writing({});
  rig.restart();
  EXPECT_EQ(rig.app().active, "green");
}

TEST(LastWrite, AStopLosesNothingWhereOnlyAReceiptIsNotOnDisk) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  rig.medium->when_writing([] { return -ENOSPC; });
  EXPECT_TRUE(stop(rig).kept);
  EXPECT_EQ(rig.events.count("decision_lost"), 0U);
}

TEST(LastWrite, AStopNamesACommandAboutNodesThatIsNotOnDisk) {
  ControlRig rig;
  rig.start();
  settle(rig);
  rig.medium->when_writing([] { return -ENOSPC; });
  EXPECT_TRUE(rig.run(not_durable(admin_command({"b1"}, traffic::AdminState::kDrain))).changed);
  EXPECT_FALSE(stop(rig).kept);
  EXPECT_THAT(rig.events.last("decision_lost").message,
              testing::StartsWith("the last command about nodes is not on disk"));
}

// The newer decision may be whole on the disk where only the sync failed.
TEST(LastWrite, AStopThatCannotSyncADecisionSaysThatItMayBeThere) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  settle(rig);
  rig.medium->when_syncing([] { return -EIO; });
  EXPECT_TRUE(rig.run(not_durable(rollback_command())).changed);
  EXPECT_FALSE(stop(rig).kept);
  EXPECT_THAT(rig.events.last("decision_lost").message,
              testing::HasSubstr("the next start may bring up the decision before: green"));
}

}  // namespace
}  // namespace shunt::control
