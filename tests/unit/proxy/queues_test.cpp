// Mailbox and outbox rings, and the counts of what they drop.
#include <gtest/gtest.h>

#include <thread>

#include "src/proxy/outbox.hpp"
#include "src/proxy/spsc_ring.hpp"

namespace shunt::proxy {
namespace {

TEST(SpscRing, GivesItemsBackInOrderAndIsBounded) {
  SpscRing<int> ring(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.push(i));
  EXPECT_FALSE(ring.push(4));
  int out[3];
  EXPECT_EQ(ring.take(out, 3), 3U);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[2], 2);
  EXPECT_TRUE(ring.push(4));
  EXPECT_TRUE(ring.pop(out[0]));
  EXPECT_EQ(out[0], 3);
  EXPECT_TRUE(ring.pop(out[0]));
  EXPECT_EQ(out[0], 4);
  EXPECT_FALSE(ring.pop(out[0]));
}

TEST(SpscRing, LosesAndInventsNothingBetweenTwoThreads) {
  constexpr std::uint64_t kItems = 300'000;
  SpscRing<std::uint64_t> ring(64);
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < kItems; ++i) {
      while (!ring.push(i)) std::this_thread::yield();
    }
  });
  std::uint64_t next = 0;
  std::uint64_t batch[16];
  while (next < kItems) {
    const std::size_t count = ring.take(batch, 16);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(batch[i], next++);
    if (count == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(ring.take(batch, 16), 0U);
}

TEST(Outbox, CountsWhatItDrops) {
  WorkerCounters counters(1, 1);
  Outbox outbox(counters);
  for (std::uint32_t i = 0; i < base::kConnectFailureCapacity + 3; ++i) {
    outbox.leave(ConnectOutcome{.node = i});
  }
  EXPECT_EQ(counters.records_dropped.get(), 3U);
  ConnectOutcome first;
  EXPECT_EQ(outbox.take_outcomes(&first, 1), 1U);
  EXPECT_EQ(first.node, 0U);
  for (std::uint32_t i = 0; i < base::kConnectionEndCapacity + 2; ++i) {
    outbox.leave(ConnectionEnd{});
  }
  EXPECT_EQ(counters.records_dropped.get(), 5U);
}

}  // namespace
}  // namespace shunt::proxy
