// Who holds which buffer: what is queued behind what is held, and what becomes of both when buffers
// run out.
#include "src/proxy/buffers.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/hand_kernel.hpp"

namespace shunt::proxy::testing {
namespace {

constexpr std::uint32_t kBytes = HandKernel::kBufferBytes;

class BuffersTest : public ::testing::Test {
 protected:
  explicit BuffersTest(std::size_t spilled_bytes_max = base::kSpilledBytesMax) : counters_(1, 1) {
    setup_.connections_max = 8;
    setup_.spilled_bytes_max = spilled_bytes_max;
    setup_.counters = &counters_;
    setup_.large_buffers.count = 0;
    shard.emplace(kernel, setup_);
    buffers.emplace(*shard);
  }

  // An established relay, whose client's bytes are being sent.
  Relay& relay() {
    Relay& made = shard->relays.at(shard->relays.acquire());
    made.state = RelayState::kEstablished;
    made.from(Side::kClient).state = PipeState::kSending;
    return made;
  }
  // A receive fills the next buffer with `fill`.
  uring::BufferId fill(char fill, std::uint32_t length) {
    const uring::BufferId id = next_++;
    std::fill_n(kernel.buffer(id), length, static_cast<std::byte>(fill));
    return id;
  }
  void hold(Relay& one, char what, std::uint32_t length) {
    buffers->hold(one, Side::kClient, fill(what, length), length);
  }
  void queue(Relay& one, char what, std::uint32_t length) {
    buffers->queue(one, Side::kClient, fill(what, length), length);
  }
  static std::string text(const Pipe& pipe) {
    return {reinterpret_cast<const char*>(pipe.data) + pipe.sent, pipe.length - pipe.sent};
  }

  HandKernel kernel;

 private:
  WorkerCounters counters_;
  WorkerSetup setup_;
  uring::BufferId next_ = 0;

 public:
  std::optional<Shard<HandKernel>> shard;
  std::optional<Buffers<HandKernel>> buffers;
};

TEST_F(BuffersTest, WhatIsQueuedIsHeldInItsOrder) {
  Relay& one = relay();
  Pipe& pipe = one.from(Side::kClient);
  hold(one, 'a', 3);
  queue(one, 'b', 2);
  queue(one, 'c', 4);
  EXPECT_EQ(text(pipe), "aaa");
  buffers->advance(pipe);
  EXPECT_EQ(text(pipe), "bb");
  buffers->advance(pipe);
  EXPECT_EQ(text(pipe), "cccc");
  EXPECT_FALSE(pipe.queued != uring::kNoBuffer);
  buffers->release(pipe);
}

TEST_F(BuffersTest, ASpillTakesWhatIsLeftAndWhatIsQueuedInItsOrder) {
  Relay& one = relay();
  Pipe& pipe = one.from(Side::kClient);
  hold(one, 'a', 5);
  pipe.sent = 2;
  queue(one, 'b', 2);
  queue(one, 'c', 4);
  buffers->spill(pipe);
  EXPECT_EQ(text(pipe), "aaabbcccc");
  EXPECT_EQ(pipe.buffer, uring::kNoBuffer);
  EXPECT_EQ(pipe.queued, uring::kNoBuffer);
  pipe.sent = 4;
  queue(one, 'd', 1);  // came after that, and is taken with the rest
  buffers->spill(pipe);
  EXPECT_EQ(text(pipe), "bccccd");
  queue(one, 'e', 2);
  buffers->advance(pipe);
  EXPECT_EQ(text(pipe), "ee");
  buffers->release(pipe);
}

// The bound has room for a buffer, but not for what each of them has.
class TightBuffersTest : public BuffersTest {
 protected:
  TightBuffersTest() : BuffersTest(kBytes + kBytes / 2) {}
};

TEST_F(TightBuffersTest, AReaderThatStandsStillGoesThoughABufferWouldFitAndItsQueueDoesNot) {
  Relay& first = relay();
  Relay& second = relay();
  for (Relay* one : {&first, &second}) {
    hold(*one, 'h', kBytes);
    queue(*one, 'q', kBytes);
    one->accepted_at = shard->now;
    shard->now += 1;
  }
  hold(relay(), 'x', 1);  // 5 of 8 buffers: too few are left for those who starve
  Relay& starved = relay();
  starved.from(Side::kClient).state = PipeState::kStarved;
  buffers->starve(starved, Side::kClient);
  const auto feed = [](Relay&, Side) { ADD_FAILURE() << "there is too little"; };
  const Relay* surplus = nullptr;
  for (int i = 0; i < 20 && surplus == nullptr; ++i) {
    buffers->serve_starved(feed);
    shard->now += 100 * base::kMillisecond;
    surplus = buffers->surplus();
  }
  ASSERT_NE(surplus, nullptr);
  EXPECT_NE(surplus, &first) << "not the oldest";
  for (Relay* one : {&first, &second}) {
    buffers->release(one->from(Side::kClient));
    buffers->release_queued(one->from(Side::kClient));
  }
}

}  // namespace
}  // namespace shunt::proxy::testing
