// Decisions against a disk that fails, hangs or loses power at any step.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::epoch_on;
using test::Medium;
using test::not_durable;
using test::open_on;
using test::rollback_command;
using test::switch_command;
using testing::HasSubstr;

// The start's own write has been done.
void settle(ControlRig& rig) {
  rig.run_until([&] { return rig.plane->status().process.durable; });
}
void start_settled(ControlRig& rig) {
  rig.start();
  settle(rig);
}

// A disk that hangs in its next sync, or in every one, until release().
class HungDisk {
 public:
  enum class Hangs { kOnce, kEachTime };
  explicit HungDisk(Medium& medium, Hangs hangs = Hangs::kEachTime) {
    // Nothing of this: the rig, and with it the disk's thread, ends after it.
    auto first = std::make_shared<std::atomic<bool>>(true);
    medium.when_syncing([released = release_.get_future().share(), hangs, first] {
      if (hangs == Hangs::kEachTime || first->exchange(false)) released.wait();
      return 0;
    });
  }
  void release() { release_.set_value(); }

 private:
  std::promise<void> release_;
};

// Green is live, and the disk hangs from now on.
struct HungAfterASwitch {
  HungAfterASwitch(ControlRig& rig, base::Duration hurried_wait) {
    rig.timing.hurried_wait = hurried_wait;  // all other waits are a minute
    rig.start();
    rig.switch_to("green");
    settle(rig);
    disk.emplace(*rig.medium);
  }
  std::optional<HungDisk> disk;
};

TEST(Persistence, TheIntentIsOnDiskBeforeItIsPublished) {
  ControlRig rig;
  start_settled(rig);
  std::atomic<bool> checked{false}, published_early{false};
  rig.medium->when_syncing([&] {
    const bool intent = rig.medium->last_write.find("\"epoch\":2") != std::string::npos;
    if (intent && !checked.exchange(true)) {
      published_early = rig.data_plane->publication().current().revision != 1;
    }
    return 0;
  });
  EXPECT_TRUE(rig.switch_to("green").changed);
  EXPECT_TRUE(checked);
  EXPECT_FALSE(published_early);
  rig.kill();
  EXPECT_EQ(epoch_on(rig.medium), 2U);
}

TEST(Persistence, AFailedSyncRefusesTheSwitchAndARestartHasTheOldDecision) {
  ControlRig rig;
  start_settled(rig);
  std::atomic<int> failures{1};
  rig.medium->when_syncing([&] { return failures-- > 0 ? -EIO : 0; });
  const Outcome outcome = rig.switch_to("green");
  EXPECT_EQ(outcome.kind, OutcomeKind::kUnavailable);
  EXPECT_FALSE(outcome.changed);
  EXPECT_EQ(outcome.reasons.at(0).gate, "persist");
  EXPECT_EQ(rig.revision(), 1U);
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_TRUE(rig.plane->degraded_because().empty()) << "the old decision is whole again";
  rig.kill();
  rig.medium->power_cut();
  rig.start();
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST(Persistence, ADiskThatGoesOnFailingDegradesUntilItWorksAgain) {
  ControlRig rig;
  start_settled(rig);
  std::atomic<bool> broken{true};
  rig.medium->when_syncing([&] { return broken ? -EIO : 0; });
  Command command = switch_command("green", "k");
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kUnavailable);
  EXPECT_THAT(rig.plane->degraded_because(), HasSubstr("cannot be persisted"));
  EXPECT_EQ(rig.plane->not_ready_because(), "") << "traffic flows all the same";
  EXPECT_EQ(rig.plane->status().process.phase, "degraded");
  EXPECT_THAT(rig.plane->status().process.phase_reason,
              testing::StartsWith("decisions cannot be persisted: "));
  EXPECT_EQ(rig.events.last("not_durable").level, EventLevel::kError);
  broken = false;
  rig.run_until([&] { return rig.plane->degraded_because().empty(); });
  EXPECT_TRUE(rig.plane->status().process.durable);
  const Outcome outcome = rig.run(command);
  EXPECT_TRUE(outcome.changed);
  EXPECT_FALSE(outcome.replayed) << "a command that failed leaves no operation behind";
}

TEST(Persistence, NotDurableGoesAheadWithoutTheDiskAndReachesItLater) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  settle(rig);
  std::atomic<bool> broken{true};
  rig.medium->when_syncing([&] { return broken ? -EIO : 0; });
  Command command = not_durable(rollback_command());
  const Outcome outcome = rig.run(command);
  EXPECT_TRUE(outcome.changed);
  EXPECT_FALSE(outcome.receipt.durable);
  EXPECT_EQ(outcome.active, "blue");
  EXPECT_EQ(rig.routed_to().front(), "b1");
  EXPECT_GE(rig.events.count("not_durable"), 1U);
  EXPECT_FALSE(rig.plane->status().process.durable);
  broken = false;
  settle(rig);
  rig.kill();
  rig.medium->power_cut();
  rig.start();
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_EQ(rig.app().epoch, 3U);
}

TEST(Persistence, AStuckDiskStallsNeitherStatusNorHealthAndTheCommandIsRefusedInTime) {
  ControlRig rig;
  rig.timing.persist_wait = 5 * base::kMillisecond;
  start_settled(rig);
  HungDisk disk(*rig.medium, HungDisk::Hangs::kOnce);
  const Outcome outcome = rig.switch_to("green");
  EXPECT_EQ(outcome.kind, OutcomeKind::kUnavailable);
  EXPECT_THAT(outcome.message, HasSubstr("has not answered"));
  EXPECT_THAT(rig.plane->degraded_because(), HasSubstr("cannot be persisted"));
  EXPECT_EQ(rig.plane->not_ready_because(), "") << "traffic flows all the same";
  EXPECT_EQ(rig.app().active, "blue");
  rig.check(0, false, 3);
  rig.run_until([&] { return rig.routed_to().size() == 1; });
  // What was refused lands on the disk after all; what is in force is written over it.
  disk.release();
  rig.run_until([&] { return rig.plane->degraded_because().empty(); });
  settle(rig);
  rig.kill();
  rig.start();
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_EQ(rig.app().epoch, 1U);
}

TEST(Persistence, ARollbackBehindAStuckDiskIsNotHeldUp) {
  ControlRig rig;
  HungAfterASwitch hung(rig, base::kMillisecond);
  const auto stuck = rig.apply(switch_command("blue"));
  Command command = not_durable(rollback_command());
  const Outcome outcome = rig.run(command);
  ASSERT_TRUE(stuck->has_value());
  EXPECT_EQ((*stuck)->kind, OutcomeKind::kUnavailable);
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(rig.app().active, "blue");
  hung.disk->release();
}

TEST(Persistence, ADryRunOfARollbackHurriesNothing) {
  ControlRig rig;
  HungAfterASwitch hung(rig, 0);  // whoever is hurried is refused at once
  const auto slow = rig.apply(switch_command("blue"));
  Command only_asks = rollback_command();
  only_asks.dry_run = true;
  const auto asked = rig.apply(only_asks);
  rig.io.poll();
  EXPECT_FALSE(slow->has_value());
  const auto first = rig.apply(rollback_command());
  rig.run_until([&] { return slow->has_value(); });
  EXPECT_EQ((*slow)->kind, OutcomeKind::kUnavailable) << "the true rollback does";
  EXPECT_TRUE(rig.plane->degraded_because().empty()) << "the disk is not to blame";
  hung.disk->release();
  rig.run_until([&] { return first->has_value(); });
  EXPECT_EQ((*first)->active, "blue");
}

TEST(Persistence, WithoutSyncReceiptsSaySoAndNobodyIsAlarmed) {
  ControlRig rig(test::web_model(), false);
  rig.start();
  const Outcome outcome = rig.switch_to("green");
  EXPECT_TRUE(outcome.changed);
  EXPECT_FALSE(outcome.receipt.durable);
  EXPECT_EQ(rig.events.count("not_durable"), 0U);
  rig.restart();
  EXPECT_EQ(rig.app().active, "green") << "SIGKILL loses nothing that was written";
}

TEST(Persistence, ARestartRestoresTheDecisionWithItsReceiptAndNodeStates) {
  ControlRig rig;
  rig.start();
  rig.switch_to("green");
  rig.run(admin_command({"g2"}, traffic::AdminState::kMaint));
  rig.restart();
  EXPECT_EQ(rig.app().active, "green");
  EXPECT_EQ(rig.app().epoch, 2U);
  EXPECT_EQ(rig.app().rollback_to, "blue");
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
  EXPECT_EQ(rig.app().last_receipt.value().to, "green");
  EXPECT_THAT(rig.routed_to(), testing::ElementsAre("g1"));
  EXPECT_THAT(rig.prober->paused_slots, testing::ElementsAre(3U));
}

// What the disk held at each step of a run, and by then the last epoch that was promised to last
// and the last one that was answered at all.
struct Snapshot {
  std::string cache;
  traffic::Epoch acknowledged = 0;
  traffic::Epoch answered = 0;
};

TEST(Persistence, KilledBetweenAnyTwoStepsTheLastAcknowledgedDecisionOrTheOneInProgressIsThere) {
  ControlRig rig;
  std::vector<Snapshot> snapshots;
  std::atomic<traffic::Epoch> acknowledged{1};
  std::atomic<traffic::Epoch> answered{1};
  std::atomic<bool> recording{false};
  // Taken on the thread that writes, before each write and each sync.
  const auto snap = [&] {
    if (recording) snapshots.push_back({rig.medium->cache, acknowledged, answered});
    return 0;
  };
  rig.medium->when_writing([&] { return snap(); });
  rig.medium->when_syncing(snap);
  start_settled(rig);
  recording = true;
  // Noted as the answer goes out: just after it the thread that writes hears of it.
  const auto run_noted = [&](Command command) {
    const bool promised = !command.not_durable;
    bool done = false;
    rig.plane->apply(std::move(command), [&](const Outcome& outcome) {
      if (promised) acknowledged = outcome.epoch;
      answered = outcome.epoch;
      done = true;
    });
    rig.run_until([&] { return done; });
  };
  for (int turn = 0; turn < 3; ++turn) {
    run_noted(switch_command("green"));
    run_noted(rollback_command());
  }
  run_noted(not_durable(switch_command("green")));
  rig.kill();
  ASSERT_GT(snapshots.size(), 12U);
  std::size_t marked = 0;
  for (const Snapshot& snapshot : snapshots) {
    auto medium = std::make_shared<Medium>();
    medium->cache = snapshot.cache;
    auto store = open_on(medium);
    ASSERT_TRUE(store) << store.error().message;
    const auto restored = restore_state(rig.config.model, store->loaded());
    ASSERT_TRUE(restored);
    const RestoredApp& app = restored->apps[0];
    EXPECT_GE(app.release.epoch, snapshot.acknowledged) << "never an older one";
    EXPECT_LE(app.release.epoch, snapshot.acknowledged + 1);
    EXPECT_EQ(app.release.active, app.release.epoch % 2 == 1 ? 0U : 1U) << "never a mixture";
    if (app.release.epoch > snapshot.answered) {
      EXPECT_TRUE(app.recovered_unacknowledged) << "epoch " << app.release.epoch;
    }
    marked += app.recovered_unacknowledged ? 1 : 0;
  }
  EXPECT_GT(marked, 0U);
}

TEST(Persistence, AnAcknowledgedDecisionIsNotMarkedAfterTheKill) {
  ControlRig rig;
  rig.timing.settle = 3600 * base::kSecond;  // the mark alone, no second document
  rig.start();
  rig.switch_to("green");
  rig.restart();
  EXPECT_EQ(rig.app().active, "green");
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST(Persistence, ADecisionInProgressIsMarkedUntilTheNextOne) {
  ControlRig rig;
  start_settled(rig);
  // The worker never follows: killed after the write, before the acknowledgement.
  rig.data_plane->keep_busy(0);
  const auto answer = rig.apply(switch_command("green"));
  rig.run_until([&] { return rig.revision() == 2; });
  rig.restart();
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(rig.app().active, "green");
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  EXPECT_THAT(rig.events.last("state_recovered").message,
              HasSubstr("in progress, or answered a moment before, when the process ended: "
                        "recovered, unacknowledged; to acknowledge it: shunt switch green"));
  rig.restart();
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  rig.rollback();
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
  rig.restart();
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

// Becomes true when a document without a mark is written. The mark goes from the disk behind the
// answer: a kill before that errs on its side.
std::shared_ptr<std::atomic<bool>> written_without_mark(Medium& medium) {
  auto written = std::make_shared<std::atomic<bool>>(false);
  medium.when_syncing([written, &medium] {
    if (medium.last_write.find("\"recovered") == std::string::npos) *written = true;
    return 0;
  });
  return written;
}

TEST(Persistence, ADecisionInProgressIsAcknowledgedByAskingForItAgain) {
  ControlRig rig;
  rig.start();
  settle(rig);
  rig.data_plane->keep_busy(0);
  Command command = switch_command("green");
  command.key = "release-7";
  (void)rig.apply(command);
  rig.run_until([&] { return rig.revision() == 2; });
  rig.kill();
  const std::string before = rig.medium->cache;
  rig.start();
  const auto in_question = [&] { return rig.app().recovered_unacknowledged; };
  Command only_asks = switch_command("green");
  only_asks.dry_run = true;
  EXPECT_FALSE(rig.run(only_asks).changed);
  EXPECT_FALSE(rig.run(admin_command({"b1"}, traffic::AdminState::kReady)).changed);
  ASSERT_TRUE(in_question()) << "neither is the decision";
  const auto written = written_without_mark(*rig.medium);
  const Outcome again = rig.switch_to("green");
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.message,
            "green is live already; recovered, unacknowledged before, acknowledged now");
  ASSERT_FALSE(in_question());
  EXPECT_EQ(rig.events.last("acknowledged").message,
            "green is live: recovered, unacknowledged before, acknowledged now");
  EXPECT_EQ(rig.switch_to("green").message, "green is live already");
  rig.run_until([&] { return written->load(); });
  rig.restart();
  EXPECT_FALSE(in_question()) << "also on disk";
  // A repeat by its key is the same.
  rig.kill();
  rig.medium->cache = before;
  rig.start();
  ASSERT_TRUE(in_question());
  EXPECT_TRUE(rig.run(command).replayed);
  EXPECT_FALSE(in_question());
}

TEST(Persistence, ANodeCommandInProgressIsAcknowledgedByAskingForItAgain) {
  ControlRig rig;
  rig.start();
  settle(rig);
  rig.data_plane->keep_busy(0);
  const Command command = admin_command({"b1"}, traffic::AdminState::kDrain);
  (void)rig.apply(command);
  rig.run_until([&] { return rig.revision() == 2; });
  rig.restart();
  EXPECT_FALSE(rig.switch_to("blue").changed);
  ASSERT_TRUE(rig.app().recovered_unacknowledged);
  const auto written = written_without_mark(*rig.medium);
  EXPECT_THAT(rig.run(command).message, HasSubstr("acknowledged now"));
  ASSERT_FALSE(rig.app().recovered_unacknowledged);
  rig.run_until([&] { return written->load(); });
  rig.restart();
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST(Persistence, ARepeatByTheKeyOfAnotherNodeCommandAcknowledgesNothing) {
  ControlRig rig;
  rig.start();
  Command other = admin_command({"b2"}, traffic::AdminState::kReady);
  other.key = "answered-long-before";
  (void)rig.run(other);
  settle(rig);
  rig.data_plane->keep_busy(0);
  Command in_progress = admin_command({"b1"}, traffic::AdminState::kDrain);
  in_progress.key = "in-progress";
  (void)rig.apply(in_progress);
  rig.run_until([&] { return rig.revision() == 2; });
  rig.restart();
  ASSERT_TRUE(rig.app().recovered_unacknowledged);
  ASSERT_TRUE(rig.run(other).replayed);
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  ASSERT_TRUE(rig.run(in_progress).replayed);
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST(Persistence, WhatWentAheadWithoutTheDiskReachesItThoughAWorkerIsStuck) {
  ControlRig rig;
  rig.timing.unwritten_max = base::kMillisecond;
  start_settled(rig);
  rig.data_plane->keep_busy(0);
  Command command = not_durable(switch_command("green"));
  const auto answer = rig.apply(command);
  EXPECT_FALSE(rig.plane->status().process.durable) << "published first";
  rig.run_until([&] { return rig.plane->status().process.durable; });
  EXPECT_FALSE(answer->has_value());
  rig.restart();
  EXPECT_EQ(rig.app().active, "green");
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
}

TEST(Persistence, ANodeCommandInProgressIsMarkedUntilTheNextOne) {
  ControlRig rig;
  start_settled(rig);
  rig.data_plane->keep_busy(0);
  const auto answer = rig.apply(admin_command({"b1"}, traffic::AdminState::kDrain));
  rig.run_until([&] { return rig.revision() == 2; });
  rig.restart();
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(rig.app().pools[0].node_list[0].admin, traffic::AdminState::kDrain);
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  EXPECT_THAT(rig.events.last("state_recovered").message,
              HasSubstr("b1 is drain by a command that was in progress, or answered a moment "
                        "before"));
  EXPECT_EQ(rig.events.last("node_admin").message, "as before the start: b1 (drain)");
  rig.restart();
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  rig.run(admin_command({"b1"}, traffic::AdminState::kReady));
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
  rig.restart();
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST(Persistence, AStartTellsWhoseConnectionsWereBeingEnded) {
  ControlRig rig;
  std::atomic<bool> noted{false};
  start_settled(rig);
  rig.data_plane->bump(0).nodes[0].established.add(1);
  rig.medium->when_syncing([&] {
    if (rig.medium->cache.find("\"ending\":\"node b1 (drain deadline)\"") != std::string::npos) {
      noted = true;
    }
    return 0;
  });
  Command command = admin_command({"b1"}, traffic::AdminState::kDrain);
  command.deadline = 3600 * base::kSecond;
  rig.run(command);
  rig.run_until([&] { return noted.load(); });
  rig.restart();
  EXPECT_EQ(rig.events.last("state_recovered").message,
            "the process ended while connections were being ended: node b1 (drain deadline); they "
            "ended with it, so nothing of that is left to do");
  EXPECT_EQ(rig.events.last("node_admin").message, "as before the start: b1 (drain)");
  EXPECT_EQ(rig.app().pools[0].node_list[0].admin, traffic::AdminState::kDrain);
  rig.medium->when_syncing({});
  settle(rig);
  rig.events.events.clear();
  rig.restart();
  EXPECT_EQ(rig.events.count("state_recovered"), 0U) << "told once";
}

// Refused by a stuck disk, a switch may be on it all the same: what is in force is written over it,
// also while a decision is in force that the document lacks.
TEST(Persistence, WhatWentAheadIsNotDurableByAWriteOfWhatWasBefore) {
  ControlRig rig;
  rig.timing.persist_wait = 250 * base::kMillisecond;  // enough for a disk that is well
  rig.timing.unwritten_max = 3600 * base::kSecond;
  rig.timing.settle = 3600 * base::kSecond;  // no write that nobody waits for
  start_settled(rig);
  rig.switch_to("green");
  settle(rig);
  HungDisk disk(*rig.medium, HungDisk::Hangs::kOnce);
  ASSERT_EQ(rig.switch_to("blue").kind, OutcomeKind::kUnavailable);
  rig.data_plane->keep_busy(0);
  Command command = not_durable(rollback_command());
  const auto answer = rig.apply(command);
  disk.release();
  // The late answer, and the document of before once more.
  rig.run_until([&] { return rig.plane->degraded_because().empty(); });
  rig.io.run_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(rig.plane->status().process.durable);
  ASSERT_FALSE(answer->has_value());
  rig.data_plane->follow(0);
  rig.run_until([&] { return answer->has_value(); });
  EXPECT_FALSE((*answer)->receipt.durable);
}

TEST(Persistence, AStopHandsOverWhatWaitsBehindAnotherWrite) {
  ControlRig rig;
  rig.timing.persist_wait = base::kSecond;
  rig.start();
  rig.switch_to("green");
  settle(rig);
  HungDisk disk(*rig.medium);
  Command known = switch_command("green");
  known.key = "k";
  EXPECT_FALSE(rig.run(known).changed) << "and its answer is being written";
  Command command = not_durable(rollback_command());
  EXPECT_TRUE(rig.run(command).changed);
  rig.plane->begin_stop();
  rig.plane->end_commands();
  const LastWords words = rig.plane->finish();
  EXPECT_FALSE(words.disk_answers);
  EXPECT_FALSE(words.kept);
  EXPECT_THAT(rig.events.last("decision_lost").message,
              testing::HasSubstr("the disk has not answered in time): the next start may bring up "
                                 "the decision before: green is live, epoch 2"));
  disk.release();
  rig.restart();
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_EQ(rig.app().epoch, 3U);
}

TEST(Persistence, TheFirstStartIsRememberedSoThatInitialCountsOnce) {
  ControlRig rig;
  start_settled(rig);
  rig.kill();
  rig.config.model.apps[0].initial = 1;
  rig.start();
  EXPECT_EQ(rig.app().active, "blue");
  EXPECT_EQ(rig.app().drift.at(0),
            "initial is green, active is blue; to switch: shunt switch green");
}

}  // namespace
}  // namespace shunt::control
