// Streams that go on without a copy, through kernel pipes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

#include "tests/unit/proxy/one_connection.hpp"

namespace shunt::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kClient = HandKernel::kClient;
constexpr int kNode = HandKernel::kNode;

// A client that has sent two buffers full and more: its stream has earned a kernel pipe.
class Splice : public ::testing::Test {
 protected:
  Splice() : Splice(traffic::Timeouts{}) {}
  explicit Splice(const traffic::Timeouts& timeouts,
                  std::size_t spilled_bytes_max = base::kSpilledBytesMax)
      : one(RigOptions{
            .timeouts = timeouts, .spilled_bytes_max = spilled_bytes_max, .splices = true}) {
    fill_buffer();
    EXPECT_FALSE(kernel.polls(kClient)) << "once is nothing";
    fill_buffer();
    kernel.room[kNode] = 10'000'000;
  }
  void fill_buffer() {
    kernel.bytes_arrive(kClient, HandKernel::kBufferBytes, true);
    one.settle();
    kernel.bytes_are_taken(kNode);
    one.settle();
  }
  void stream(std::uint32_t bytes) {
    kernel.waiting[kClient] += bytes;
    kernel.is_ready(kClient);
    one.settle();
  }

  static constexpr std::uint64_t kBefore = 2 * HandKernel::kBufferBytes;
  Connection one;
  HandKernel& kernel = one.kernel;
};

TEST_F(Splice, GoesFromSocketToSocketAndWaitsForMore) {
  ASSERT_TRUE(kernel.polls(kClient));
  EXPECT_FALSE(kernel.receives(kClient));
  stream(200'000);
  EXPECT_EQ(kernel.room[kNode], 9'800'000U);
  EXPECT_TRUE(kernel.polls(kClient));
  stream(250'000);
  EXPECT_EQ(kernel.room[kNode], 9'550'000U);
  EXPECT_THAT(kernel.pipes_opened, SizeIs(1)) << "one after the other";
}
TEST_F(Splice, OpensNoPipeBeforeThereIsSomethingForIt) {
  EXPECT_THAT(kernel.pipes_opened, IsEmpty());
}
TEST_F(Splice, TakesNoMoreThanOthersCanWaitFor) {
  stream(1'000'000);
  EXPECT_EQ(kernel.room[kNode], 10'000'000 - base::kSplicePipeBytes);
  EXPECT_TRUE(kernel.polls(kClient)) << "the rest is for another turn";
}
TEST_F(Splice, IsNothingForACrowd) {
  kernel.noise(base::kCrowdedTurn + 1);
  one.settle();
  stream(200'000);
  ASSERT_TRUE(kernel.receives_into_own_memory(kClient)) << "the next one";
  for (std::uint32_t i = 0; i < base::kCrowdLasts; ++i) one.settle();
  kernel.bytes_arrive(kClient, 200'000, true);
  one.settle();
  kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_TRUE(kernel.polls(kClient)) << "once it is over";
}
TEST_F(Splice, WaitsForAReaderThatTakesAPart) {
  kernel.room[kNode] = 50'000;
  stream(200'000);
  EXPECT_FALSE(kernel.polls(kClient)) << "a slow reader holds its source back";
  ASSERT_TRUE(kernel.polls(kNode));
  kernel.room[kNode] = 100'000;
  kernel.is_ready(kNode);
  one.settle();
  ASSERT_TRUE(kernel.polls(kNode));
  kernel.room[kNode] = 100'000;
  kernel.is_ready(kNode);
  one.settle();
  EXPECT_EQ(kernel.room[kNode], 50'000U);
  EXPECT_FALSE(kernel.polls(kNode));
  EXPECT_TRUE(kernel.polls(kClient));
}
// Linux adds POLLRDHUP to every poll of a ring, so where the reader has ended its own side there is
// nothing to wait with (seen on 6.18: the worker span).
TEST_F(Splice, GoesOnFromMemoryForAReaderThatEndsEveryPoll) {
  kernel.room[kNode] = 50'000;
  stream(200'000);
  ASSERT_TRUE(kernel.polls(kNode));
  kernel.room[kNode] = 0;
  kernel.is_ready(kNode, POLLRDHUP);
  one.settle();
  EXPECT_FALSE(kernel.polls(kNode));
  ASSERT_EQ(kernel.sent(kNode).size(), 150'000U);
  kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_FALSE(kernel.polls(kClient)) << "it would be so again";
  EXPECT_TRUE(kernel.receives(kClient));
  kernel.end_arrives(kClient);
  kernel.end_arrives(kNode);
  one.settle();
  EXPECT_EQ(one.cause(), CloseCause::kDone);
  EXPECT_EQ(one.bytes_up(), kBefore + 200'000);
}
TEST_F(Splice, EndsWhereLittleComesAtATime) {
  stream(HandKernel::kBufferBytes - 1);
  EXPECT_FALSE(kernel.polls(kClient));
  ASSERT_TRUE(kernel.receives(kClient));
  EXPECT_TRUE(kernel.waits_first[kClient]);
}
TEST_F(Splice, EndsWhereNothingCame) {
  kernel.is_ready(kClient);
  one.settle();
  ASSERT_TRUE(kernel.receives(kClient));
  EXPECT_TRUE(kernel.waits_first[kClient]);
}
TEST_F(Splice, GoesOnWithLargeBuffersWhereThereIsNoPipeAndTriesAgainLater) {
  const auto copy = [this] {
    ASSERT_TRUE(kernel.receives_into_own_memory(kClient));
    kernel.bytes_arrive(kClient, 200'000, true);
    one.settle();
    kernel.bytes_are_taken(kNode);
    one.settle();
  };
  kernel.pipes_run_out = true;
  stream(200'000);
  kernel.pipes_run_out = false;
  copy();
  EXPECT_FALSE(kernel.polls(kClient)) << "it was short a moment ago";
  kernel.clock += base::kSecond;
  copy();
  stream(200'000);
  EXPECT_THAT(kernel.pipes_opened, SizeIs(1));
}
TEST_F(Splice, PassesTheEndOn) {
  stream(200'000);
  kernel.splice_says[kClient] = 0;
  kernel.ahead[kClient] = 0;
  stream(0);
  EXPECT_THAT(kernel.shut, ElementsAre(kNode));
  kernel.end_arrives(kNode);
  one.settle();
  EXPECT_EQ(one.cause(), CloseCause::kDone);
  EXPECT_EQ(one.bytes_up(), kBefore + 200'000);
}
// tcp_splice_read() says 0 where an urgent byte keeps it from the bytes behind, and the end is
// there.
TEST_F(Splice, BelievesNoEndBeforeBytesThatItCouldNotTake) {
  kernel.splice_says[kClient] = 0;
  kernel.ahead[kClient] = 1;
  stream(0);
  EXPECT_THAT(kernel.shut, IsEmpty());
  ASSERT_TRUE(kernel.receives(kClient));
  kernel.bytes_arrive(kClient, 100);
  one.settle();
  kernel.bytes_are_taken(kNode);
  one.settle();
  kernel.end_arrives(kClient);
  one.settle();
  EXPECT_THAT(kernel.shut, ElementsAre(kNode));
}
TEST_F(Splice, PassesAResetOnBehindBytesThatItCouldNotTake) {
  kernel.splice_says[kClient] = -ECONNRESET;
  kernel.ahead[kClient] = 1;
  stream(0);
  EXPECT_THAT(kernel.reset_closed, IsEmpty());
  kernel.bytes_arrive(kClient, 100);
  one.settle();
  kernel.bytes_are_taken(kNode);
  one.settle();
  kernel.end_arrives(kClient);
  one.settle();
  EXPECT_THAT(kernel.reset_closed, Contains(kNode));
  EXPECT_EQ(one.cause(), CloseCause::kClientReset);
}
TEST_F(Splice, PassesAResetOn) {
  kernel.splice_says[kClient] = -ECONNRESET;
  stream(0);
  EXPECT_THAT(kernel.reset_closed, Contains(kNode));
  EXPECT_EQ(one.cause(), CloseCause::kClientReset);
}
TEST_F(Splice, ThrowsAPipeAwayWithWhatAReaderDidNotTake) {
  kernel.room[kNode] = 50'000;
  stream(200'000);
  kernel.splice_says[kNode] = -EPIPE;
  kernel.is_ready(kNode);
  one.settle();
  ASSERT_THAT(kernel.pipes_opened, SizeIs(1));
  EXPECT_THAT(kernel.closed, Contains(kernel.pipes_opened[0]));
  EXPECT_THAT(kernel.closed, Contains(kernel.pipes_opened[0] + 1));
  kernel.end_arrives(kNode);
  one.settle();
  EXPECT_EQ(one.cause(), CloseCause::kServerReset);
  EXPECT_EQ(one.bytes_up(), kBefore + 50'000);
}
TEST_F(Splice, ClosesItsPipeWhenItHasNotBeenUsedForASecond) {
  stream(200'000);
  EXPECT_EQ(kernel.waited, base::kSecond);
  one.pass(2 * base::kSecond);
  ASSERT_THAT(kernel.pipes_opened, SizeIs(1));
  EXPECT_THAT(kernel.closed, ElementsAre(kernel.pipes_opened[0], kernel.pipes_opened[0] + 1));
  stream(200'000);
  EXPECT_THAT(kernel.pipes_opened, SizeIs(2));
}

class SpliceWithoutMemory : public Splice {
 protected:
  SpliceWithoutMemory() : Splice(traffic::Timeouts{}, 100'000) {}
};

TEST_F(SpliceWithoutMemory, LooksAfterAReaderThatEndsEveryPollNowAndThen) {
  kernel.room[kNode] = 50'000;
  stream(200'000);
  kernel.room[kNode] = 0;
  kernel.is_ready(kNode, POLLRDHUP);
  one.settle();
  EXPECT_FALSE(kernel.polls(kNode));
  const std::uint64_t turns = one.turns();
  one.pass(base::kSecond);
  EXPECT_LT(one.turns() - turns, 500U) << "it does not spin";
  kernel.room[kNode] = 100'000;
  one.pass(20 * base::kMillisecond);
  EXPECT_EQ(kernel.room[kNode], 0U);
  ASSERT_TRUE(kernel.polls(kNode)) << "it took something";
  kernel.room[kNode] = 100'000;
  kernel.is_ready(kNode);
  one.settle();
  EXPECT_EQ(kernel.room[kNode], 50'000U);
  EXPECT_TRUE(kernel.polls(kClient));
}
TEST_F(SpliceWithoutMemory, ThatIsParkedCanEnd) {
  kernel.room[kNode] = 0;
  stream(200'000);
  kernel.is_ready(kNode, POLLRDHUP);
  one.settle();
  kernel.splice_says[kNode] = -EPIPE;
  one.pass(20 * base::kMillisecond);
  kernel.end_arrives(kNode);
  one.settle();
  EXPECT_EQ(one.cause(), CloseCause::kServerReset);
}

class SpliceThatStalls : public Splice {
 protected:
  SpliceThatStalls() : Splice({.idle = 10 * base::kSecond, .stalled = base::kSecond}) {}
};

TEST_F(SpliceThatStalls, IsGivenUpAndWhatAPollSaysIsNotCounted) {
  kernel.room[kNode] = 50'000;
  stream(200'000);
  kernel.queued[kNode] = 50'000;
  one.pass(5 * base::kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kStalled);
  EXPECT_EQ(one.bytes_up(), kBefore + 50'000);
  EXPECT_THAT(kernel.reset_closed, Contains(kNode)) << "an end would make it look whole";
}
TEST_F(SpliceThatStalls, ThatIsIdleEndsInOrder) {
  one.pass(15 * base::kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kIdle);
  EXPECT_THAT(kernel.reset_closed, IsEmpty());
}

}  // namespace
}  // namespace shunt::proxy::testing
