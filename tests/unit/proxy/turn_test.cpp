// A turn does a bounded amount of each kind of work and leaves the rest to the next, which follows
// without sleeping: a switch is adopted in a bounded time, whatever comes at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "shunt/base/limits.hpp"
#include "shunt/traffic/table.hpp"
#include "src/proxy/worker.hpp"
#include "tests/unit/proxy/crowd_kernel.hpp"

namespace shunt::proxy::testing {
namespace {

// More than twice what any turn may do of anything: a bound that grew beyond it is a test to mend.
constexpr std::uint32_t kCrowd = 700;
constexpr traffic::PoolId kBlue = 0;
constexpr traffic::PoolId kGreen = 1;

using Steps = std::vector<std::uint64_t>;

// The crowd, done `most` at a time.
Steps steps_of(std::uint32_t most) {
  EXPECT_GT(kCrowd, 2 * most) << "the work of a turn is hardly bounded";
  Steps steps(kCrowd / most, most);
  if (kCrowd % most != 0) steps.push_back(kCrowd % most);
  return steps;
}

// A worker between many clients and two pools of one node each; blue is active.
class Turns : public ::testing::Test {
 protected:
  Turns()
      : publication_(1, root(1, kBlue)),
        mailbox_(base::kMailboxCapacity),
        counters_(2, 1),
        outbox_(counters_),
        live_(2) {
    setup_.connections_max = kCrowd;
    setup_.listeners = {{CrowdKernel::kListener, 0}};
    setup_.app_of = {0};
    setup_.wake_fd = CrowdKernel::kWake;
    setup_.publication = &publication_;
    setup_.mailbox = &mailbox_;
    setup_.outbox = &outbox_;
    setup_.counters = &counters_;
    setup_.live = &live_;
    setup_.open = &open_;
    worker_ = std::make_unique<Worker<CrowdKernel>>(kernel_, setup_);
    SHUNT_CHECK(worker_->ready());
    worker_->start();
    turn();
  }

  void turn() { ASSERT_TRUE(worker_->turn()); }
  // What each turn adds to a number until it is `wanted`; none of them sleeps before that.
  Steps steps(const std::function<std::uint64_t()>& number, std::uint64_t wanted = kCrowd) {
    Steps added;
    const std::uint64_t first = number();
    for (std::uint64_t before = first; before - first < wanted; before = number()) {
      if (added.size() > kCrowd) {
        ADD_FAILURE() << "it never comes to an end";
        break;
      }
      if (!added.empty() && !kernel_.one_at_a_time) {
        EXPECT_EQ(kernel_.waited, uring::kNoWait);
      }
      turn();
      added.push_back(number() - before);
    }
    return added;
  }
  // All of the crowd connects to blue, and the worker sleeps.
  void crowd_connects() {
    kernel_.clients_arrive(kCrowd);
    while (kernel_.has_completions()) turn();
    ASSERT_EQ(counters_.nodes[kBlue].connecting.get(), kCrowd);
    ASSERT_NE(kernel_.waited, uring::kNoWait);
  }
  void publish(traffic::Revision revision, traffic::PoolId active) {
    publication_.publish(root(revision, active));
  }

  CrowdKernel kernel_;
  Publication publication_;
  SpscRing<Request> mailbox_;
  WorkerCounters counters_;
  Outbox outbox_;
  traffic::LiveCounts live_;
  OpenConnections open_;
  WorkerSetup setup_;
  std::unique_ptr<Worker<CrowdKernel>> worker_;

 private:
  static std::unique_ptr<const traffic::RoutingRoot> root(traffic::Revision revision,
                                                          traffic::PoolId active) {
    traffic::Model model;
    model.slots = 2;
    model.services.resize(1);
    model.services[0].name = "default";
    traffic::App app;
    app.name = "app";
    app.services = {0};
    app.timeouts.connect = 10 * base::kSecond;
    for (const traffic::PoolId pool : {kBlue, kGreen}) {
      traffic::Node node;
      node.slot = pool;
      node.name = "node";
      node.addresses = {*base::Endpoint::parse(pool == kBlue ? "192.0.2.2:80" : "192.0.2.3:81")};
      app.pools.emplace_back();
      app.pools.back().name = pool == kBlue ? "blue" : "green";
      app.pools.back().nodes = {node};
    }
    model.apps = {app};
    auto table = traffic::build_table(
        model, 0, {.active = active, .epoch = revision},
        [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
        [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
    return traffic::build_root(revision, {std::move(table)}, 1);
  }
};

TEST_F(Turns, HandleABoundedNumberOfCompletions) {
  kernel_.clients_arrive(kCrowd);
  EXPECT_EQ(steps([&] { return counters_.completions.get(); }),
            steps_of(base::kCompletionsPerTurn));
  EXPECT_NE(kernel_.waited, uring::kNoWait);
}

TEST_F(Turns, GoOnWithARootThatIsPublishedAmongTheirCompletions) {
  std::uint32_t to_blue = 0;
  std::uint32_t to_green = 0;
  kernel_.on_connect = [&](const base::Endpoint& address) {
    if (to_blue + to_green == 4) publish(2, kGreen);
    ++(address.port() == 80 ? to_blue : to_green);
  };
  kernel_.clients_arrive(kCrowd);
  turn();
  // What was reaped already still connects to blue, and is taken back.
  EXPECT_LE(to_blue, kCrowd / 20);
  EXPECT_GE(to_green, kCrowd / 5);
  EXPECT_TRUE(publication_.adopted(0, 2));
  EXPECT_EQ(counters_.nodes[kBlue].connecting.get(), 0U);
}

TEST_F(Turns, TakeBackABoundedNumberOfConnects) {
  crowd_connects();
  publish(2, kGreen);
  EXPECT_EQ(steps([&] { return counters_.services[0].repointed.get(); }),
            steps_of(base::kDetachesPerTurn));
  EXPECT_TRUE(publication_.adopted(0, 2));
  EXPECT_EQ(counters_.nodes[kBlue].connecting.get(), 0U);
}

TEST_F(Turns, LookAtABoundedNumberOfConnectsForANewRoot) {
  crowd_connects();
  publish(2, kBlue);
  const Steps added = steps([&] { return publication_.adopted(0, 2) ? 1U : 0U; }, 1);
  EXPECT_EQ(added.size(), steps_of(base::kWalkPerTurn).size());
  EXPECT_EQ(counters_.services[0].repointed.get(), 0U);
}

TEST_F(Turns, LookAtABoundedNumberOfRelaysForARequest) {
  crowd_connects();
  Survey survey;
  ASSERT_TRUE(mailbox_.push(Request{&survey}));
  const Steps added = steps([&] { return survey.done ? 1U : 0U; }, 1);
  EXPECT_EQ(added.size(), steps_of(base::kWalkPerTurn).size());
  EXPECT_EQ(survey.matched, kCrowd);
}

TEST_F(Turns, FireABoundedNumberOfTimers) {
  crowd_connects();
  kernel_.clock += 11 * base::kSecond;
  const Steps added = steps([&] { return counters_.nodes[kBlue].connect_errors.get(); });
  EXPECT_LE(*std::max_element(added.begin(), added.end()), base::kWalkPerTurn);
  EXPECT_GE(added.size(), steps_of(base::kWalkPerTurn).size());
}

TEST_F(Turns, TakeABoundedNumberOfClientsWhereEachAcceptTakesOne) {
  kernel_.one_at_a_time = true;
  kernel_.queued = kCrowd;
  turn();  // at its end the first of them is accepted
  EXPECT_EQ(steps([&] { return counters_.services[0].accepted.get(); }),
            steps_of(1 + base::kAcceptsAtOnce));
}

TEST_F(Turns, TakeABoundedNumberOfClientsFromTheQueueOfAListenerThatStops) {
  StopAccepting stop;
  ASSERT_TRUE(mailbox_.push(Request{&stop}));
  kernel_.queued = kCrowd;
  turn();  // the accept is cancelled first
  EXPECT_EQ(steps([&] { return counters_.services[0].accepted.get(); }),
            steps_of(base::kCompletionsPerTurn));
  EXPECT_TRUE(stop.done);
}

TEST_F(Turns, CloseABoundedNumberWhenTheWorkerStops) {
  crowd_connects();
  ASSERT_TRUE(mailbox_.push(Request{StopWorker{}}));
  EXPECT_EQ(steps([&] { return kernel_.disconnects; }), steps_of(base::kWalkPerTurn));
}

}  // namespace
}  // namespace shunt::proxy::testing
