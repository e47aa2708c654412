// Descriptors: what is admitted is served, however many come at once. The hard limit cannot be
// raised again, so each test has a process of its own.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/unit/proxy/harness.hpp"

namespace shunt::proxy::testing {
namespace {

void limit_descriptors(rlim_t descriptors) {
  const rlimit low{descriptors, descriptors};
  if (::setrlimit(RLIMIT_NOFILE, &low) != 0) std::_Exit(1);
}

// Whatever happens to its parent, it does not stay.
pid_t fork_peer() {
  const pid_t child = ::fork();
  if (child == 0) ::alarm(5 * kBoundSeconds);
  return child;
}

void check_capacity(rlim_t descriptors) {
  limit_descriptors(descriptors);
  const auto fits = claim_capacity(0, {.workers = 8, .addresses = 3});
  const rlim_t reserved = base::kReservedDescriptors + 8 * (2 + 3 * 2 + base::kHandedOverMax);
  std::_Exit(fits && fits->connections == (descriptors - reserved) / 2 ? 0 : 2);
}

// More clients in the queue of a listener than there are descriptors.
void check_burst() {
  constexpr int kClients = 1000;
  base::UniqueFd listener = listening_socket(loopback(), kClients);
  const base::Endpoint address = local_address(listener.get());
  base::UniqueFd node = listening_socket(loopback(), kClients);
  const base::Endpoint node_address = local_address(node.get());
  int queued[2];
  if (::pipe2(queued, O_CLOEXEC) != 0) std::_Exit(1);
  const pid_t peers = fork_peer();
  if (peers == 0) {
    std::vector<Socket> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(Socket::connect(address));
    if (::write(queued[1], "x", 1) != 1) std::_Exit(1);
    while (true) ::pause();  // the node's queue takes what comes
  }
  char all = 0;
  if (::read(queued[0], &all, 1) != 1) std::_Exit(1);
  node.reset();
  limit_descriptors(base::kReservedDescriptors + 600);
  const auto capacity = claim_capacity(0, {});
  if (!capacity || capacity->accept_bursts) std::_Exit(2);

  std::uint64_t ended = 0;
  bool by_limit_only = true;
  {
    Plane plane({{node_address}},
                {.connections_max = capacity->connections,
                 .listen = {address},
                 .accept_bursts = capacity->accept_bursts},
                std::move(listener));
    const auto refused = kClients - capacity->connections;
    while (ended < refused) {
      ++ended;
      by_limit_only = by_limit_only && plane.end().cause == CloseCause::kConnectionLimit;
    }
    by_limit_only = by_limit_only && plane.established(0) == capacity->connections &&
                    plane.sum([](const WorkerCounters& c) { return c.accept_errors.get(); }) == 0;
  }
  ::kill(peers, SIGKILL);
  ::waitpid(peers, nullptr, 0);
  std::_Exit(by_limit_only ? 0 : 3);
}

// A listener that backs off has nothing in flight that would wake its worker.
void check_stop_while_backing_off() {
  limit_descriptors(300);
  Node node(named("hi"));
  Plane plane({{node.address()}});
  const base::UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  while (::dup(client.get()) >= 0) {
  }
  const base::Endpoint address = plane.address();
  if (::connect(client.get(), address.address(), address.length()) != 0) std::_Exit(1);
  if (!wait_for([&] {
        return plane.sum([](const WorkerCounters& c) { return c.accept_errors.get(); }) > 0;
      })) {
    std::_Exit(2);
  }
  StopAccepting stop;
  if (!plane->send(0, &stop) || !wait_for([&] { return stop.done.load(); })) std::_Exit(3);
  std::_Exit(0);
}

class Descriptors : public ::testing::Test {
 protected:
  Descriptors() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(Descriptors, OfWorkersAndTheirListenersAreKeptFromConnections) {
  EXPECT_EXIT(check_capacity(1024), ::testing::ExitedWithCode(0), "");
}

TEST_F(Descriptors, OfAdmittedConnectionsAreNotTakenByABurst) {
  EXPECT_EXIT(check_burst(), ::testing::ExitedWithCode(0), "");
}

TEST_F(Descriptors, ThatRanOutDoNotMakeAStopForgotten) {
#ifdef __SANITIZE_ADDRESS__
  // UBSan's check of a virtual call asks the kernel by way of a pipe whether memory may be read,
  // and takes the failure to open one for a bad object.
  GTEST_SKIP() << "the sanitizer itself needs descriptors";
#endif
  EXPECT_EXIT(check_stop_while_backing_off(), ::testing::ExitedWithCode(0), "");
}

TEST_F(Descriptors, ForABurstAreKeptWhereThereAreMany) {
  const auto capacity = claim_capacity(5, {});
  ASSERT_TRUE(capacity);
  EXPECT_EQ(capacity->accept_bursts, capacity->descriptors >= base::kReservedDescriptors + 4 +
                                                                  2 * 5 + base::kCompletionsQueued);
  EXPECT_EQ(capacity->splice_pipes, 0U) << "nobody wanted them";
  const std::uint64_t free = capacity->descriptors - base::kReservedDescriptors - 4;
  const auto splicing = claim_capacity(5, {.splices = true});
  ASSERT_TRUE(splicing);
  EXPECT_EQ(splicing->splice_pipes, free >= 16U * 2 * base::kSplicePipes ? base::kSplicePipes : 0);
  const auto full = claim_capacity(static_cast<std::uint32_t>(free / 2), {.splices = true});
  ASSERT_TRUE(full);
  EXPECT_EQ(full->splice_pipes, 0U) << "connections come first";
}

// ---- Buffers.

TEST(Buffers, OfReadersThatStoppedGoToOthersWhenNoMoreCanBeSetAside) {
  const std::string much(8'000'000, 'm');
  Node node([&](Socket& socket) {
    if (socket.read(1) == "m") socket.send(much);
    echo(socket);
  });
  Plane plane({{node.address()}}, {.spilled_bytes_max = 64 * 1024});
  // More of them than there are buffers of both kinds.
  std::vector<Socket> stopped;
  for (int i = 0; i < 120; ++i) {
    stopped.push_back(Socket::connect(plane.address(), 4096));
    ASSERT_TRUE(stopped.back().send("m"));
  }
  ASSERT_TRUE(wait_for([&] {
    return plane.sum([](const WorkerCounters& c) { return c.buffer_starved.get(); }) != 0;
  }));
  Socket client = plane.client();
  ASSERT_TRUE(client.send("ehello"));
  EXPECT_EQ(client.read(5), "hello");
  EXPECT_EQ(plane.end().cause, CloseCause::kNoBuffers);
  EXPECT_GT(plane.open(), 30U) << "no more go than have to";
}

}  // namespace
}  // namespace shunt::proxy::testing
