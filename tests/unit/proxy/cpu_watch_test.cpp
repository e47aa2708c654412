// Whether others use a worker's CPU: by the share that is neither idle nor the worker's own.
#include "src/proxy/cpu_watch.hpp"

#include <gtest/gtest.h>

namespace shunt::proxy {
namespace {

using base::kMillisecond;
using base::kSecond;

// A second after a second, each with so much of tasks in all and of the worker.
class Watched {
 public:
  Watched() { watch.note(sum_); }
  bool after(base::Duration tasks, base::Duration own) {
    sum_.at += kSecond;
    sum_.tasks += tasks;
    sum_.own += own;
    watch.note(sum_);
    return watch.shared();
  }
  CpuWatch watch;

 private:
  CpuSample sum_{.at = 1000 * kSecond, .tasks = 70 * kSecond, .own = 30 * kSecond};
};

TEST(CpuWatch, CountsAsSharedUntilItIsKnown) {
  EXPECT_TRUE(CpuWatch().shared());
  EXPECT_TRUE(Watched().watch.shared());
  EXPECT_FALSE(Watched().watch.known());
  Watched watched;
  watched.after(0, 0);
  EXPECT_TRUE(watched.watch.known());
}

TEST(CpuWatch, AWorkerAloneSharesWithNobody) {
  EXPECT_FALSE(Watched().after(900 * kMillisecond, 900 * kMillisecond));
  EXPECT_FALSE(Watched().after(0, 0));
}

TEST(CpuWatch, TicksThatLagBehindTheWorkersClockAreNobodysTime) {
  EXPECT_FALSE(Watched().after(500 * kMillisecond, 600 * kMillisecond));
}

TEST(CpuWatch, OthersAreSeenWhateverTheWorkerDoes) {
  EXPECT_TRUE(Watched().after(500 * kMillisecond, 0));
  EXPECT_TRUE(Watched().after(kSecond, 500 * kMillisecond));
}

TEST(CpuWatch, DoesNotGoOnAndOffAroundOneShare) {
  Watched watched;
  EXPECT_FALSE(watched.after(0, 0));
  EXPECT_FALSE(watched.after(150 * kMillisecond, 0));
  EXPECT_TRUE(watched.after(250 * kMillisecond, 0));
  EXPECT_TRUE(watched.after(150 * kMillisecond, 0));
  EXPECT_FALSE(watched.after(50 * kMillisecond, 0));
}

constexpr const char* kStat =
    "cpu  1 2 3 4 5 6 7 8 9 10\n"
    "cpu0 100 20 30 4000 50 60 70 8 9 1\n"
    "cpu1 1 0 0 0 0 0 0 0 0 0\n"
    "cpu10 7 0 0 0 0 0 0 0 0 0\n"
    "intr 12345\n";

TEST(TimeOfTasks, LeavesIdleTimeAndInterruptsOut) {
  EXPECT_EQ(time_of_tasks(kStat, 0, 100), (100 + 20 + 30 + 8) * 10 * kMillisecond);
}

TEST(TimeOfTasks, FindsTheCpuByItsWholeNumber) {
  EXPECT_EQ(time_of_tasks(kStat, 1, 100), 10 * kMillisecond);
  EXPECT_EQ(time_of_tasks(kStat, 10, 100), 70 * kMillisecond);
  EXPECT_FALSE(time_of_tasks(kStat, 2, 100));
}

TEST(TimeOfTasks, IsNotGuessedFromALineThatIsCut) {
  EXPECT_FALSE(time_of_tasks("cpu  1\ncpu0 1 2 3", 0, 100));
  EXPECT_FALSE(time_of_tasks("", 0, 100));
}

}  // namespace
}  // namespace shunt::proxy
