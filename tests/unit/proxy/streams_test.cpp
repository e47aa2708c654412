// What an established connection asks of the kernel: no call more than its bytes need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/one_connection.hpp"

namespace shunt::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kClient = HandKernel::kClient;
constexpr int kNode = HandKernel::kNode;

void pass_on(Connection& one, int from, int to, std::uint32_t bytes, bool more = false) {
  one.kernel.bytes_arrive(from, bytes, more);
  one.settle();
  one.kernel.bytes_are_taken(to);
  one.settle();
}

TEST(Receive, OfANodeThatWasJustConnectedWaitsFirst) {
  Connection one({});
  EXPECT_TRUE(one.kernel.waits_first[kNode]);
}
TEST(Receive, OfAClientThatWasJustAcceptedTriesAtOnce) {
  Connection one({});
  EXPECT_FALSE(one.kernel.waits_first[kClient]);
}
TEST(Receive, TriesAtOnceOnlyWhereTheLastLeftSomething) {
  Connection one({});
  pass_on(one, kClient, kNode, 100);
  EXPECT_TRUE(one.kernel.waits_first[kClient]);
  pass_on(one, kClient, kNode, 100, true);
  EXPECT_FALSE(one.kernel.waits_first[kClient]);
  pass_on(one, kClient, kNode, 100);
  EXPECT_TRUE(one.kernel.waits_first[kClient]);
}

// Two receives that fill their buffer and leave more: the stream has earned a large one.
void stream(Connection& one) {
  pass_on(one, kClient, kNode, HandKernel::kBufferBytes, true);
  EXPECT_FALSE(one.kernel.receives_into_own_memory(kClient));
  pass_on(one, kClient, kNode, HandKernel::kBufferBytes, true);
}

TEST(LargeBuffer, IsReadIntoAfterFullReceivesAndGoesWithTheLastByteThatWaits) {
  Connection one({});
  stream(one);
  ASSERT_TRUE(one.kernel.receives_into_own_memory(kClient));
  EXPECT_EQ(one.kernel.into[kClient].size(), LargeBufferLimits{}.bytes);
  pass_on(one, kClient, kNode, 200'000, true);
  ASSERT_TRUE(one.kernel.receives_into_own_memory(kClient));
  pass_on(one, kClient, kNode, 5'000, false);
  EXPECT_FALSE(one.kernel.receives_into_own_memory(kClient));
  EXPECT_TRUE(one.kernel.waits_first[kClient]);
}
TEST(LargeBuffer, IsNotFilledInACrowd) {
  Connection one({});
  stream(one);
  one.kernel.noise(base::kCrowdedTurn + 1);
  pass_on(one, kClient, kNode, 200'000, true);
  EXPECT_EQ(one.kernel.into[kClient].size(), base::kLargeReceiveInCrowd);
  for (std::uint32_t i = 0; i < base::kCrowdLasts; ++i) one.settle();
  pass_on(one, kClient, kNode, 200'000, true);
  EXPECT_EQ(one.kernel.into[kClient].size(), LargeBufferLimits{}.bytes);
}
TEST(LargeBuffer, IsNothingForRequestsAndAnswers) {
  Connection one({});
  for (int i = 0; i < 5; ++i) {
    pass_on(one, kClient, kNode, HandKernel::kBufferBytes, true);
    EXPECT_FALSE(one.kernel.receives_into_own_memory(kClient));
    pass_on(one, kClient, kNode, 100);
    EXPECT_FALSE(one.kernel.receives_into_own_memory(kClient));
  }
}
TEST(LargeBuffer, IsGivenBackWhereNothingCame) {
  Connection one({});
  stream(one);
  one.kernel.nothing_is_there(kClient);
  one.settle();
  EXPECT_FALSE(one.kernel.receives_into_own_memory(kClient));
  EXPECT_TRUE(one.kernel.waits_first[kClient]);
  pass_on(one, kClient, kNode, HandKernel::kBufferBytes, true);
  EXPECT_TRUE(one.kernel.receives_into_own_memory(kClient)) << "it has earned one already";
}
TEST(LargeBuffer, CarriesWhatASlowReaderLeaves) {
  Connection one({});
  stream(one);
  one.kernel.bytes_arrive(kClient, 200'000, true);
  one.settle();
  one.kernel.bytes_are_taken(kNode, 50'000);
  one.settle();
  EXPECT_EQ(one.kernel.sent(kNode).data(), one.kernel.into[kClient].data() + 50'000);
  EXPECT_EQ(one.kernel.sent(kNode).size(), 150'000U);
}
TEST(LargeBuffer, IsFreeWhenItsConnectionEndsWhileAReceiveIntoItIsInFlight) {
  Connection one({.idle = base::kSecond});
  stream(one);
  one.pass(2 * base::kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kIdle);
  one.kernel.client_arrives();
  one.settle();
  const std::byte* const first = one.kernel.into[kClient].data();
  stream(one);
  EXPECT_EQ(one.kernel.into[kClient].data(), first) << "the lowest is free again";
}
TEST(LargeBuffer, MemoryOfItIsGivenUpWhenItHasNotBeenUsedForASecond) {
  Connection one({});
  EXPECT_GT(one.kernel.waited, base::kSecond);
  stream(one);
  pass_on(one, kClient, kNode, 5'000);
  EXPECT_EQ(one.kernel.waited, base::kSecond);
  one.pass(2 * base::kSecond);
  EXPECT_GT(one.kernel.waited, base::kSecond);
}

TEST(LargeBuffers, AreTakenFromTheLowestOn) {
  LargeBuffers buffers({.count = 3, .bytes = 4096});
  std::byte* const first = buffers.take();
  EXPECT_EQ(buffers.take(), first + 4096);
  EXPECT_EQ(buffers.take(), first + 8192);
  EXPECT_EQ(buffers.take(), nullptr);
  EXPECT_EQ(buffers.taken(), 3U);
  buffers.give_back(first + 4096);
  buffers.give_back(first);
  EXPECT_EQ(buffers.take(), first);
}
TEST(LargeBuffers, KeepMemoryUntilItIsGivenUpOneByOne) {
  LargeBuffers buffers({.count = 2, .bytes = 4096});
  std::byte* const first = buffers.take();
  std::byte* const second = buffers.take();
  *first = *second = std::byte{1};
  EXPECT_FALSE(buffers.keeps_memory()) << "both are in use";
  buffers.give_back(first);
  buffers.give_back(second);
  EXPECT_TRUE(buffers.keeps_memory());
  buffers.give_up_one();
  EXPECT_EQ(*second, std::byte{0});
  EXPECT_EQ(*first, std::byte{1});
  buffers.give_up_one();
  EXPECT_EQ(*first, std::byte{0});
  EXPECT_FALSE(buffers.keeps_memory());
}
TEST(LargeBuffers, MayBeNone) {
  LargeBuffers buffers({.count = 0, .bytes = 4096});
  EXPECT_EQ(buffers.take(), nullptr);
  EXPECT_FALSE(buffers.keeps_memory());
}

TEST(End, OfOneSideIsPassedOnAndOfBothIsAClose) {
  Connection one({});
  one.kernel.end_arrives(kNode);
  one.settle();
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient));
  EXPECT_THAT(one.kernel.closed, IsEmpty());
  one.kernel.end_arrives(kClient);
  one.settle();
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient)) << "closing sends the other end";
  EXPECT_THAT(one.kernel.closed, ElementsAre(kClient, kNode));
  EXPECT_EQ(one.cause(), CloseCause::kDone);
}

TEST(End, ThatIsThereGoesOnWithTheBytesBeforeIt) {
  Connection one({});
  one.kernel.ahead[kNode] = 0;
  one.kernel.bytes_arrive(kNode, 100, true);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, ElementsAre(HandKernel::SentNow{kClient, 100, true}));
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient));
  EXPECT_FALSE(one.kernel.receives(kNode)) << "nothing more is to be read";
  one.kernel.end_arrives(kClient);
  one.settle();
  EXPECT_EQ(one.cause(), CloseCause::kDone);
}
// Its handshake may not be over, and until then it would get neither bytes nor end.
TEST(End, ThatIsThereHoldsNothingBackFromAClientThatOpenedFast) {
  Connection one(RigOptions{.fast_open = true});
  one.kernel.ahead[kNode] = 0;
  one.kernel.bytes_arrive(kNode, 100, true);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, ElementsAre(HandKernel::SentNow{kClient, 100, false}));
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient));
  one.kernel.ahead[kClient] = 0;
  one.kernel.bytes_arrive(kClient, 50, true);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, Contains(HandKernel::SentNow{kNode, 50, true}))
      << "nodes are never opened fast";
}
TEST(End, ThatIsThereWaitsForAReaderThatTakesAPart) {
  Connection one({});
  one.kernel.ahead[kNode] = 0;
  one.kernel.takes_now = 40;
  one.kernel.bytes_arrive(kNode, 100, true);
  one.settle();
  EXPECT_THAT(one.kernel.shut, IsEmpty());
  EXPECT_EQ(one.kernel.sent(kClient).size(), 60U);
  one.kernel.bytes_are_taken(kClient);
  one.settle();
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient));
}
TEST(End, ThatIsThereIsKeptUntilTheNodeIsConnected) {
  Connection one({}, -EINPROGRESS);
  one.kernel.ahead[kClient] = 0;
  one.kernel.bytes_arrive(kClient, 100, true);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, IsEmpty());
  one.kernel.connect_succeeds();
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, ElementsAre(HandKernel::SentNow{kNode, 100, true}));
  EXPECT_THAT(one.kernel.shut, ElementsAre(kNode));
}
TEST(End, IsNotLookedForWhereTheBufferWasFull) {
  Connection one({});
  one.kernel.ahead[kNode] = 0;
  one.kernel.bytes_arrive(kNode, HandKernel::kBufferBytes, true);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, IsEmpty());
  one.kernel.bytes_are_taken(kClient);
  one.settle();
  EXPECT_TRUE(one.kernel.receives(kNode));
}
TEST(Reset, ThatIsThereIsPassedOnAfterTheBytesBeforeIt) {
  Connection one({});
  one.kernel.ahead[kNode] = -ECONNRESET;
  one.kernel.bytes_arrive(kNode, 100, true);
  one.settle();
  EXPECT_THAT(one.kernel.sent_now, IsEmpty()) << "held back, they would wait for an end";
  EXPECT_THAT(one.kernel.closed, IsEmpty());
  one.kernel.bytes_are_taken(kClient);
  one.settle();
  EXPECT_THAT(one.kernel.reset_closed, ElementsAre(kClient));
  EXPECT_EQ(one.cause(), CloseCause::kServerReset);
}

TEST(Keepalive, OfANodesSocketIsSetWhenTheConnectionHasLastedASecond) {
  Connection one({}, 0, traffic::Keepalive{});
  one.pass(base::kSecond - 2 * base::kMillisecond);
  EXPECT_THAT(one.kernel.kept_alive, IsEmpty());
  one.pass(4 * base::kMillisecond);
  EXPECT_THAT(one.kernel.kept_alive, ElementsAre(kNode));
  one.pass(10 * base::kSecond);
  EXPECT_THAT(one.kernel.kept_alive, ElementsAre(kNode)) << "once";
}
TEST(Keepalive, CostsAConnectionNothingThatEndsBefore) {
  Connection one({}, 0, traffic::Keepalive{});
  one.kernel.end_arrives(kNode);
  one.kernel.end_arrives(kClient);
  one.settle();
  EXPECT_EQ(one.cause(), CloseCause::kDone);
  one.pass(10 * base::kSecond);
  EXPECT_THAT(one.kernel.kept_alive, IsEmpty());
}
TEST(Keepalive, IsNotSetWhereItIsOff) {
  Connection one({});
  one.pass(10 * base::kSecond);
  EXPECT_THAT(one.kernel.kept_alive, IsEmpty());
}

}  // namespace
}  // namespace shunt::proxy::testing
