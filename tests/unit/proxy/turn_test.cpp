// A turn does a bounded amount of each kind of work and leaves the rest to the next, which follows
// without sleeping: a switch is adopted in a bounded time, whatever comes at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tests/unit/proxy/crowd_kernel.hpp"
#include "tests/unit/proxy/worker_rig.hpp"

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
  Turns() {
    rig_.start();
    turn();
  }

  void turn() { ASSERT_TRUE(rig_->turn()); }
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
    rig_.publish(revision, active);
  }

 private:
  WorkerRig<CrowdKernel> rig_{{.connections_max = kCrowd,
                               .timeouts = {.connect = 10 * base::kSecond},
                               .nodes = {"192.0.2.2:80", "192.0.2.3:81"}}};

 protected:
  CrowdKernel& kernel_ = rig_.kernel;
  Publication& publication_ = rig_.publication;
  SpscRing<Request>& mailbox_ = rig_.mailbox;
  WorkerCounters& counters_ = rig_.counters;
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
