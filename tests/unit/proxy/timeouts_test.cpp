// When timeouts of an established connection fire and when they must not: a worker whose clock and
// kernel are the test's.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "shunt/base/limits.hpp"
#include "shunt/traffic/table.hpp"
#include "src/proxy/worker.hpp"
#include "tests/unit/proxy/hand_kernel.hpp"

namespace shunt::proxy::testing {
namespace {

using base::kMillisecond;
using base::kOff;
using base::kSecond;

constexpr int kClient = HandKernel::kClient;
constexpr int kNode = HandKernel::kNode;

// A worker with one client; its node is connected at once unless the test says otherwise.
class Connection {
 public:
  explicit Connection(const traffic::Timeouts& timeouts, int connect_result = 0)
      : publication_(1, root(timeouts)),
        mailbox_(base::kMailboxCapacity),
        counters_(1, 1),
        outbox_(counters_),
        live_(1) {
    setup_.connections_max = 1;
    setup_.listeners = {{HandKernel::kListener, 0}};
    setup_.app_of = {0};
    setup_.wake_fd = HandKernel::kWake;
    setup_.publication = &publication_;
    setup_.mailbox = &mailbox_;
    setup_.outbox = &outbox_;
    setup_.counters = &counters_;
    setup_.live = &live_;
    setup_.open = &open_;
    kernel.connect_result = connect_result;
    worker_ = std::make_unique<Worker<HandKernel>>(kernel, setup_);
    SHUNT_CHECK(worker_->ready());
    worker_->start();
    kernel.client_arrives();
    settle();
  }

  HandKernel kernel;

  // Lets the worker deal with everything that has happened.
  void settle() {
    do {
      ++turns_;
      EXPECT_TRUE(worker_->turn());
    } while (kernel.has_completions());
  }
  // Time passes, and the worker wakes up whenever it wanted to.
  void pass(base::Duration time) {
    settle();
    const base::Instant end = kernel.clock + time;
    while (kernel.clock < end) {
      kernel.clock += std::min(kernel.waited, end - kernel.clock);
      settle();
    }
  }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  void ask(const Request& request) {
    EXPECT_TRUE(mailbox_.push(request));
    settle();
  }
  // Why it was closed; nothing while it is open.
  std::optional<CloseCause> cause() {
    ConnectionEnd end;
    if (outbox_.take_ends(&end, 1) == 1) cause_ = end.cause;
    return cause_;
  }

 private:
  static std::unique_ptr<const traffic::RoutingRoot> root(const traffic::Timeouts& timeouts) {
    traffic::Node node;
    node.slot = 0;
    node.name = "node";
    node.addresses = {*base::Endpoint::parse("192.0.2.2:80")};
    traffic::Pool pool;
    pool.name = "pool";
    pool.nodes = {node};
    traffic::App app;
    app.name = "app";
    app.services = {0};
    app.timeouts = timeouts;
    app.pools = {pool};
    traffic::Service service;
    service.name = "default";
    traffic::Model model;
    model.slots = 1;
    model.services = {service};
    model.apps = {app};
    auto table = traffic::build_table(
        model, 0, {.active = 0, .epoch = 1},
        [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
        [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
    return traffic::build_root(1, {std::move(table)}, 1);
  }

  Publication publication_;
  SpscRing<Request> mailbox_;
  WorkerCounters counters_;
  Outbox outbox_;
  traffic::LiveCounts live_;
  OpenConnections open_;
  WorkerSetup setup_;
  std::unique_ptr<Worker<HandKernel>> worker_;
  std::optional<CloseCause> cause_;
  std::uint64_t turns_ = 0;
};

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
