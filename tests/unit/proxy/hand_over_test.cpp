// A worker beside another one, of which only the seat is there: what it hands over, what becomes of
// it, and how both stop.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/proxy/crowd_kernel.hpp"
#include "tests/unit/proxy/harness.hpp"
#include "tests/unit/proxy/worker_rig.hpp"

namespace shunt::proxy::testing {
namespace {

constexpr std::uint32_t kOther = 1;
constexpr int kOtherRing = 77;
constexpr int kOtherWake = 88;

// A crowd whose messages go nowhere but to the test.
class MessageKernel : public CrowdKernel {
 public:
  struct Message {
    int ring;
    int fd;
    uring::Tag remote;
    uring::Tag own;
  };
  std::vector<Message> messages;
  std::vector<int> signals;
  std::vector<int> resets;
  int own_ring = 55;

  [[nodiscard]] int ring() const { return own_ring; }
  void message(int to, std::int32_t result, uring::Tag remote, uring::Tag own) {
    messages.push_back({to, result, remote, own});
  }
  void signal(int fd) { signals.push_back(fd); }
  void reset(int fd) { resets.push_back(fd); }

  void message_returns(std::size_t index, std::int32_t result) {
    completions_.push_back({.tag = messages[index].own, .result = result});
  }
  void message_arrives(int fd) {
    completions_.push_back(
        {.tag = {static_cast<std::uint8_t>(Operation::kHandedOver), 0, 0}, .result = fd});
  }
};

class HandingOver : public ::testing::Test {
 protected:
  HandingOver() {
    peers_.introduce(kOther, other_load_);
    peers_.open(kOther, kOtherRing, kOtherWake);
  }
  void start() {
    rig_.start();
    turn();
  }
  void turn() { ASSERT_TRUE(rig_->turn()); }
  void arrive(std::uint32_t clients) {
    kernel_.clients_arrive(clients);
    while (kernel_.has_completions()) turn();
  }
  [[nodiscard]] std::uint64_t relays() const { return rig_.counters.relays.get(); }
  [[nodiscard]] std::uint64_t accepted() const { return rig_.counters.services[0].accepted.get(); }
  [[nodiscard]] std::uint64_t under_way() const { return peers_.load(kOther) - other_load_.get(); }
  // False where it stops: then it is over.
  void settle(int turns = 8) {
    for (int i = 0; i < turns; ++i) turn();
  }

  Peers peers_{2};
  Count other_load_;
  WorkerRig<MessageKernel> rig_{
      {.connections_max = 5000, .nodes = {"192.0.2.2:80", "192.0.2.3:80"}, .peers = &peers_}};
  MessageKernel& kernel_ = rig_.kernel;
};

TEST_F(HandingOver, NothingGoesWhereTheOtherHasHardlyFewer) {
  start();
  arrive(base::kHandOverMargin + 1);
  EXPECT_TRUE(kernel_.messages.empty());
  EXPECT_EQ(relays(), base::kHandOverMargin + 1);
}

TEST_F(HandingOver, TheNextOneGoesToAWorkerThatHasClearlyFewer) {
  start();
  arrive(base::kHandOverMargin + 2);
  ASSERT_EQ(kernel_.messages.size(), 1U);
  EXPECT_EQ(kernel_.messages[0].ring, kOtherRing);
  EXPECT_EQ(kernel_.messages[0].remote,
            (uring::Tag{static_cast<std::uint8_t>(Operation::kHandedOver), 0, 0}));
  EXPECT_EQ(relays(), base::kHandOverMargin + 1);
  EXPECT_EQ(accepted(), base::kHandOverMargin + 1) << "it counts where it is admitted";
  EXPECT_EQ(rig_.counters.handed_over.get(), 0U) << "not known yet";
  kernel_.message_returns(0, 0);
  turn();
  EXPECT_EQ(rig_.counters.handed_over.get(), 1U);
  EXPECT_EQ(relays(), base::kHandOverMargin + 1);
}

TEST_F(HandingOver, OfManyAnEighthMoreIsNotClearlyMore) {
  start();
  other_load_.add(800);
  arrive(901);
  EXPECT_TRUE(kernel_.messages.empty());
  arrive(1);
  EXPECT_EQ(kernel_.messages.size(), 1U);
}

TEST_F(HandingOver, AWorkerThatTakesNothingHoldsABoundedNumber) {
  start();
  arrive(1000);
  EXPECT_EQ(kernel_.messages.size(), base::kHandedOverMax);
  EXPECT_EQ(relays(), 1000 - base::kHandedOverMax);
  peers_.arrived(kOther);
  arrive(10);
  EXPECT_EQ(kernel_.messages.size(), base::kHandedOverMax + 1);
}

TEST_F(HandingOver, AWorkerThatHasNotBegunOrStopsGetsNothing) {
  start();
  peers_.close(kOther);
  arrive(100);
  EXPECT_TRUE(kernel_.messages.empty());
}

TEST_F(HandingOver, WithoutMessagesBetweenRingsAllStay) {
  kernel_.own_ring = -1;
  start();
  arrive(100);
  EXPECT_TRUE(kernel_.messages.empty());
  EXPECT_FALSE(peers_.reserve(0)) << "nor can others hand over to it";
}

TEST_F(HandingOver, AConnectionWhoseMessageFailsIsAdmittedHere) {
  start();
  arrive(base::kHandOverMargin + 2);
  EXPECT_EQ(under_way(), 1U);
  kernel_.message_returns(0, -EOVERFLOW);
  turn();
  EXPECT_EQ(under_way(), 0U);
  EXPECT_EQ(relays(), base::kHandOverMargin + 2);
  EXPECT_EQ(rig_.counters.handed_over.get(), 0U);
  EXPECT_TRUE(kernel_.signals.empty());
}

TEST_F(HandingOver, AWorkerThatStopsIsWokenWhenWhatItWaitsForFailed) {
  start();
  arrive(base::kHandOverMargin + 2);
  peers_.close(kOther);
  EXPECT_FALSE(peers_.settled(kOther));
  kernel_.message_returns(0, -EBADFD);
  turn();
  EXPECT_TRUE(peers_.settled(kOther));
  EXPECT_EQ(kernel_.signals, std::vector<int>{kOtherWake});
}

TEST_F(HandingOver, AcceptingHasNotStoppedWhileItsOwnMessageIsUnderWay) {
  start();
  arrive(base::kHandOverMargin + 2);
  StopAccepting stop;
  ASSERT_TRUE(rig_.mailbox.push(&stop));
  settle();
  EXPECT_FALSE(stop.done.load());
  kernel_.message_returns(0, -EOVERFLOW);
  settle();
  EXPECT_TRUE(stop.done.load());
  EXPECT_EQ(relays(), base::kHandOverMargin + 2) << "it was accepted before, and is served";
}

TEST_F(HandingOver, AcceptingHasNotStoppedWhileSomethingIsUnderWayToIt) {
  start();
  ASSERT_TRUE(peers_.reserve(0));
  StopAccepting stop;
  ASSERT_TRUE(rig_.mailbox.push(&stop));
  settle();
  EXPECT_FALSE(stop.done.load());
  EXPECT_FALSE(peers_.reserve(0)) << "nothing more comes";
  kernel_.message_arrives(1000);
  settle();
  EXPECT_TRUE(stop.done.load());
  EXPECT_EQ(relays(), 1U);
  EXPECT_EQ(accepted(), 1U);
}

TEST_F(HandingOver, AWorkerThatEndsWaitsForWhatIsUnderWayAndResetsIt) {
  start();
  ASSERT_TRUE(peers_.reserve(0));
  ASSERT_TRUE(rig_.mailbox.push(StopWorker{}));
  settle();
  kernel_.message_arrives(1000);
  int turns = 0;
  while (rig_->turn()) ASSERT_LT(++turns, 10) << "it does not end";
  EXPECT_EQ(kernel_.resets, std::vector<int>{1000});
  EXPECT_EQ(rig_.counters.closed[static_cast<std::size_t>(CloseCause::kShutdown)].get(), 1U);
  EXPECT_EQ(accepted(), 1U);
}

// What it waits for may never come: each time its sender takes it back, and wakes it.
TEST_F(HandingOver, AWorkerThatEndsCanBeWokenAgainAndAgainUntilItHasEnded) {
  start();
  ASSERT_TRUE(peers_.reserve(0));
  ASSERT_TRUE(peers_.reserve(0));
  ASSERT_TRUE(rig_.mailbox.push(StopWorker{}));
  ASSERT_TRUE(kernel_.wake());
  for (int left = 2; left != 0; --left) {
    settle();
    EXPECT_EQ(kernel_.waited, uring::kForever);
    ASSERT_TRUE(peers_.withdraw(0));
    ASSERT_TRUE(kernel_.wake()) << "it sleeps for good";
  }
  int turns = 0;
  while (rig_->turn()) ASSERT_LT(++turns, 10) << "it does not end";
  EXPECT_FALSE(kernel_.wake()) << "nothing of it is left in the kernel";
}

TEST_F(HandingOver, TheNodeIsOfTheTableThatIsCurrentWhenItArrives) {
  start();
  ASSERT_TRUE(peers_.reserve(0));
  std::string connected;
  kernel_.on_connect = [&](const base::Endpoint& address) { connected = address.to_string(); };
  rig_.publish(2, 1);
  kernel_.message_arrives(1000);
  turn();
  EXPECT_EQ(connected, "192.0.2.3:80");
}

// ---- Threads and rings.

TEST(HandingOverBetweenThreads, AConnectionIsServedByTheOtherWorkerWhereThatHasClearlyFewer) {
  Node node(named("hi"));
  Plane plane({{node.address()}}, {.workers = 2, .connections_max = 1000});
  const auto relays = [&](std::uint32_t worker) { return plane->counters(worker).relays.get(); };
  std::vector<std::pair<Socket, bool>> clients;  // and whether the first worker serves it
  std::uint64_t of_first = 0;
  while (clients.size() < 60) {
    Socket client = plane.client();
    EXPECT_EQ(client.read(2), "hi");
    const std::uint64_t now = relays(0);
    clients.emplace_back(std::move(client), now != of_first);
    of_first = now;
  }
  EXPECT_LE(relays(0), relays(1) + base::kHandOverMargin + 1);
  EXPECT_LE(relays(1), relays(0) + base::kHandOverMargin + 1);
  std::erase_if(clients, [](const auto& client) { return !client.second; });
  ASSERT_TRUE(wait_for([&] { return relays(1) == 0; }));
  ASSERT_EQ(relays(0), of_first);
  ASSERT_GT(of_first, base::kHandOverMargin + 10);
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(plane.client(), false);
    EXPECT_EQ(clients.back().first.read(2), "hi");
  }
  EXPECT_EQ(relays(0), of_first);
  EXPECT_EQ(relays(1), 10U);
  EXPECT_EQ(plane.sum([](const WorkerCounters& c) { return c.services[0].accepted.get(); }), 70U);
}

// ---- Seats.

TEST(Peers, OneThatIsClosedIsSettledOnceNothingIsUnderWayToIt) {
  Peers peers(2);
  const Count load;
  peers.introduce(1, load);
  EXPECT_FALSE(peers.reserve(1)) << "it has not begun";
  EXPECT_TRUE(peers.settled(1)) << "a worker that never began";
  peers.open(1, 5, 6);
  EXPECT_FALSE(peers.settled(1));
  ASSERT_TRUE(peers.reserve(1));
  ASSERT_TRUE(peers.reserve(1));
  EXPECT_FALSE(peers.withdraw(1));
  peers.close(1);
  EXPECT_FALSE(peers.settled(1));
  EXPECT_FALSE(peers.reserve(1));
  peers.arrived(1);
  EXPECT_TRUE(peers.settled(1));
}

}  // namespace
}  // namespace shunt::proxy::testing
