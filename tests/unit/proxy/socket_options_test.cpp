// What `defer_accept`, `fast_open` and `congestion` of a service become on real sockets.
#include <gmock/gmock.h>
#include <netinet/tcp.h>

#include <fstream>

#include "src/proxy/listen_sockets.hpp"
#include "tests/unit/proxy/harness.hpp"

namespace shunt::proxy::testing {
namespace {

using ::testing::HasSubstr;

int option(int fd, int name, int level = IPPROTO_TCP) {
  int value = -1;
  socklen_t length = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0) << std::strerror(errno);
  return value;
}
void set_option(int fd, int name, int value) {
  EXPECT_EQ(::setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)), 0) << std::strerror(errno);
}
std::string congestion(int fd) {
  char name[16] = {};
  socklen_t length = sizeof(name);
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
  return name;
}
std::string machines_congestion() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_congestion_control");
  std::string name;
  file >> name;
  return name;
}

// The socket of this process that has this peer: the accepted one of a client's address, shunt's of
// a node's.
int socket_to(const base::Endpoint& peer) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_storage address;
    socklen_t length = sizeof(address);
    auto* at = reinterpret_cast<sockaddr*>(&address);
    if (::getpeername(fd, at, &length) == 0 && base::Endpoint(at, length) == peer) return fd;
  }
  ADD_FAILURE() << "no socket is connected to " << peer.to_string();
  return -1;
}

traffic::Model model_with(const traffic::SocketOptions& sockets) {
  traffic::Model model;
  model.apps.resize(1);
  model.services.resize(1);
  model.services[0].listen = {loopback()};
  model.services[0].sockets = sockets;
  return model;
}

traffic::CongestionName reno() {
  return traffic::CongestionName("reno");  // every kernel has it and lets everybody use it
}

TEST(SocketOptions, AreOnTheListenersOfAllWorkers) {
  const auto made = open_listen_sockets(
      model_with(
          {.defer_accept = 10 * base::kSecond, .fast_open = true, .client_congestion = reno()}),
      2, {});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->by_worker.size(), 2U);
  for (const auto& worker : made->by_worker) {
    ASSERT_EQ(worker.size(), 1U);
    const int fd = worker[0].fd.get();
    EXPECT_EQ(option(fd, TCP_DEFER_ACCEPT), 15) << "in retransmissions: after 1, 3, 7, 15 s";
    EXPECT_EQ(option(fd, TCP_FASTOPEN), base::kFastOpensPending);
    EXPECT_EQ(congestion(fd), "reno");
  }
}

TEST(SocketOptions, AreOffByDefault) {
  const auto made = open_listen_sockets(model_with({}), 1, {});
  ASSERT_TRUE(made) << made.error().message;
  const int fd = made->by_worker[0][0].fd.get();
  EXPECT_EQ(option(fd, TCP_DEFER_ACCEPT), 0);
  EXPECT_EQ(option(fd, TCP_FASTOPEN), 0);
  EXPECT_EQ(congestion(fd), machines_congestion());
}

struct Handed {
  base::UniqueFd own = listening_socket(loopback(), 16);  // as the supervisor keeps it
  traffic::Model model;

  explicit Handed(const traffic::SocketOptions& sockets) : model(model_with(sockets)) {
    model.services[0].listen = {local_address(own.get())};
  }
  [[nodiscard]] base::Status open() {
    std::vector<InheritedListener> inherited;
    inherited.push_back({model.services[0].listen[0], base::UniqueFd(::dup(own.get()))});
    auto made = open_listen_sockets(model, 1, std::move(inherited));
    if (!made) return tl::unexpected(made.error());
    return {};
  }
};

TEST(SocketOptions, AreOnSocketsThatWereHandedOver) {
  Handed handed({.defer_accept = base::kSecond, .fast_open = true, .client_congestion = reno()});
  ASSERT_TRUE(handed.open());
  EXPECT_EQ(option(handed.own.get(), TCP_DEFER_ACCEPT), 1);
  EXPECT_EQ(option(handed.own.get(), TCP_FASTOPEN), base::kFastOpensPending);
  EXPECT_EQ(congestion(handed.own.get()), "reno");
}

TEST(SocketOptions, ThatAreOffAreTakenFromSocketsThatWereHandedOver) {
  Handed handed({});
  set_option(handed.own.get(), TCP_DEFER_ACCEPT, 3);
  set_option(handed.own.get(), TCP_FASTOPEN, 7);
  ::setsockopt(handed.own.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  ASSERT_TRUE(handed.open());
  EXPECT_EQ(option(handed.own.get(), TCP_DEFER_ACCEPT), 0);
  EXPECT_EQ(option(handed.own.get(), TCP_FASTOPEN), 0);
  EXPECT_EQ(congestion(handed.own.get()), "reno") << "which the file does not name";
}

TEST(SocketOptions, KeepaliveThatIsOffIsTakenFromSocketsThatWereHandedOver) {
  Handed handed({});
  ASSERT_TRUE(handed.open());
  EXPECT_EQ(option(handed.own.get(), SO_KEEPALIVE, SOL_SOCKET), 1);
  handed.model.apps[0].keepalive.idle = base::kOff;
  ASSERT_TRUE(handed.open());
  EXPECT_EQ(option(handed.own.get(), SO_KEEPALIVE, SOL_SOCKET), 0);
}

TEST(SocketOptions, ACongestionControlThatAListenerCannotHaveIsAnErrorOfTheStart) {
  traffic::SocketOptions sockets;
  sockets.client_congestion = traffic::CongestionName("no_such_thing");
  const auto made = open_listen_sockets(model_with(sockets), 1, {});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("cannot set congestion no_such_thing on 127.0.0.1"));
}

// A client that was answered through a service with these options.
struct Answered {
  Node node{echo};
  Plane plane;
  Socket client;

  explicit Answered(const traffic::SocketOptions& sockets)
      : plane({{node.address()}}, {.sockets = sockets}), client(plane.client()) {
    EXPECT_TRUE(client.send("x"));
    EXPECT_EQ(client.read(1), "x");
  }
  [[nodiscard]] std::string client_congestion() const {
    return congestion(socket_to(local_address(client.fd())));
  }
  [[nodiscard]] std::string node_congestion() const {
    return congestion(socket_to(node.address()));
  }
};

TEST(Congestion, OfClientsIsThatOfAcceptedSocketsAlone) {
  const Answered one({.client_congestion = reno()});
  EXPECT_EQ(one.client_congestion(), "reno");
  EXPECT_EQ(one.node_congestion(), machines_congestion());
}

TEST(Congestion, OfNodesIsThatOfConnectsAlone) {
  const Answered one({.node_congestion = reno()});
  EXPECT_EQ(one.client_congestion(), machines_congestion());
  EXPECT_EQ(one.node_congestion(), "reno");
}

// Gone since the start, or a node on a Unix socket.
TEST(Congestion, ThatTheKernelDoesNotTakeDoesNotFailAConnect) {
  const Answered one({.node_congestion = traffic::CongestionName("no_such_thing")});
  EXPECT_EQ(one.node_congestion(), machines_congestion());
}

Options deferring() {
  Options options;
  options.sockets.defer_accept = 60 * base::kSecond;
  return options;
}

TEST(DeferAccept, AClientThatSaysNothingReachesNoNodeUntilItSpeaks) {
  Node node(echo);
  Plane plane({{node.address()}}, deferring());
  Socket silent = plane.client();
  Socket speaking = plane.client();
  ASSERT_TRUE(speaking.send("x"));
  ASSERT_EQ(speaking.read(1), "x");
  EXPECT_EQ(plane.open(), 1U) << "the silent one came first, and is not there";
  EXPECT_EQ(node.accepted(), 1);
  ASSERT_TRUE(silent.send("y"));
  EXPECT_EQ(silent.read(1), "y");
  EXPECT_EQ(node.accepted(), 2);
}

TEST(DeferAccept, AClientThatSpeaksAfterASwitchReachesTheNewPool) {
  Node blue(named("blue"));
  Node green(named("green"));
  Plane plane({{blue.address()}, {green.address()}}, deferring());
  Socket client = plane.client();
  plane.switch_to(1);
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.read(6), "greenx");
  EXPECT_EQ(blue.accepted(), 0);
}

TEST(DeferAccept, AClientThatEndsWithoutAByteEndsInOrder) {
  Node node(echo);
  Plane plane({{node.address()}}, deferring());
  Socket client = plane.client();
  client.finish();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(plane.end().cause, CloseCause::kDone);
}

TEST(DeferAccept, AClientThatSaysNothingIsAcceptedWhenTheTimeIsOver) {
  Node node(named("hello"));
  Options options;
  options.sockets.defer_accept = base::kSecond;
  Plane plane({{node.address()}}, options);
  Socket client = plane.client();
  EXPECT_EQ(client.read(5), "hello");
}

}  // namespace
}  // namespace shunt::proxy::testing
