// When timeouts of an established connection fire and when they must not: a worker whose clock and
// kernel are the test's.
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/proxy/one_connection.hpp"

namespace shunt::proxy::testing {
namespace {

using base::kMillisecond;
using base::kOff;
using base::kSecond;

constexpr int kClient = HandKernel::kClient;
constexpr int kNode = HandKernel::kNode;

TEST(HalfClosed, CountsFromTheEndHoweverLongItWasSilentBefore) {
  Connection one({.half_closed = kSecond});
  one.pass(5 * kSecond);
  one.kernel.end_arrives(kClient);
  one.settle();
  one.pass(900 * kMillisecond);
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(200 * kMillisecond);
  EXPECT_EQ(one.cause(), CloseCause::kHalfClosed);
}

TEST(HalfClosed, CountsFromTheLastByteAfterTheEnd) {
  Connection one({.half_closed = kSecond});
  one.kernel.end_arrives(kClient);
  one.settle();
  for (int i = 0; i < 5; ++i) {
    one.pass(900 * kMillisecond);
    one.kernel.bytes_arrive(kNode, 100);
    one.settle();
    one.kernel.bytes_are_taken(kClient);
    one.settle();
  }
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(1100 * kMillisecond);
  EXPECT_EQ(one.cause(), CloseCause::kHalfClosed);
}

TEST(HalfClosed, CountsFromTheRefusalOfANodeThatTakesNoMore) {
  Connection one({.half_closed = kSecond, .stalled = kOff});
  one.kernel.bytes_arrive(kClient, 100);
  one.pass(5 * kSecond);
  one.kernel.send_fails(kNode, EPIPE);
  one.settle();
  one.pass(900 * kMillisecond);
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(200 * kMillisecond);
  EXPECT_EQ(one.cause(), CloseCause::kHalfClosed);
}

TEST(Idle, DoesNotMoveByAnEnd) {
  Connection one({.idle = 2 * kSecond, .half_closed = kOff});
  one.pass(1500 * kMillisecond);
  one.kernel.end_arrives(kClient);
  one.settle();
  one.pass(600 * kMillisecond);
  EXPECT_EQ(one.cause(), CloseCause::kIdle);
}

TEST(HalfClosed, ComesInItsTimeThoughABlockedSendMayLastFarLonger) {
  Connection one({.half_closed = kSecond, .stalled = 36'000 * kSecond});
  one.kernel.bytes_arrive(kNode, 100);
  one.settle();
  one.kernel.end_arrives(kClient);
  one.pass(5 * kSecond);
  EXPECT_EQ(one.cause(), std::nullopt);  // a reader with bytes before it is `stalled`'s
  one.kernel.bytes_are_taken(kClient);
  one.settle();
  one.pass(900 * kMillisecond);
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kHalfClosed);
}

TEST(HalfClosed, LetsTheWorkerSleepWhileASendIsBlockedAndNothingElseIsSet) {
  Connection one({.half_closed = kSecond, .stalled = kOff});
  one.kernel.bytes_arrive(kNode, 100);
  one.settle();
  one.kernel.end_arrives(kClient);
  one.settle();
  const std::uint64_t before = one.turns();
  one.pass(10 * kSecond);
  EXPECT_LT(one.turns() - before, 100U);
  one.kernel.bytes_are_taken(kClient);
  one.pass(2 * kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kHalfClosed);
}

TEST(Idle, SparesAReaderThatTakesALittleAtATime) {
  Connection one({.idle = kSecond, .stalled = kOff});
  one.kernel.queued[kClient] = 1000;
  one.kernel.bytes_arrive(kNode, 1000);
  one.settle();
  for (int i = 0; i < 10; ++i) {
    one.pass(600 * kMillisecond);
    one.kernel.queued[kClient] -= 10;
  }
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(2 * kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kIdle);
}

struct Waits {
  traffic::Timeouts timeouts;
  CloseCause cause;
};
class AReaderThatTookBytesBeforeTheFirstLookAtIt : public ::testing::TestWithParam<Waits> {};

TEST_P(AReaderThatTookBytesBeforeTheFirstLookAtIt, IsNotClosedEarly) {
  Connection one(GetParam().timeouts);
  one.kernel.queued[kClient] = 1000;
  one.kernel.bytes_arrive(kNode, 1000);
  one.pass(200 * kMillisecond);
  one.kernel.queued[kClient] = 500;
  one.pass(900 * kMillisecond);
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(kSecond);
  EXPECT_EQ(one.cause(), GetParam().cause);
}

INSTANTIATE_TEST_SUITE_P(By, AReaderThatTookBytesBeforeTheFirstLookAtIt,
                         ::testing::Values(Waits{{.idle = kSecond, .stalled = kOff},
                                                 CloseCause::kIdle},
                                           Waits{{.stalled = kSecond}, CloseCause::kStalled}),
                         [](const auto& tested) {
                           return tested.param.cause == CloseCause::kIdle ? "Idle" : "Stalled";
                         });

TEST(Stalled, IsNotPutOffByASendThatBeginsAnewWithoutAByteTaken) {
  Connection one({.stalled = kSecond});
  one.kernel.queued[kClient] = 1000;
  one.kernel.bytes_arrive(kNode, 1000);
  for (int i = 0; i < 20; ++i) {
    one.pass(100 * kMillisecond);
    if (one.cause()) break;
    one.kernel.send_fails(kClient, EAGAIN);
  }
  EXPECT_EQ(one.cause(), CloseCause::kStalled);
}

TEST(Stalled, DoesNotCountTheTimeThatConnectingTook) {
  Connection one({.connect = 10 * kSecond, .stalled = kSecond}, -EINPROGRESS);
  one.kernel.bytes_arrive(kClient, 100);
  one.pass(5 * kSecond);
  one.kernel.connect_succeeds();
  one.pass(900 * kMillisecond);
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kStalled);
}

// A node's drain was to close in 30 s and has been moved, its pool's goes on for an hour: the mark
// of the one is not the other's, though their cause is the same.
TEST(Marks, OfAnOrderThatHasEndedDoNotFireWhereAWorkerIsBroughtInLine) {
  Connection one({});
  CloseRelays ended;
  ended.order = {.filter = {.node = 0}, .over = 30 * kSecond, .cause = CloseCause::kDrainDeadline};
  one.ask(&ended);
  ASSERT_EQ(ended.matched, 1U);
  CancelClose whole;
  whole.all = true;
  whole.others.push_back(
      {.filter = {.pool = 0}, .over = 3600 * kSecond, .cause = CloseCause::kDrainDeadline});
  one.ask(&whole);
  ASSERT_TRUE(whole.done);
  one.pass(60 * kSecond);
  EXPECT_EQ(one.cause(), std::nullopt);
  one.pass(3600 * kSecond);
  EXPECT_EQ(one.cause(), CloseCause::kDrainDeadline);
}

}  // namespace
}  // namespace shunt::proxy::testing
