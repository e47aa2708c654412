// What control asks of workers, and timeouts over real sockets: each close with its cause. When
// exactly timeouts fire is timeouts_test.cpp's.
#include "tests/unit/proxy/harness.hpp"

namespace shunt::proxy::testing {
namespace {

using base::kMillisecond;
using base::kSecond;

// Established connections, each past its first byte.
std::vector<Socket> established_clients(Plane& plane, int count, std::size_t greeting) {
  std::vector<Socket> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(plane.client());
    EXPECT_EQ(clients.back().read(greeting).size(), greeting);
  }
  return clients;
}

TEST(Timeout, IdleClosesASilentConnectionInOrder) {
  Node node(named("hi"));
  Plane plane({{node.address()}}, {.timeouts = {.idle = 40 * kMillisecond}});
  Socket client = plane.client();
  EXPECT_EQ(client.read_all(), "hi");
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(plane.end().cause, CloseCause::kIdle);
}

TEST(Timeout, HalfClosedClosesWhatNobodyFinishes) {
  Node node([](Socket& socket) {
    socket.read_all();  // to the client's end, and says nothing
    wait_closed(socket);
  });
  Plane plane({{node.address()}}, {.timeouts = {.half_closed = 40 * kMillisecond}});
  Socket client = plane.client();
  client.finish();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(plane.end().cause, CloseCause::kHalfClosed);
}

TEST(Timeout, HalfClosedIsNotHeldUpByALongerOne) {
  Node node([](Socket& socket) {
    socket.read_all();
    wait_closed(socket);
  });
  Plane plane({{node.address()}},
              {.timeouts = {.half_closed = 40 * kMillisecond, .stalled = 36'000 * kSecond}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send("hi"));
  client.finish();
  EXPECT_EQ(plane.end().cause, CloseCause::kHalfClosed);
}

TEST(Timeout, StalledResetsAReaderThatTakesNothing) {
  const std::string much(30'000'000, 'm');
  Node node([&](Socket& socket) { socket.send(much); });
  // The far deadline of the other timeout is set first, and must not stand in the way.
  Plane plane({{node.address()}},
              {.timeouts = {.idle = 3600 * kSecond, .stalled = 100 * kMillisecond}});
  Socket client = Socket::connect(plane.address(), 4096);
  EXPECT_EQ(plane.end().cause, CloseCause::kStalled);
  client.read_all();
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST(Timeout, StalledSparesASlowReader) {
  const std::string much(400'000, 'm');
  Node node([&](Socket& socket) { socket.send(much); });
  Plane plane({{node.address()}}, {.timeouts = {.stalled = 400 * kMillisecond}});
  Socket client = Socket::connect(plane.address(), 4096);
  // Takes far longer than the timeout, but never stands still that long.
  std::size_t got = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(1500)) {
    got += client.read(1000).size();
    static_cast<void>(wait_for([left = 5]() mutable { return --left == 0; }));
  }
  got += client.read_all().size();
  EXPECT_EQ(got, much.size());
  EXPECT_EQ(client.error(), 0);
}

TEST(Control, SurveyListsAndCountsWhatMatches) {
  Node a(named("a"));
  Node b(named("b"));
  Plane plane({{a.address(), b.address()}});
  std::vector<Socket> clients = established_clients(plane, 6, 1);
  ASSERT_TRUE(clients[0].send("12345"));
  EXPECT_EQ(clients[0].read(5), "12345");

  Survey all;
  all.list_max = 4;
  all.connections.reserve(4);
  all.oldest.resize(2);
  plane.ask(all);
  EXPECT_EQ(all.matched, 6U);
  ASSERT_EQ(all.connections.size(), 4U);
  EXPECT_TRUE(all.connections[0].established);
  EXPECT_NE(all.oldest[0], 0U);
  EXPECT_NE(all.oldest[1], 0U);

  Survey one;
  one.filter.node = 1;
  plane.ask(one);
  EXPECT_EQ(one.matched, 3U);
  Survey by_id;
  by_id.filter.connection = all.connections[2].id;
  plane.ask(by_id);
  EXPECT_EQ(by_id.matched, 1U);
  Survey elsewhere;
  elsewhere.filter.pool = 7;
  plane.ask(elsewhere);
  EXPECT_EQ(elsewhere.matched, 0U);
}

TEST(Control, CloseEndsMatchingConnectionsAndNoOthers) {
  Node a(named("a"));
  Node b(named("b"));
  Plane plane({{a.address(), b.address()}});
  std::vector<Socket> clients = established_clients(plane, 20, 1);
  CloseRelays close;
  close.order.filter.node = 0;
  close.max = 7;
  plane.ask(close);
  EXPECT_EQ(close.matched, 7U);
  for (int i = 0; i < 7; ++i) {
    const ConnectionEnd end = plane.end();
    EXPECT_EQ(end.cause, CloseCause::kClosed);
    EXPECT_EQ(end.node, 0U);
  }
  EXPECT_TRUE(plane.wait_open(13));
  EXPECT_EQ(plane.established(1), 10U);
}

TEST(Control, CloseSpreadOverTimeClosesAllByThen) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 50, 1);
  CloseRelays close;
  close.order.over = 200 * kMillisecond;
  close.order.cause = CloseCause::kDrainDeadline;
  const auto begin = std::chrono::steady_clock::now();
  plane.ask(close);
  EXPECT_EQ(close.matched, 50U);
  std::vector<std::chrono::nanoseconds> at;
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(plane.end().cause, CloseCause::kDrainDeadline);
    at.push_back(std::chrono::steady_clock::now() - begin);
  }
  EXPECT_GE(at.back(), std::chrono::milliseconds(150));
  for (Socket& client : clients) {
    EXPECT_EQ(client.read_all(), "");
    EXPECT_EQ(client.error(), 0);
  }
}

TEST(Control, CancelCloseTakesMarksBack) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 10, 1);
  CloseRelays close;
  close.order.over = 1000 * kSecond;
  close.order.cause = CloseCause::kDrainDeadline;
  plane.ask(close);
  CancelClose other;
  other.cause = CloseCause::kClosed;
  plane.ask(other);  // not theirs
  CancelClose cancel;
  plane.ask(cancel);
  // A later, nearer mark is taken as if there had been none.
  CloseRelays again;
  again.order.over = 10 * kMillisecond;
  plane.ask(again);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(plane.end().cause, CloseCause::kClosed);
}

TEST(Control, AMarkStaysUnlessAnEarlierOneComes) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 10, 1);
  CloseRelays close;
  close.order.over = 10 * kMillisecond;
  close.order.cause = CloseCause::kDrainDeadline;
  plane.ask(close);
  CloseRelays later;
  later.order.over = 1000 * kSecond;
  plane.ask(later);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(plane.end().cause, CloseCause::kDrainDeadline);
}

// Four with a mark of the one cause, far away, and six without any.
void mark_four(Plane& plane, CloseCause cause) {
  CloseRelays some;
  some.order.over = 1000 * kSecond;
  some.order.cause = cause;
  some.max = 4;
  plane.ask(some);
  EXPECT_EQ(some.matched, 4U);
}

TEST(Control, ACancellationMarksByTheOtherOrdersWhatHasNoMarkThen) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 10, 1);
  mark_four(plane, CloseCause::kClosed);
  CloseRelays none;
  none.order.filter.accepted_before = 1;
  plane.ask(none);
  EXPECT_EQ(none.matched, 0U);
  CancelClose cancel;  // of another cause: the four keep what they have
  cancel.others.push_back({.filter = {}, .over = 1000 * kSecond});
  cancel.others.push_back({.filter = {.accepted_before = 1}});  // none is as old
  cancel.others.push_back(
      {.filter = {}, .withdrawn = std::make_shared<const std::atomic<bool>>(true)});
  cancel.others.push_back({.filter = {.accepted_before = base::monotonic_now()},
                           .over = 0,
                           .cause = CloseCause::kDrainDeadline});
  plane.ask(cancel);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(plane.end().cause, CloseCause::kDrainDeadline);
  EXPECT_TRUE(plane.wait_open(4));
  // Of theirs: their marks go, and the order that goes on takes them.
  CancelClose theirs;
  theirs.cause = CloseCause::kClosed;
  theirs.others.push_back({.filter = {}, .over = 0, .cause = CloseCause::kDrainDeadline});
  plane.ask(theirs);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(plane.end().cause, CloseCause::kDrainDeadline);
}

TEST(Control, AWorkerThatMissedRequestsIsBroughtInLineWithTheOrdersThatHold) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 10, 1);
  mark_four(plane, CloseCause::kClosed);
  const auto marked = [&plane] {
    Survey survey;
    survey.marked.resize(1);
    plane.ask(survey);
    return survey.marked[0];
  };
  EXPECT_EQ(marked(), 4U);
  // The order of the four holds: they are marked as the others are.
  CancelClose whole;
  whole.all = true;
  whole.others.push_back({.filter = {}, .over = 1000 * kSecond});
  plane.ask(whole);
  EXPECT_EQ(marked(), 10U);
  // One that is not about them leaves them without.
  CancelClose other;
  other.all = true;
  other.others.push_back({.filter = {.accepted_before = 1}, .cause = CloseCause::kDrainDeadline});
  plane.ask(other);
  EXPECT_EQ(marked(), 0U);
  EXPECT_TRUE(plane.wait_open(10));
}

TEST(Control, AClosingThatIsCalledOffClosesNothing) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 10, 1);
  CloseRelays close;
  close.order.withdrawn = std::make_shared<const std::atomic<bool>>(true);
  plane.ask(close);
  EXPECT_EQ(close.matched, 0U);
  EXPECT_TRUE(plane.wait_open(10));
}

TEST(Control, ASurveyFindsMarkedConnectionsById) {
  Node node(named("a"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 6, 1);
  Survey list;
  list.list_max = 6;
  list.connections.reserve(6);
  plane.ask(list);
  ASSERT_EQ(list.connections.size(), 6U);
  std::sort(list.connections.begin(), list.connections.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const std::size_t marked : {1U, 3U}) {  // nobody asks for the first
    CloseRelays close;
    close.order.filter.connection = list.connections[marked].id;
    close.order.over = 1000 * kSecond;
    plane.ask(close);
  }
  Survey survey;
  survey.wanted = {1, list.connections[2].id, list.connections[3].id};
  std::sort(survey.wanted.begin(), survey.wanted.end());
  survey.found.resize(3);
  plane.ask(survey);
  for (std::size_t at = 0; at < 3; ++at) {
    EXPECT_EQ(survey.found[at], survey.wanted[at] == list.connections[3].id) << at;
  }
}

TEST(Control, StopAcceptingServesWhatWasQueuedAndRefusesTheRest) {
  Node node(named("hi"));
  Plane plane({{node.address()}}, {.workers = 2});
  std::vector<Socket> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(plane.client());
  std::vector<std::unique_ptr<StopAccepting>> stops;
  for (int i = 0; i < 2; ++i) stops.push_back(std::make_unique<StopAccepting>());
  plane.ask_all(stops);
  for (Socket& client : clients) EXPECT_EQ(client.read(2), "hi");
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(::connect(fd.get(), plane.address().address(), plane.address().length()), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  // What is established goes on.
  ASSERT_TRUE(clients[0].send("more"));
  EXPECT_EQ(clients[0].read(4), "more");
}

TEST(Control, StopWorkerClosesEverythingAndEndsTheThread) {
  Node node(named("hi"));
  Plane plane({{node.address()}});
  std::vector<Socket> clients = established_clients(plane, 300, 2);
  ASSERT_TRUE(plane->send(0, StopWorker{}));
  ASSERT_TRUE(wait_for([&] { return plane->ended(0); }));
  for (Socket& client : clients) {
    EXPECT_EQ(client.read_all(), "");
    EXPECT_EQ(client.error(), 0);
  }
  EXPECT_EQ(plane.open(), 0U);
  EXPECT_EQ(plane.end().cause, CloseCause::kShutdown);
}

TEST(Control, APingIsAnsweredByASleepingWorker) {
  Node node(echo);
  Plane plane({{node.address()}});
  Ping ping;
  plane.ask(ping);
}

TEST(Control, AFullMailboxSaysSo) {
  Node node(echo);
  Plane plane({{node.address()}});
  ASSERT_TRUE(plane->send(0, StopWorker{}));
  ASSERT_TRUE(wait_for([&] { return plane->ended(0); }));
  Ping ping;
  std::uint32_t taken = 0;
  while (taken <= base::kMailboxCapacity && plane->send(0, &ping)) ++taken;
  EXPECT_EQ(taken, base::kMailboxCapacity);
}

// ---- Start-up.

tl::expected<std::unique_ptr<DataPlane>, base::Error> start_on(const base::Endpoint& address,
                                                               traffic::Model& model) {
  model = {};
  traffic::App app;
  app.services = {0};
  app.pools.resize(1);
  model.apps = {app};
  traffic::Service service;
  service.listen = {address};
  model.services = {service};
  auto root = traffic::build_root(1,
                                  {std::make_shared<traffic::RoutingTable>(traffic::RoutingTable{
                                      0, 0, 1, traffic::kNoPool, {traffic::ServiceTable{}}})},
                                  1);
  return DataPlane::start({.workers = 1, .connections_max = 10, .pin_workers = true}, model, {},
                          std::move(root));
}

TEST(Start, AnAddressInUseIsAnErrorEvenWhereSharingWouldBeAllowed) {
  base::UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(other.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  ASSERT_EQ(::bind(other.get(), loopback().address(), loopback().length()), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  traffic::Model model;
  const auto started = start_on(local_address(other.get()), model);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, base::ErrorCode::kConflict);
  EXPECT_NE(started.error().message.find("in use"), std::string::npos) << started.error().message;
  EXPECT_NE(started.error().hint.find("ss -ltnp"), std::string::npos);
}

TEST(Start, AnAddressOfAnotherMachineIsAnError) {
  traffic::Model model;
  const auto started = start_on(*base::Endpoint::parse("192.0.2.1:8080"), model);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("does not have the address"), std::string::npos)
      << started.error().message;
}

TEST(Start, FeaturesAndListenersAreKnown) {
  traffic::Model model;
  const auto started = start_on(loopback(), model);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_NE((*started)->features().find("multishot_accept"), std::string::npos);
  EXPECT_NE((*started)->listening()[0][0].port(), 0);
}

TEST(Start, AHandedOverSocketIsSharedByAllWorkers) {
  Node node(named("hi"));
  base::UniqueFd handed = listening_socket(loopback(), 100);
  const base::Endpoint address = local_address(handed.get());
  Plane plane({{node.address()}}, {.workers = 2, .listen = {address}}, std::move(handed));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(plane.client().read(2), "hi");
}

TEST(Start, CapacityFollowsFromDescriptorsAndTheLimit) {
  const auto automatic = claim_capacity(0, {.workers = 0});
  ASSERT_TRUE(automatic);
  EXPECT_EQ(automatic->connections,
            std::min<std::uint64_t>((automatic->descriptors - base::kReservedDescriptors) / 2,
                                    base::kConnectionsMax));
  const auto lower = claim_capacity(5, {});
  ASSERT_TRUE(lower);
  EXPECT_EQ(lower->connections, 5U);
  const auto higher = claim_capacity(automatic->connections + 1, {});
  ASSERT_FALSE(higher);
  EXPECT_FALSE(higher.error().message.empty());
}

}  // namespace
}  // namespace shunt::proxy::testing
