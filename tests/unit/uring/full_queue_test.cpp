// A kernel that takes no submissions for lack of memory, scripted.
#include "src/uring/full_queue.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace shunt::uring {
namespace {

struct ScriptedQueue {
  int room_after = 1;  // calls of enter()
  int fails_at = 0;    // the call of enter() that fails; 0: none
  int enters = 0;
  int pauses = 0;
  int the_entry = 0;

  int* get() {
    return entry_after_handing_over([this] { return ++enters == fails_at ? -EBADR : 0; },
                                    [this] { return enters >= room_after ? &the_entry : nullptr; },
                                    [this] { ++pauses; });
  }
};

TEST(FullQueue, IsHandedOverOnceWhereTheKernelTakesIt) {
  ScriptedQueue queue;
  EXPECT_EQ(queue.get(), &queue.the_entry);
  EXPECT_EQ(queue.enters, 1);
  EXPECT_EQ(queue.pauses, 0);
}

TEST(FullQueue, IsHandedOverAgainAtOnceBeforeAnythingWaits) {
  ScriptedQueue queue{.room_after = kAttemptsAtOnce};
  EXPECT_EQ(queue.get(), &queue.the_entry);
  EXPECT_EQ(queue.pauses, 0);
}

TEST(FullQueue, WaitsForMemoryAndGoesOn) {
  ScriptedQueue queue{.room_after = kAttemptsAtOnce + 3};
  EXPECT_EQ(queue.get(), &queue.the_entry);
  EXPECT_EQ(queue.pauses, 3) << "and none after the call that made room";
}

TEST(FullQueue, IsGivenUpAfterFiveSeconds) {
  ScriptedQueue queue{.room_after = 1'000'000};
  EXPECT_EQ(queue.get(), nullptr);
  EXPECT_EQ(queue.pauses, 5'000);
}

TEST(FullQueue, WaitsForNothingWhereTheRingIsBroken) {
  ScriptedQueue queue{.room_after = 1'000, .fails_at = 2};
  EXPECT_EQ(queue.get(), nullptr);
  EXPECT_EQ(queue.enters, 2);
}

}  // namespace
}  // namespace shunt::uring
