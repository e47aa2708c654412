// Generations: prepare and retire, from command to restart.
#include <algorithm>
#include <cerrno>

#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::ControlRig;
using test::dry_run;
using test::not_durable;
using test::rollback_command;
using testing::ElementsAre;
using testing::HasSubstr;
using traffic::PoolState;

Command prepare(const std::string& pool, const std::string& version = "1.3.0") {
  Command command;
  command.verb = Verb::kPrepare;
  command.pool = pool;
  command.version = version;
  command.actor = "uid 0";
  return command;
}
Command retire(const std::string& pool, bool undo = false) {
  Command command;
  command.verb = Verb::kRetire;
  command.pool = pool;
  command.undo = undo;
  return command;
}

// Green is live and blue has three connections left.
class GenerationTest : public testing::Test {
 protected:
  GenerationTest() {
    rig.start();
    rig.put_connections();
  }
  void switch_to_green() { EXPECT_EQ(rig.switch_to("green").kind, OutcomeKind::kDone); }
  [[nodiscard]] PoolStatus blue() const { return rig.app().pools[0]; }
  [[nodiscard]] PoolStatus green() const { return rig.app().pools[1]; }

  ControlRig rig;
};

TEST_F(GenerationTest, PreparingOpensOneAndMovesNothing) {
  const traffic::Revision before = rig.revision();
  const Outcome outcome = rig.run(prepare("green"));
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone) << outcome.message;
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.message, "green#3 1.3.0 is prepared");
  EXPECT_EQ(outcome.epoch, 2U);
  EXPECT_EQ(outcome.active, "blue");
  EXPECT_EQ(outcome.receipt.to, "");
  EXPECT_TRUE(outcome.receipt.durable);
  EXPECT_EQ(green().generation, 3U);
  EXPECT_EQ(green().version, "1.3.0");
  EXPECT_EQ(blue().generation, 1U);
  EXPECT_EQ(rig.revision(), before);
  EXPECT_FALSE(rig.app().last_receipt) << "nothing was switched";
  const Event& event = rig.events.last("prepare");
  EXPECT_EQ(event.actor, "uid 0");
  const auto has = [&event](const char* name, const char* value) {
    return std::count(event.fields.begin(), event.fields.end(),
                      std::pair(std::string(name), std::string(value)));
  };
  EXPECT_EQ(has("pool", "green"), 1);
  EXPECT_EQ(has("generation", "3"), 1);
  EXPECT_EQ(has("version", "1.3.0"), 1);
  ASSERT_TRUE(outcome.pool);
  EXPECT_EQ(outcome.pool->generation, 3U);
}

TEST_F(GenerationTest, ASwitchSaysWhatIsLive) {
  rig.run(prepare("green"));
  const Outcome outcome = rig.switch_to("green");
  ASSERT_TRUE(outcome.pool);
  EXPECT_EQ(outcome.pool->name, "green");
  EXPECT_EQ(outcome.pool->version, "1.3.0");
}

TEST_F(GenerationTest, PreparingAgainDoesNothing) {
  rig.run(prepare("green"));
  const Outcome again = rig.run(prepare("green"));
  EXPECT_EQ(again.kind, OutcomeKind::kDone);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.message, "green#3 1.3.0 is prepared already");
}

TEST_F(GenerationTest, ADryRunOfPreparingChangesNothing) {
  const Outcome outcome = rig.run(dry_run(prepare("green")));
  EXPECT_EQ(outcome.message, "would open green#3 1.3.0");
  EXPECT_EQ(green().generation, 2U);
}

TEST_F(GenerationTest, SurvivesAKill) {
  rig.run(prepare("green"));
  rig.restart();
  EXPECT_EQ(green().generation, 3U);
  EXPECT_EQ(green().version, "1.3.0");
  EXPECT_EQ(rig.app().epoch, 2U);
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST_F(GenerationTest, ARepeatByItsKeyIsAnsweredAfterARestartToo) {
  Command command = prepare("green");
  command.key = "job-1";
  EXPECT_TRUE(rig.run(command).changed);
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.restart();
  const Outcome again = rig.run(command);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.message, "green#3 1.3.0 is prepared");
  ASSERT_TRUE(again.pool);
  EXPECT_EQ(again.pool->generation, 3U);
  EXPECT_EQ(again.pool->version, "1.3.0");
  EXPECT_EQ(green().generation, 3U);
  command.version = "1.3.1";
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kInvalid) << "a key is good for one command";
}

TEST_F(GenerationTest, AnEpochThatMovedChangesNothing) {
  Command command = prepare("green");
  command.if_epoch = 7;
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kEpochMoved);
  EXPECT_EQ(green().generation, 2U);
  command.if_epoch = 1;
  EXPECT_TRUE(rig.run(command).changed);
}

TEST_F(GenerationTest, OneThatDoesNotWaitForTheDiskIsWrittenAfterwards) {
  const Outcome outcome = rig.run(not_durable(prepare("green")));
  EXPECT_TRUE(outcome.changed);
  EXPECT_FALSE(outcome.receipt.durable);
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.restart();
  EXPECT_EQ(green().version, "1.3.0");
}

TEST_F(GenerationTest, NothingIsPreparedWhereTheDiskFails) {
  rig.medium->when_syncing([] { return -EIO; });
  const Outcome outcome = rig.run(prepare("green"));
  EXPECT_EQ(outcome.kind, OutcomeKind::kUnavailable);
  EXPECT_EQ(green().generation, 2U);
  rig.medium->when_syncing({});
  rig.run_until([&] { return rig.run(prepare("green")).changed; });
}

// Killed after the write, before the acknowledgement.
TEST_F(GenerationTest, OneInProgressIsMarkedUntilItIsRepeated) {
  rig.run_until([&] { return rig.plane->status().process.durable; });
  std::string cache;
  rig.medium->when_syncing([&] {
    if (cache.empty() && rig.medium->cache.find("1.3.0") != std::string::npos) {
      cache = rig.medium->cache;
    }
    return 0;
  });
  rig.run(prepare("green"));
  rig.kill();
  rig.medium->when_syncing({});
  ASSERT_FALSE(cache.empty());
  rig.medium->cache = cache;
  rig.start();
  EXPECT_EQ(green().version, "1.3.0");
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  EXPECT_THAT(rig.events.last("state_recovered").message,
              HasSubstr("green#3 1.3.0 is prepared by a command that was in progress"));
  EXPECT_THAT(rig.run(prepare("green")).message, HasSubstr("acknowledged now"));
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST_F(GenerationTest, TheLivePoolIsNotPrepared) {
  const Outcome outcome = rig.run(prepare("blue"));
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_EQ(outcome.message, "blue#1 is live");
}

TEST_F(GenerationTest, AKeptPoolIsPreparedOnceItIsEmptyAndIsNoWayBackThen) {
  switch_to_green();
  const Outcome refused = rig.run(prepare("blue"));
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  ASSERT_EQ(refused.reasons.size(), 1U);
  EXPECT_EQ(refused.reasons[0].gate, "empty");
  EXPECT_EQ(refused.reasons[0].message, "3 connections of blue#1 are left");
  EXPECT_EQ(blue().state, PoolState::kKept);
  rig.end_connections();
  EXPECT_TRUE(rig.run(prepare("blue")).changed);
  EXPECT_EQ(blue().state, PoolState::kStandby);
  EXPECT_EQ(rig.app().rollback_to, "");
  EXPECT_EQ(rig.run(rollback_command()).kind, OutcomeKind::kRefused);
}

TEST_F(GenerationTest, PreparingClosesWhatIsLeftWhereItIsTold) {
  switch_to_green();
  Command command = prepare("blue");
  command.close_over = base::kSecond;
  const Outcome outcome = rig.run(command);
  EXPECT_TRUE(outcome.changed) << outcome.message;
  EXPECT_EQ(outcome.over, base::kSecond);
  EXPECT_TRUE(blue().drain.closing || blue().drain.deadline_in.has_value());
}

// They would be taken for connections of what is built now.
TEST_F(GenerationTest, ASwitchWaitsForTheConnectionsOfTheGenerationBefore) {
  switch_to_green();
  Command command = prepare("blue");
  command.close_over = 3600 * base::kSecond;
  rig.run(command);
  for (const traffic::NodeSlot slot : {0U, 1U}) rig.check(slot, true, 2);
  const Outcome refused = rig.switch_to("blue");
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_EQ(refused.reasons.at(0).gate, "empty");
  EXPECT_EQ(refused.reasons.at(0).message, "3 connections of the generation before are left");
  rig.end_connections();
  EXPECT_EQ(rig.switch_to("blue").kind, OutcomeKind::kDone);
}

TEST_F(GenerationTest, ARetireTakenBackLeavesADeadlineAsItIs) {
  rig.kill();
  rig.config.model.apps[0].drain.deadline = 3600 * base::kSecond;
  rig.start();
  rig.put_connections();
  switch_to_green();
  rig.run(retire("blue"));
  rig.run(retire("blue", true));
  EXPECT_EQ(rig.events.count("drain_cancelled"), 0U);
  EXPECT_TRUE(blue().drain.deadline_in);
}

TEST_F(GenerationTest, TheGateIsWaivedAndThatIsTold) {
  switch_to_green();
  Command command = prepare("blue");
  command.skip = {"empty"};
  const Outcome outcome = rig.run(command);
  EXPECT_TRUE(outcome.changed);
  EXPECT_THAT(outcome.receipt.skipped, ElementsAre("empty"));
}

TEST_F(GenerationTest, ARetiringPoolIsRetiredWhenItsLastConnectionIsGone) {
  switch_to_green();
  const Outcome outcome = rig.run(retire("blue"));
  EXPECT_EQ(outcome.message,
            "blue#1 is retiring, 3 connections left; there is no rollback to blue any more");
  EXPECT_EQ(blue().state, PoolState::kRetiring);
  EXPECT_EQ(rig.app().rollback_to, "");
  EXPECT_EQ(rig.app().last_receipt->to, "green") << "what is shown of the switch stays";
  rig.end_connections();
  rig.run_until([&] { return blue().state == PoolState::kRetired; });
  EXPECT_EQ(rig.events.last("retired").actor, "shunt");
  EXPECT_EQ(rig.app().epoch, 3U) << "nobody has decided that";
  rig.restart();
  EXPECT_EQ(blue().state, PoolState::kRetired);
}

// It goes on as the disk does.
TEST_F(GenerationTest, ARetiringPoolIsRetiredOnceTheDiskTakesIt) {
  switch_to_green();
  rig.run(retire("blue"));
  rig.medium->when_syncing([] { return -EIO; });
  rig.end_connections();
  for (int beat = 0; beat < 3; ++beat) {
    const std::size_t syncs = rig.medium->syncs;
    rig.run_until([&] { return rig.medium->syncs > syncs; });
    EXPECT_EQ(blue().state, PoolState::kRetiring);
  }
  rig.medium->when_syncing({});
  rig.run_until([&] { return blue().state == PoolState::kRetired; });
  EXPECT_EQ(rig.events.count("retired"), 1U);
}

TEST_F(GenerationTest, APoolIsNotEmptyWhileAWorkerMayConnectToIt) {
  rig.end_connections();
  rig.timing.adoption_wait = base::kMillisecond;
  rig.restart();
  rig.data_plane->keep_busy(0);
  switch_to_green();
  EXPECT_FALSE(rig.app().adopted);
  const Outcome refused = rig.run(prepare("blue"));
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.reasons.at(0).message, HasSubstr("does not follow"));
  rig.run(retire("blue"));
  EXPECT_EQ(blue().state, PoolState::kRetiring);
}

TEST_F(GenerationTest, AnEmptyPoolIsRetiredAtOnce) {
  const Outcome outcome = rig.run(retire("green"));
  EXPECT_EQ(outcome.message, "green#2 is retired");
  EXPECT_EQ(green().state, PoolState::kRetired);
  const Outcome refused = rig.switch_to("green");
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_THAT(refused.message, HasSubstr("is retired"));
  EXPECT_FALSE(rig.run(retire("green")).changed);
}

TEST_F(GenerationTest, ARetireIsTakenBackAndTheWayBackIsThereAgain) {
  switch_to_green();
  rig.run(retire("blue"));
  const Outcome undone = rig.run(retire("blue", true));
  EXPECT_EQ(undone.message, "blue#1 is kept again");
  EXPECT_EQ(rig.app().rollback_to, "blue");
  EXPECT_EQ(rig.run(rollback_command()).active, "blue");
}

// What was told to close goes on as if nothing had been retired.
TEST_F(GenerationTest, TakingARetireBackEndsItsClosing) {
  switch_to_green();
  Command command = retire("blue");
  command.close_over = 3600 * base::kSecond;
  EXPECT_TRUE(rig.run(command).changed);
  EXPECT_TRUE(blue().drain.closing || blue().drain.deadline_in.has_value());
  rig.run(retire("blue", true));
  EXPECT_FALSE(blue().drain.closing);
  EXPECT_EQ(blue().drain.deadline_in, std::nullopt);
}

// Its connections ended with the process.
TEST_F(GenerationTest, TheFileMayDropARetiringPool) {
  rig.end_connections();
  switch_to_green();
  rig.put_connections();
  rig.run(retire("blue"));
  EXPECT_EQ(blue().state, PoolState::kRetiring);
  rig.kill();
  traffic::App& app = rig.config.model.apps[0];
  app.pools.erase(app.pools.begin());
  app.initial = 0;
  auto store = test::open_on(rig.medium);
  ASSERT_TRUE(store);
  const auto restored = restore_state(rig.config.model, store->loaded());
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->apps[0].release.kept.size(), 0U);
  EXPECT_THAT(restored->events.at(0).message, HasSubstr("blue was retiring"));
}

}  // namespace
}  // namespace shunt::control
