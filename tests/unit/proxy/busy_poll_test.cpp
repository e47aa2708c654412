// When a worker watches its ring before it sleeps: where that pays, and never for more than its
// share.
#include "src/proxy/busy_poll.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/unit/proxy/one_connection.hpp"

namespace shunt::proxy::testing {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;

constexpr BusyPollSetting kAuto{.mode = BusyPollMode::kAuto};
constexpr base::Duration kSpan = base::kBusyPollSpan;

// A worker's turns, as far as they concern it.
class Talk {
 public:
  explicit Talk(const BusyPollSetting& setting = kAuto) : poll_(setting, &shared) {}

  std::atomic<bool> shared{false};
  std::uint32_t relays = 1;  // that say something in each turn

  // A turn, and a wait that an answer ends after `gap`; how much of it was watched.
  base::Duration turn(base::Duration gap) {
    poll_.woke(now_);
    for (std::uint32_t slot = 0; slot < relays; ++slot) poll_.active(slot);
    const base::Duration span = poll_.span(now_);
    const base::Duration watched = std::min(span, gap);
    if (watched != 0) poll_.spent(watched);
    now_ += gap;
    return watched;
  }
  // The share of the time that was watched over many turns.
  double share(base::Duration gap) {
    base::Duration watched = 0;
    for (int i = 0; i < 10'000; ++i) watched += turn(gap);
    return static_cast<double>(watched) / static_cast<double>(10'000 * gap);
  }

 private:
  base::Instant now_ = 1000 * kSecond;
  BusyPoll poll_;
};

TEST(BusyPoll, WatchesWhereAnswersComeFastWithItsShareOfTheTime) {
  const double share = Talk().share(40 * kMicrosecond);
  EXPECT_GT(share, 0.45);
  EXPECT_LE(share, 0.51);  // what it had earned before it began comes on top
}

TEST(BusyPoll, LeavesALongSilenceToSleep) {
  EXPECT_EQ(Talk().share(kMillisecond), 0);
  EXPECT_EQ(Talk().share(3 * kSpan), 0);
}

TEST(BusyPoll, GivesUpAfterOneLongGapUntilThereIsAShortOne) {
  Talk talk;
  for (int i = 0; i < 10; ++i) talk.turn(40 * kMicrosecond);
  EXPECT_EQ(talk.turn(kSecond), kSpan);  // nobody knew
  EXPECT_EQ(talk.turn(40 * kMicrosecond), 0U);
  EXPECT_EQ(talk.turn(40 * kMicrosecond), 40 * kMicrosecond);
}

TEST(BusyPoll, IsOffWithManyRelays) {
  Talk few;
  few.relays = base::kBusyPollRelays;
  EXPECT_GT(few.share(40 * kMicrosecond), 0.4);
  Talk many;
  many.relays = base::kBusyPollRelays + 1;
  EXPECT_EQ(many.share(40 * kMicrosecond), 0);
}

TEST(BusyPoll, ForgetsRelaysThatFellSilent) {
  Talk talk;
  talk.relays = 60;
  EXPECT_EQ(talk.share(40 * kMicrosecond), 0);
  talk.relays = 1;
  for (int i = 0; i < 200; ++i) talk.turn(40 * kMicrosecond);
  EXPECT_GT(talk.share(40 * kMicrosecond), 0.4);
}

TEST(BusyPoll, IsOffWhereOthersUseTheCpu) {
  Talk talk;
  talk.shared = true;
  EXPECT_EQ(talk.share(40 * kMicrosecond), 0);
  talk.shared = false;
  EXPECT_GT(talk.share(40 * kMicrosecond), 0.4);
}

TEST(BusyPoll, ASpanOfItsOwnIsForEachSleep) {
  Talk talk({.mode = BusyPollMode::kAlways, .span = 5 * kMicrosecond});
  talk.shared = true;
  talk.relays = 60;
  EXPECT_EQ(talk.turn(kSecond), 5 * kMicrosecond);
  EXPECT_EQ(talk.turn(kSecond), 5 * kMicrosecond);
}

TEST(BusyPoll, OffIsOff) {
  EXPECT_EQ(Talk({.mode = BusyPollMode::kOff}).share(40 * kMicrosecond), 0);
}

TEST(BusyPollOfAWorker, WatchesNoLongerThanItMaySleep) {
  WorkerRig<HandKernel> rig({.timeouts = {.idle = 10 * kSecond}});
  rig.watch_before_sleep(20 * kSecond);
  rig.start();
  ASSERT_TRUE(rig->turn());
  EXPECT_EQ(rig.kernel.watched_max, 20 * kSecond);
  EXPECT_EQ(rig.kernel.waited, uring::kForever);
  rig.kernel.client_arrives();
  do {
    ASSERT_TRUE(rig->turn());
  } while (rig.kernel.has_completions());
  EXPECT_LE(rig.kernel.watched_max, 10 * kSecond + kMillisecond);
  EXPECT_EQ(rig.kernel.waited, uring::kNoWait) << "the watch took all of the wait";
  EXPECT_NE(rig.counters.watched_ns.get(), 0U);
}

}  // namespace
}  // namespace shunt::proxy::testing
