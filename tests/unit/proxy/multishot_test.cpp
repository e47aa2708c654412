// Connections on which messages go to and fro are read by multishot receives; here is what becomes
// of bytes and ends that such a receive brings while others are being sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/one_connection.hpp"

namespace shunt::proxy::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kClient = HandKernel::kClient;
constexpr int kNode = HandKernel::kNode;

class MultishotReceive : public ::testing::Test {
 protected:
  void pass_on(int from, int to, std::uint32_t bytes) { pass_on(one, from, to, bytes); }
  static void pass_on(Connection& which, int from, int to, std::uint32_t bytes) {
    which.kernel.bytes_arrive(from, bytes);
    which.settle();
    which.kernel.bytes_are_taken(to);
    which.settle();
  }
  // The client has sent messages for long enough.
  static void calm_down(Connection& which) {
    which.kernel.multishot = true;
    for (int i = 0; i < kCalmAfter; ++i) {
      EXPECT_FALSE(which.kernel.receives_multishot(kClient)) << i;
      pass_on(which, kClient, kNode, 100);
    }
    ASSERT_TRUE(which.kernel.receives_multishot(kClient));
  }
  void SetUp() override {
    calm_down(one);
    buffers = one.kernel.buffers_left();
  }
  // A message that the node has not taken yet, and then another one.
  void queue_one() {
    one.kernel.bytes_arrive(kClient, 100);
    one.settle();
    one.kernel.bytes_arrive(kClient, 70);
    one.settle();
  }

  Connection one{{}};
  std::size_t buffers = 0;  // free when nothing is on its way
};

TEST_F(MultishotReceive, ServesManyMessages) {
  for (int i = 0; i < 10; ++i) pass_on(kClient, kNode, 100);
  EXPECT_TRUE(one.kernel.receives_multishot(kClient));
  EXPECT_THAT(one.kernel.cancelled, IsEmpty());
  EXPECT_FALSE(one.kernel.receives_multishot(kNode)) << "the node has said nothing";
}

TEST_F(MultishotReceive, IsStoppedWhenTheReaderIsSlowerAndNothingIsLost) {
  queue_one();
  EXPECT_THAT(one.kernel.cancelled, ElementsAre(kClient));
  EXPECT_FALSE(one.kernel.receives(kClient)) << "the source is held back";
  EXPECT_EQ(one.kernel.sent(kNode).size(), 100U);
  one.kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_EQ(one.kernel.sent(kNode).size(), 70U);
  EXPECT_FALSE(one.kernel.receives(kClient));
  one.kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_TRUE(one.kernel.receives(kClient));
  EXPECT_FALSE(one.kernel.receives_multishot(kClient)) << "it is no longer one for messages";
  EXPECT_EQ(one.kernel.buffers_left(), buffers);
}

TEST_F(MultishotReceive, QueuesWhatComesBeforeTheCancelInItsOrder) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  for (const std::uint32_t bytes : {10U, 20U, 30U}) one.kernel.bytes_arrive(kClient, bytes);
  one.settle();
  EXPECT_THAT(one.kernel.cancelled, ElementsAre(kClient)) << "once";
  for (const std::uint32_t bytes : {100U, 10U, 20U, 30U}) {
    EXPECT_EQ(one.kernel.sent(kNode).size(), bytes);
    one.kernel.bytes_are_taken(kNode);
    one.settle();
  }
  EXPECT_TRUE(one.kernel.receives(kClient));
  EXPECT_EQ(one.kernel.buffers_left(), buffers);
}

TEST_F(MultishotReceive, IsArmedAgainForASourceThatIsCalmAgain) {
  queue_one();
  for (int i = 0; i < 2; ++i) {
    one.kernel.bytes_are_taken(kNode);
    one.settle();
  }
  for (int i = 0; i < kCalmAfter; ++i) pass_on(kClient, kNode, 100);
  EXPECT_TRUE(one.kernel.receives_multishot(kClient));
}

TEST_F(MultishotReceive, ThatEndsByItselfIsArmedAgain) {
  one.kernel.receive_ends(kClient, -ECANCELED);
  one.settle();
  EXPECT_TRUE(one.kernel.receives_multishot(kClient));
}

TEST_F(MultishotReceive, AnEndBehindBytesGoesOnWithTheLastOfThem) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  one.kernel.bytes_arrive(kClient, 70);
  one.kernel.end_arrives(kClient);
  one.settle();
  EXPECT_THAT(one.kernel.shut, IsEmpty());
  one.kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, ElementsAre(HandKernel::SentNow{kNode, 70, true}));
  EXPECT_THAT(one.kernel.shut, ElementsAre(kNode));
  EXPECT_EQ(one.kernel.buffers_left(), buffers);
}

TEST_F(MultishotReceive, AResetBehindBytesIsPassedOnAfterThem) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  one.kernel.receive_ends(kClient, -ECONNRESET);
  one.settle();
  EXPECT_THAT(one.kernel.closed, IsEmpty());
  one.kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_THAT(one.kernel.reset_closed, ElementsAre(kNode));
  EXPECT_EQ(one.cause(), CloseCause::kClientReset);
}

TEST_F(MultishotReceive, OfADestinationThatTakesNoMoreIsStoppedAndWhatItBroughtIsVoid) {
  queue_one();
  one.kernel.send_fails(kNode, EPIPE);
  one.settle();
  EXPECT_EQ(one.kernel.buffers_left(), buffers);
  EXPECT_FALSE(one.kernel.receives(kClient));
  one.kernel.end_arrives(kNode);  // what the node said before is still read
  one.settle();
  EXPECT_THAT(one.kernel.reset_closed, ElementsAre(kClient));
}

TEST_F(MultishotReceive, BytesForADestinationThatTakesNoMoreAreDropped) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  one.kernel.send_fails(kNode, EPIPE);
  one.kernel.bytes_arrive(kClient, 70);
  one.settle();
  EXPECT_EQ(one.kernel.buffers_left(), buffers);
  EXPECT_THAT(one.kernel.cancelled, ElementsAre(kClient));
}

// The kernel may have missed an end (kernel.hpp).
TEST_F(MultishotReceive, ThatSaysNothingForASecondGivesWayToAnotherOne) {
  one.pass(800 * base::kMillisecond);
  pass_on(kClient, kNode, 100);
  one.pass(900 * base::kMillisecond);
  EXPECT_TRUE(one.kernel.receives_multishot(kClient));
  one.pass(200 * base::kMillisecond);
  EXPECT_THAT(one.kernel.cancelled, ElementsAre(kClient));
  EXPECT_TRUE(one.kernel.receives(kClient));
  EXPECT_FALSE(one.kernel.receives_multishot(kClient));
  const std::uint64_t turns = one.turns();
  one.pass(60 * base::kSecond);
  EXPECT_LE(one.turns(), turns + 4) << "it costs nothing from then on";
}

TEST_F(MultishotReceive, GivesWayAlsoAfterALongSend) {
  one.kernel.bytes_arrive(kClient, 100);
  one.pass(10 * base::kSecond);
  EXPECT_TRUE(one.kernel.receives_multishot(kClient)) << "nothing has to be looked for yet";
  one.kernel.bytes_are_taken(kNode);
  one.pass(2500 * base::kMillisecond);
  EXPECT_TRUE(one.kernel.receives(kClient));
  EXPECT_FALSE(one.kernel.receives_multishot(kClient));
}

TEST_F(MultishotReceive, IsCancelledOnceWhenItsConnectionIsClosed) {
  for (const bool sending : {false, true}) {
    Connection idle({.idle = 900 * base::kMillisecond});
    calm_down(idle);
    if (sending) idle.kernel.bytes_arrive(kClient, 100);
    idle.pass((sending ? 2500 : 950) * base::kMillisecond);  // a send is looked at first
    EXPECT_EQ(idle.cause(), CloseCause::kIdle) << sending;
    EXPECT_EQ(std::count(idle.kernel.cancelled.begin(), idle.kernel.cancelled.end(), kClient), 1);
    EXPECT_EQ(idle.kernel.buffers_left(), buffers);
  }
}

TEST_F(MultishotReceive, AResetBehindQueuedBytesIsPassedOnAfterAllOfThem) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  one.kernel.bytes_arrive(kClient, 70);
  one.kernel.bytes_arrive(kClient, 50);
  one.kernel.receive_ends(kClient, -ECONNRESET);
  one.settle();
  for (const std::uint32_t bytes : {100U, 70U, 50U}) {
    EXPECT_THAT(one.kernel.closed, IsEmpty());
    EXPECT_EQ(one.kernel.sent(kNode).size(), bytes);
    one.kernel.bytes_are_taken(kNode);
    one.settle();
  }
  EXPECT_THAT(one.kernel.reset_closed, ElementsAre(kNode));
}

TEST_F(MultishotReceive, ThatFindsNoBufferWhileBytesAreBeingSentIsAskedAgainAfterThem) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  one.kernel.receive_ends(kClient, -ENOBUFS);
  one.settle();
  EXPECT_FALSE(one.kernel.receives(kClient));
  one.kernel.bytes_are_taken(kNode);
  one.settle();
  EXPECT_TRUE(one.kernel.receives(kClient));
}

TEST_F(MultishotReceive, OfAConnectionThatIsClosedIsCancelledAndItsBytesAreFreed) {
  Connection idle({.idle = base::kSecond});
  calm_down(idle);
  idle.kernel.bytes_arrive(kClient, 100);
  idle.kernel.bytes_arrive(kClient, 70);
  idle.pass(1500 * base::kMillisecond);
  EXPECT_EQ(idle.cause(), CloseCause::kIdle);
  EXPECT_THAT(idle.kernel.reset_closed, ElementsAre(kNode)) << "it must not take this for the end";
  EXPECT_EQ(idle.kernel.buffers_left(), buffers);
}

// The first cancel may have found the receive at work, and then it goes on.
TEST_F(MultishotReceive, ThatOutlivesItsCancelIsCancelledOnceMoreAtTheClose) {
  Connection idle({.idle = base::kSecond});
  calm_down(idle);
  idle.kernel.cancels_miss = 1;
  idle.kernel.bytes_arrive(kClient, 100);
  idle.settle();
  idle.kernel.bytes_arrive(kClient, 70);
  idle.settle();
  ASSERT_TRUE(idle.kernel.receives_multishot(kClient));
  idle.pass(1500 * base::kMillisecond);
  EXPECT_EQ(idle.cause(), CloseCause::kIdle);
  EXPECT_THAT(idle.kernel.cancelled, ElementsAre(kClient, kClient, kNode, kNode));
  EXPECT_EQ(idle.kernel.buffers_left(), buffers);
}

TEST_F(MultishotReceive, ThatIsCancelledDoesNotHideThatBytesWait) {
  one.kernel.bytes_arrive(kClient, 100);
  one.settle();
  one.kernel.bytes_arrive(kClient, 70, true);
  one.settle();
  for (int i = 0; i < 2; ++i) {
    one.kernel.bytes_are_taken(kNode);
    one.settle();
  }
  EXPECT_FALSE(one.kernel.waits_first[kClient]);
}

TEST_F(MultishotReceive, AResetThatWaitsForTheReaderKeepsNoBuffers) {
  one.kernel.bytes_arrive(kNode, 100);  // which nobody takes
  one.settle();
  one.kernel.queued[kNode] = 1;
  one.kernel.receive_ends(kClient, -ECONNRESET);
  one.settle();
  EXPECT_THAT(one.kernel.closed, IsEmpty());
  EXPECT_EQ(one.kernel.buffers_left(), buffers);
  one.kernel.queued[kNode] = 0;
  one.pass(base::kSecond);
  EXPECT_THAT(one.kernel.reset_closed, ElementsAre(kClient, kNode));
}

TEST_F(MultishotReceive, DoesNotMoveTheTimeoutOfAReaderThatStandsStill) {
  Connection stalled({.stalled = base::kSecond});
  calm_down(stalled);
  stalled.kernel.queued[kNode] = 100;
  stalled.kernel.bytes_arrive(kClient, 100);
  stalled.pass(900 * base::kMillisecond);
  stalled.kernel.bytes_arrive(kClient, 70);
  stalled.pass(900 * base::kMillisecond);
  EXPECT_EQ(stalled.cause(), CloseCause::kStalled);
}

}  // namespace
}  // namespace shunt::proxy::testing
