// Finding a node: retry, deadline, none left, limits, and what a switch does to connects under way.
#include "tests/unit/proxy/harness.hpp"

namespace shunt::proxy::testing {
namespace {

using base::kMillisecond;
using base::kSecond;

std::vector<ConnectOutcome> take_outcomes(Plane& plane) {
  std::vector<ConnectOutcome> all(100);
  all.resize(plane->take_outcomes(0, all.data(), all.size()));
  return all;
}

TEST(Connect, GoesPastARefusingNode) {
  Node node(named("ok"));
  Plane plane({{refusing_address(), node.address()}});
  int retried = 0;
  for (int i = 0; i < 4; ++i) {
    Socket client = plane.client();
    EXPECT_EQ(client.read(2), "ok");
    client.close();
    retried += plane.end().attempts == 2 ? 1 : 0;
  }
  EXPECT_EQ(retried, 2);  // the rotation begins with the refusing node every other time
  const auto outcomes = take_outcomes(plane);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].node, 0U);
  EXPECT_EQ(outcomes[0].error, ECONNREFUSED);
}

TEST(Connect, GoesPastASilentNodeAtTheDeadline) {
  BlackHole hole;
  Node node(named("ok"));
  Plane plane({{hole.address(), node.address()}}, {.timeouts = {.connect = 50 * kMillisecond}});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(plane.client().read(2), "ok");
  const auto outcomes = take_outcomes(plane);
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].error, ETIMEDOUT);
}

TEST(Connect, ResetsTheClientWhenEveryNodeRefuses) {
  Plane plane({{refusing_address(), refusing_address()}});
  Socket client = plane.client();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  const ConnectionEnd end = plane.end();
  EXPECT_EQ(end.cause, CloseCause::kConnectRefused);
  EXPECT_EQ(end.attempts, 2);
}

TEST(Connect, ADeadNodeDoesNotAnswerWithTheClientsOwnBytes) {
  // The source port that the kernel would choose once in a while.
  const base::Endpoint dead = refusing_address();
  Plane plane({{dead}}, {.sources = {dead}});
  Socket client = plane.client();
  const bool sent = client.send("hello");
  EXPECT_EQ(client.read(5), "");
  EXPECT_TRUE(!sent || client.error() == ECONNRESET);  // sending may have been told of the reset
  EXPECT_EQ(plane.end().cause, CloseCause::kConnectRefused);
  Node node(named("ok"), dead);  // its port is free
}

TEST(Connect, ResetsTheClientWhenEveryNodeIsSilent) {
  BlackHole hole;
  Plane plane({{hole.address()}}, {.timeouts = {.connect = 30 * kMillisecond}});
  Socket client = plane.client();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_EQ(plane.end().cause, CloseCause::kConnectTimeout);
}

TEST(Connect, StopsAfterTheGreatestNumberOfAttempts) {
  std::vector<base::Endpoint> nodes;
  for (int i = 0; i < 5; ++i) nodes.push_back(refusing_address());
  Plane plane({nodes});
  EXPECT_EQ(plane.client().read_all(), "");
  EXPECT_EQ(plane.end().attempts, base::kConnectAttemptsMax);
}

TEST(Connect, ResetsTheClientOfAPoolWithoutNodes) {
  Plane plane({std::vector<base::Endpoint>{}});
  Socket client = plane.client();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  const ConnectionEnd end = plane.end();
  EXPECT_EQ(end.cause, CloseCause::kNoNode);
  EXPECT_EQ(end.attempts, 0);
}

TEST(Connect, SaysWhenNoWayLeadsToTheNode) {
  Plane plane({{*base::Endpoint::parse("unix:/nowhere/at/all.sock")}});
  EXPECT_EQ(plane.client().read_all(), "");
  EXPECT_EQ(plane.end().cause, CloseCause::kUnreachable);
}

TEST(Connect, SaysThatTheMachineLacksTheSourceAddress) {
  Node node(named("ok"));
  const base::Endpoint lacking = *base::Endpoint::parse("192.0.2.1");
  {
    Plane plane({{node.address()}}, {.sources = {lacking}});
    EXPECT_EQ(plane.client().read_all(), "");
    EXPECT_EQ(plane.end().cause, CloseCause::kNoSource);
    EXPECT_TRUE(take_outcomes(plane).empty()) << "it says nothing of the node";
  }
  Plane plane({{node.address()}}, {.sources = {lacking, *base::Endpoint::parse("127.0.0.1")}});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(plane.client().read(2), "ok");
}

TEST(Connect, ReportsANodesFirstSuccessAfterAFailureAndNoOther) {
  const base::Endpoint address = refusing_address();
  Plane plane({{address}});
  EXPECT_EQ(plane.client().read_all(), "");
  static_cast<void>(plane.end());
  Node node(named("ok"), address);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plane.client().read(2), "ok");
  const auto outcomes = take_outcomes(plane);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].error, ECONNREFUSED);
  EXPECT_EQ(outcomes[1].error, 0);
}

TEST(Connect, ReportsOutcomesForEachServiceOfANodeByItself) {
  const base::Endpoint dead = refusing_address();
  Node other(named("ok"));
  traffic::Model model;
  model.slots = 1;
  model.services.resize(2);
  traffic::App app;
  app.pools.resize(1);
  app.pools[0].nodes.resize(1);
  app.pools[0].nodes[0].slot = 0;
  app.pools[0].nodes[0].addresses = {dead, other.address()};
  for (traffic::ServiceId id = 0; id < 2; ++id) {
    model.services[id].id = id;
    model.services[id].listen = {loopback()};
    app.services.push_back(id);
  }
  model.apps = {app};
  auto table = traffic::build_table(
      model, 0, {.active = 0, .epoch = 1},
      [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
      [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
  auto plane = DataPlane::start({.workers = 1, .connections_max = 100, .pin_workers = false}, model,
                                {}, traffic::build_root(1, {std::move(table)}, 2));
  ASSERT_TRUE(plane) << plane.error().message;
  const auto answer = [&](traffic::ServiceId service) {
    return Socket::connect((*plane)->listening()[service][0]).read(2);
  };
  EXPECT_EQ(answer(0), "");
  EXPECT_EQ(answer(1), "ok");  // says nothing of the first one
  Node node(named("ok"), dead);
  EXPECT_EQ(answer(0), "ok");
  std::vector<ConnectOutcome> outcomes(10);
  outcomes.resize((*plane)->take_outcomes(0, outcomes.data(), outcomes.size()));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].service, 0U);
  EXPECT_EQ(outcomes[0].error, ECONNREFUSED);
  EXPECT_EQ(outcomes[1].service, 0U);
  EXPECT_EQ(outcomes[1].error, 0);
}

TEST(Connect, WaitsForAUnixSocketWhoseBacklogIsFull) {
  const std::string path = ::testing::TempDir() + "shunt-full-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const base::Endpoint address = *base::Endpoint::parse("unix:" + path);
  const base::UniqueFd listener = listening_socket(address, 0);
  Socket filler = Socket::connect(address);
  Plane plane({{address}});
  Socket client = plane.client();
  ASSERT_TRUE(plane.wait_open(1));
  EXPECT_EQ(plane.established(0), 0U);
  const Socket first(::accept(listener.get(), nullptr, nullptr));  // makes room
  Socket served(::accept(listener.get(), nullptr, nullptr));
  served.send("ok");
  EXPECT_EQ(client.read(2), "ok");
  ::unlink(path.c_str());
}

TEST(Connect, TimesOutOnAUnixSocketWhoseBacklogStaysFull) {
  const std::string path = ::testing::TempDir() + "shunt-full-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const base::Endpoint address = *base::Endpoint::parse("unix:" + path);
  const base::UniqueFd listener = listening_socket(address, 0);
  Socket filler = Socket::connect(address);
  Plane plane({{address}}, {.timeouts = {.connect = 30 * kMillisecond}});
  EXPECT_EQ(plane.client().read_all(), "");
  EXPECT_EQ(plane.end().cause, CloseCause::kConnectTimeout);
  ::unlink(path.c_str());
}

TEST(Connect, TriesAUnixSocketWhoseBacklogStaysFullEverMoreSeldom) {
  const std::string path = ::testing::TempDir() + "shunt-full-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const base::Endpoint address = *base::Endpoint::parse("unix:" + path);
  const base::UniqueFd listener = listening_socket(address, 0);
  Socket filler = Socket::connect(address);
  Plane plane({{address}}, {.timeouts = {.connect = kSecond}});
  EXPECT_EQ(plane.client().read_all(), "");
  EXPECT_EQ(plane.end().cause, CloseCause::kConnectTimeout);
  // A second is 200 pauses of 5 ms; a turn is about a try.
  EXPECT_LT(plane.sum([](const WorkerCounters& c) { return c.turns.get(); }), 80U);
  ::unlink(path.c_str());
}

TEST(Connect, AClientThatGoesWhileConnectingIsNoticed) {
  BlackHole hole;
  Plane plane({{hole.address()}}, {.timeouts = {.connect = 60 * kSecond}});
  Socket client = plane.client();
  ASSERT_TRUE(wait_for([&] { return plane.connecting() == 1; }));
  client.reset();
  EXPECT_EQ(plane.end().cause, CloseCause::kClientReset);
  EXPECT_EQ(plane.connecting(), 0U);
}

TEST(Connect, KeepsWhatTheClientSentAndEndedWhileConnecting) {
  BlackHole hole;
  Node node(echo);
  Plane plane({{hole.address()}, {node.address()}}, {.timeouts = {.connect = 60 * kSecond}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send("early"));
  client.finish();
  ASSERT_TRUE(wait_for([&] { return plane.connecting() == 1; }));
  plane.switch_to(1);
  EXPECT_EQ(client.read_all(), "early");
  EXPECT_EQ(client.error(), 0);
}

TEST(Connect, BalancesByLiveConnectionsAndReleasesThem) {
  Node a(named("a"));
  Node b(named("b"));
  Plane plane({{a.address(), b.address()}}, {.balance = traffic::Balance::kLeastConnections});
  std::vector<Socket> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(plane.client());
    clients.back().read(1);
  }
  EXPECT_EQ(plane->live().get(0), 5U);
  EXPECT_EQ(plane->live().get(1), 5U);
  clients.clear();
  EXPECT_TRUE(wait_for([&] { return plane->live().get(0) + plane->live().get(1) == 0; }));
}

TEST(Connect, RefusesTheNewestAtTheLimitAndGoesOnAfterIt) {
  Node node(named("ok"));
  Plane plane({{node.address()}}, {.connections_max = 2});
  Socket first = plane.client();
  Socket second = plane.client();
  EXPECT_EQ(first.read(2), "ok");
  EXPECT_EQ(second.read(2), "ok");
  Socket third = plane.client();
  EXPECT_EQ(third.read_all(), "");
  EXPECT_EQ(third.error(), ECONNRESET);
  EXPECT_EQ(plane.end().cause, CloseCause::kConnectionLimit);
  ASSERT_TRUE(first.send("still"));
  EXPECT_EQ(first.read(5), "still");
  second.close();
  ASSERT_TRUE(plane.wait_open(1));
  EXPECT_EQ(plane.client().read(2), "ok");
}

// ---- Switches.

TEST(Switch, NewConnectionsGoToTheNewPoolAndEstablishedOnesStay) {
  Node blue(named("blue!"));
  Node green(named("green"));
  Plane plane({{blue.address()}, {green.address()}}, {.workers = 2});
  std::vector<Socket> before;
  for (int i = 0; i < 10; ++i) {
    before.push_back(plane.client());
    EXPECT_EQ(before.back().read(5), "blue!");
  }
  plane.switch_to(1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(plane.client().read(5), "green");
  for (Socket& client : before) {
    ASSERT_TRUE(client.send("same node"));
    EXPECT_EQ(client.read(9), "same node");
  }
  plane.switch_to(0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(plane.client().read(5), "blue!");
}

TEST(Switch, TakesBackConnectsThatAreUnderWay) {
  BlackHole hole;
  Node green(named("green"));
  Plane plane({{hole.address()}, {green.address()}},
              {.workers = 2, .timeouts = {.connect = 600 * kSecond}});
  std::vector<Socket> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(plane.client());
  ASSERT_TRUE(wait_for([&] { return plane.connecting() == 200; }));
  // Both workers sleep now, with connects under way.
  plane.switch_to(1);
  EXPECT_EQ(plane.sum([](const WorkerCounters& c) { return c.services[0].repointed.get(); }), 200U);
  for (Socket& client : clients) EXPECT_EQ(client.read(5), "green");
  clients.clear();
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(plane.end().repointed);
}

TEST(Switch, RePointsWhoWaitsForAUnixSocketWhoseBacklogIsFull) {
  const std::string path = ::testing::TempDir() + "shunt-left-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const base::Endpoint address = *base::Endpoint::parse("unix:" + path);
  const base::UniqueFd listener = listening_socket(address, 0);
  Socket filler = Socket::connect(address);
  Node green(named("green"));
  Plane plane({{address}, {green.address()}}, {.timeouts = {.connect = 600 * kSecond}});
  Socket client = plane.client();
  ASSERT_TRUE(plane.wait_open(1));
  plane.switch_to(1);
  EXPECT_EQ(client.read(5), "green");
  client.close();
  EXPECT_TRUE(plane.end().repointed);
  EXPECT_EQ(plane.sum([](const WorkerCounters& c) { return c.services[0].repointed.get(); }), 1U);
  ::unlink(path.c_str());
}

TEST(Switch, IsNotFollowedBeforeEveryConnectIsTakenBack) {
  BlackHole hole;
  BlackHole other;
  Plane plane({{hole.address()}, {other.address()}}, {.timeouts = {.connect = 600 * kSecond}});
  std::vector<Socket> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(plane.client());
  ASSERT_TRUE(wait_for([&] { return plane.connecting() == 300; }));
  plane.publish(1);
  // Asleep with connects under way: it has to be woken.
  EXPECT_FALSE(plane->publication().adopted_by_all(plane.revision()));
  plane->wake(plane.revision());
  ASSERT_TRUE(wait_for([&] { return plane->publication().adopted_by_all(plane.revision()); }));
  EXPECT_EQ(plane.sum([](const WorkerCounters& c) { return c.nodes[0].connecting.get(); }), 0U);
}

TEST(Switch, ASleepingWorkerWithoutConnectsHasAdoptedAtOnce) {
  Node blue(named("blue!"));
  Node green(named("green"));
  Plane plane({{blue.address()}, {green.address()}});
  Socket client = plane.client();
  EXPECT_EQ(client.read(5), "blue!");
  ASSERT_TRUE(wait_for([&] {  // until it sleeps
    plane.publish(0);
    return plane->publication().adopted_by_all(plane.revision());
  }));
  plane.publish(1);
  EXPECT_TRUE(plane->publication().adopted_by_all(plane.revision()));
  EXPECT_EQ(plane.client().read(5), "green");
}

TEST(Switch, UnderLoadNoConnectionBegunAfterItReachesTheOldPool) {
  Node blue([](Socket& socket) { socket.send("0"); });
  Node green([](Socket& socket) { socket.send("1"); });
  BlackHole hole;
  Plane plane({{blue.address(), hole.address()}, {green.address(), hole.address()}},
              {.workers = 2, .timeouts = {.connect = 20 * kMillisecond}});
  std::atomic<bool> stop{false};
  std::atomic<int> step{0};  // odd while a switch is under way; step / 2 switches are acknowledged
  std::atomic<int> late{0};
  std::atomic<int> served{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!stop) {
        const int before = step;
        const std::string got = plane.client().read(1);
        EXPECT_EQ(got.size(), 1U);
        ++served;
        // Judged when no switch was under way between its beginning and its answer.
        if (before % 2 == 0 && step == before && got != std::to_string(before / 2 % 2)) ++late;
      }
    });
  }
  for (int i = 1; i <= 60; ++i) {
    ++step;
    plane.switch_to(static_cast<traffic::PoolId>(i % 2));
    ++step;
    const int seen = served;
    EXPECT_TRUE(wait_for([&] { return served >= seen + 5; }));
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(late, 0);
}

}  // namespace
}  // namespace shunt::proxy::testing
