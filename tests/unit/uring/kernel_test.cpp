// SystemKernel against the running kernel: each test states one promise of kernel.hpp.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shunt/uring/system_kernel.hpp"

namespace shunt::uring {
namespace {

using base::kSecond;

struct Pair {
  int a = -1, b = -1;
  Pair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    a = fds[0];
    b = fds[1];
  }
  ~Pair() {
    ::close(a);
    if (b >= 0) ::close(b);
  }
  void close_b() { ::close(std::exchange(b, -1)); }
};

// Parameter: what is switched off, so that every step of the ladder is used.
class KernelTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    SystemKernelOptions options;
    options.ring.wanted = *parse_disabled(GetParam());
    options.ring.watched = watched;
    options.buffers = 4;
    options.buffer_bytes = 4096;
    auto made = SystemKernel::create(options);
    ASSERT_TRUE(made) << made.error().message << "; " << made.error().hint;
    kernel = std::move(*made);
  }

  bool watched = false;

  // The completion of `tag`, waiting for it; others are kept for later calls.
  Completion wait(Tag tag) {
    for (int turns = 0; turns < 1000; ++turns) {
      for (auto it = seen.begin(); it != seen.end(); ++it) {
        if (it->tag == tag) {
          const Completion found = *it;
          seen.erase(it);
          return found;
        }
      }
      EXPECT_EQ(kernel->submit_and_wait(10 * kSecond), 0);
      std::array<Completion, 8> batch;
      const std::size_t count = kernel->reap(batch);
      seen.insert(seen.end(), batch.begin(), batch.begin() + count);
    }
    ADD_FAILURE() << "no completion came";
    return {};
  }

  std::string text(const Completion& completion) {
    const std::string out(reinterpret_cast<const char*>(kernel->buffer(completion.buffer)),
                          static_cast<std::size_t>(completion.result));
    kernel->recycle(completion.buffer);
    return out;
  }

  std::unique_ptr<SystemKernel> kernel;
  std::deque<Completion> seen;
};

constexpr Tag kReceive{1, 7, 9}, kSend{2, 7, 9}, kCancel{3, 7, 9}, kPoll{4, 0, 0}, kAccept{5, 1, 1};

TEST_P(KernelTest, CarriesBytesAndTheEnd) {
  Pair pair;
  kernel->receive(pair.a, false, kReceive);
  kernel->send(pair.b, reinterpret_cast<const std::byte*>("hello"), 5, false, kSend);
  EXPECT_EQ(wait(kSend).result, 5);
  const Completion got = wait(kReceive);
  ASSERT_EQ(got.result, 5);
  EXPECT_EQ(text(got), "hello");
  kernel->receive(pair.a, false, kReceive);
  EXPECT_EQ(kernel->shutdown_write(pair.b), 0);
  EXPECT_EQ(wait(kReceive).result, 0);
}

TEST_P(KernelTest, AReceiveWithoutAFreeBufferSaysSoAndReadsNothing) {
  Pair pair;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(::send(pair.b, "x", 1, 0), 1);
    kernel->receive(pair.a, false, kReceive);
    ASSERT_EQ(wait(kReceive).result, 1);
  }
  ASSERT_EQ(::send(pair.b, "y", 1, 0), 1);
  kernel->receive(pair.a, false, kReceive);
  EXPECT_EQ(wait(kReceive).result, -ENOBUFS);
  kernel->recycle(2);
  kernel->receive(pair.a, false, kReceive);
  const Completion got = wait(kReceive);
  EXPECT_EQ(got.result, 1);
  EXPECT_EQ(got.buffer, 2);
  EXPECT_EQ(text(got), "y");
}

TEST_P(KernelTest, AReceiveThatPollsFirstTakesWhatComesAndWhatIsThere) {
  Pair pair;
  kernel->receive(pair.a, true, kReceive);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  EXPECT_FALSE(kernel->has_completions());
  ASSERT_EQ(::send(pair.b, "later", 5, 0), 5);
  EXPECT_EQ(text(wait(kReceive)), "later");
  ASSERT_EQ(::send(pair.b, "before", 6, 0), 6);
  kernel->receive(pair.a, true, kReceive);
  EXPECT_EQ(text(wait(kReceive)), "before");
}

TEST_P(KernelTest, AReceiveIntoOwnMemoryTakesOnlyWhatIsThere) {
  Pair pair;
  std::array<std::byte, 8> memory{};
  kernel->receive_into(pair.a, memory.data(), memory.size(), kReceive);
  EXPECT_EQ(wait(kReceive).result, -EAGAIN);
  ASSERT_EQ(::send(pair.b, "0123456789", 10, 0), 10);
  kernel->receive_into(pair.a, memory.data(), memory.size(), kReceive);
  const Completion got = wait(kReceive);
  EXPECT_EQ(got.result, 8);
  EXPECT_EQ(got.buffer, kNoBuffer);
  EXPECT_EQ(std::memcmp(memory.data(), "01234567", 8), 0);
  kernel->receive_into(pair.a, memory.data(), memory.size(), kReceive);
  EXPECT_EQ(wait(kReceive).result, 2);
  EXPECT_EQ(kernel->shutdown_write(pair.b), 0);
  kernel->receive_into(pair.a, memory.data(), memory.size(), kReceive);
  EXPECT_EQ(wait(kReceive).result, 0);
}

// Older kernels do not bound them; of later ones not all pass the trial (receive_probe.hpp).
TEST_P(KernelTest, HasMultishotReceivesOnlyWhereTheyAreBoundedAndWanted) {
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  int major = 0, minor = 0;
  ASSERT_EQ(std::sscanf(name.release, "%d.%d", &major, &minor), 2);
  const auto without = [](std::string_view feature) {
    return std::string_view(GetParam()).find(feature) != std::string_view::npos;
  };
  const bool bounded = major > 6 || (major == 6 && minor >= 17);
  if (!bounded || without("multishot_receive") || without("defer_taskrun")) {
    EXPECT_FALSE(kernel->multishot_receives());
  }
  std::printf("multishot receives on %s: %s\n", name.release,
              kernel->multishot_receives() ? "yes" : "no");
}

TEST_P(KernelTest, AMultishotReceiveTakesMessagesUntilItIsCancelled) {
  if (!kernel->multishot_receives()) GTEST_SKIP() << "there are none";
  Pair pair;
  kernel->receive_multishot(pair.a, kReceive);
  for (int i = 0; i < 6; ++i) {
    ASSERT_EQ(::send(pair.b, "hello", 5, 0), 5);
    const Completion got = wait(kReceive);
    ASSERT_EQ(got.result, 5);
    EXPECT_TRUE(got.more);
    EXPECT_EQ(text(got), "hello");
  }
  kernel->cancel_tag(kReceive, kCancel);
  const Completion last = wait(kReceive);
  EXPECT_EQ(last.result, -ECANCELED);
  EXPECT_FALSE(last.more);
  EXPECT_EQ(wait(kCancel).result, 0);
}

TEST_P(KernelTest, AMultishotReceiveEndsWithTheStream) {
  if (!kernel->multishot_receives()) GTEST_SKIP() << "there are none";
  Pair pair;
  kernel->receive_multishot(pair.a, kReceive);
  ASSERT_EQ(::send(pair.b, "x", 1, 0), 1);
  pair.close_b();
  const Completion got = wait(kReceive);
  ASSERT_EQ(got.result, 1);
  EXPECT_EQ(text(got), "x");
  const Completion last = wait(kReceive);
  EXPECT_EQ(last.result, 0);
  EXPECT_FALSE(last.more);
}

TEST_P(KernelTest, AMultishotReceiveWithoutAFreeBufferEndsAndReadsNothing) {
  if (!kernel->multishot_receives()) GTEST_SKIP() << "there are none";
  Pair pair;
  kernel->receive_multishot(pair.a, kReceive);
  std::vector<BufferId> held;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(::send(pair.b, "x", 1, 0), 1);
    const Completion got = wait(kReceive);
    ASSERT_EQ(got.result, 1);
    held.push_back(got.buffer);
  }
  ASSERT_EQ(::send(pair.b, "y", 1, 0), 1);
  const Completion last = wait(kReceive);
  EXPECT_EQ(last.result, -ENOBUFS);
  EXPECT_FALSE(last.more);
  for (const BufferId buffer : held) kernel->recycle(buffer);
  kernel->receive(pair.a, false, kReceive);
  EXPECT_EQ(text(wait(kReceive)), "y");
}

// What bounds the bytes that a source may have ahead of a slow reader.
TEST_P(KernelTest, AMultishotReceiveTakesNoMoreThanTwoBuffersFull) {
  if (!kernel->multishot_receives()) GTEST_SKIP() << "there are none";
  Pair pair;
  const std::string much(20 * 4096, 'm');
  ASSERT_EQ(::send(pair.b, much.data(), much.size(), 0), static_cast<ssize_t>(much.size()));
  kernel->receive_multishot(pair.a, kReceive);
  const Completion first = wait(kReceive);
  EXPECT_EQ(first.result, 4096);
  EXPECT_TRUE(first.more && first.more_to_read);
  const Completion last = wait(kReceive);
  EXPECT_EQ(last.result, 4096);
  EXPECT_FALSE(last.more);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  EXPECT_FALSE(kernel->has_completions());
}

TEST_P(KernelTest, CancelByDescriptorEndsEveryOperation) {
  Pair pair;
  kernel->receive(pair.a, false, kReceive);
  kernel->poll(pair.a, POLLIN, kPoll);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  kernel->cancel_fd(pair.a, kCancel);
  EXPECT_EQ(wait(kReceive).result, -ECANCELED);
  EXPECT_EQ(wait(kPoll).result, -ECANCELED);
  EXPECT_EQ(wait(kCancel).result, 2);
}

TEST_P(KernelTest, ACancelledSendTellsWhatWentOut) {
  Pair pair;
  const std::string big(8 << 20, 'z');
  kernel->send(pair.a, reinterpret_cast<const std::byte*>(big.data()),
               static_cast<std::uint32_t>(big.size()), false, kSend);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  kernel->cancel_tag(kSend, kCancel);
  const Completion sent = wait(kSend);
  EXPECT_EQ(wait(kCancel).result, 0);
  std::size_t received = 0;
  std::string chunk(1 << 16, 0);
  for (ssize_t n; (n = ::recv(pair.b, chunk.data(), chunk.size(), 0)) > 0;) {
    received += static_cast<std::size_t>(n);
  }
  EXPECT_GT(received, 0U);
  EXPECT_EQ(static_cast<std::size_t>(sent.result), received);
}

TEST_P(KernelTest, ASendToAClosedPeerFailsWithoutASignal) {
  Pair pair;
  pair.close_b();
  kernel->send(pair.a, reinterpret_cast<const std::byte*>("x"), 1, false, kSend);
  EXPECT_EQ(wait(kSend).result, -EPIPE);
}

TEST_P(KernelTest, AFullQueueOfSubmissionsIsHandedOverByItself) {
  Pair pair;
  for (int i = 0; i < 3000; ++i) kernel->poll(pair.a, POLLOUT, Tag{4, 0, 1});
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(wait(Tag{4, 0, 1}).result & POLLOUT);
}

TEST_P(KernelTest, WaitsNoLongerThanAsked) {
  const base::Instant before = kernel->now();
  EXPECT_EQ(kernel->submit_and_wait(2 * base::kMillisecond), 0);
  EXPECT_GE(kernel->now() - before, 2 * base::kMillisecond);
  EXPECT_FALSE(kernel->has_completions());
}

TEST_P(KernelTest, TheWakeReadEndsAWait) {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  kernel->read_wake(fd, kPoll);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  EXPECT_FALSE(kernel->has_completions());
  ASSERT_EQ(::eventfd_write(fd, 1), 0);
  EXPECT_EQ(wait(kPoll).result, 8);
  ::close(fd);
}

class WatchedKernelTest : public KernelTest {
 protected:
  WatchedKernelTest() { watched = true; }
};

TEST_P(WatchedKernelTest, AWatchSeesWhatComesMeanwhile) {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  kernel->read_wake(fd, kPoll);
  std::atomic<bool> watching{false};
  std::thread other([fd, &watching] {
    watching.wait(false);
    ::eventfd_write(fd, 1);
  });
  watching = true;
  watching.notify_one();
  EXPECT_LT(kernel->watch(60 * kSecond), 60 * kSecond);
  other.join();
  EXPECT_EQ(wait(kPoll).result, 8);
  ::close(fd);
}

TEST_P(WatchedKernelTest, AWatchOfWhatIsDoneAtOnceIsShort) {
  Pair pair;
  kernel->send(pair.a, reinterpret_cast<const std::byte*>("x"), 1, false, kSend);
  EXPECT_LT(kernel->watch(60 * kSecond), 60 * kSecond);
  EXPECT_EQ(wait(kSend).result, 1);
}

TEST_P(WatchedKernelTest, AWatchEndsWhenNothingComes) {
  const base::Instant before = kernel->now();
  EXPECT_GE(kernel->watch(base::kMillisecond), base::kMillisecond);
  EXPECT_GE(kernel->now() - before, base::kMillisecond);
  EXPECT_FALSE(kernel->has_completions());
}

class TcpKernelTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    listener = kernel->open_stream(AF_INET);
    const auto any = base::Endpoint::parse("127.0.0.1:0");
    ASSERT_EQ(::bind(listener, any->address(), any->length()), 0);
    ASSERT_EQ(::listen(listener, 16), 0);
    sockaddr_in address;
    socklen_t length = sizeof(address);
    ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
    here = base::Endpoint(reinterpret_cast<const sockaddr*>(&address), length);
  }
  void TearDown() override { ::close(listener); }

  int listener = -1;
  base::Endpoint here;
};

TEST_P(TcpKernelTest, AcceptsManyAndStopsOnCancel) {
  std::array<int, 3> clients;
  for (int& client : clients) {
    client = kernel->open_stream(AF_INET);
    const int result = kernel->connect(client, here);
    ASSERT_TRUE(result == 0 || result == -EINPROGRESS);
  }
  kernel->accept_multishot(listener, kAccept);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const Completion accepted = wait(kAccept);
    ASSERT_GE(accepted.result, 0);
    EXPECT_EQ(accepted.more, kernel->features().multishot_accept);
    if (!accepted.more) kernel->accept_multishot(listener, kAccept);
    EXPECT_TRUE(kernel->peer_address(accepted.result).valid());
    kernel->close(accepted.result);
  }
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  kernel->cancel_fd(listener, kCancel);
  const Completion last = wait(kAccept);
  EXPECT_EQ(last.result, -ECANCELED);
  EXPECT_FALSE(last.more);
  EXPECT_EQ(kernel->accept_now(listener), -EAGAIN);
  for (const int client : clients) kernel->close(client);
}

TEST_P(TcpKernelTest, ADisconnectTakesBackAConnectThatNobodyUsed) {
  const int client = kernel->open_stream(AF_INET);
  kernel->connect(client, here);
  kernel->poll(client, POLLOUT, kPoll);
  EXPECT_TRUE(wait(kPoll).result & POLLOUT);
  EXPECT_EQ(kernel->take_error(client), 0);
  EXPECT_EQ(kernel->disconnect(client), 0);
  const int accepted = kernel->accept_now(listener);
  ASSERT_GE(accepted, 0);
  char byte;
  EXPECT_EQ(::recv(accepted, &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  kernel->close(accepted);
  kernel->close(client);
}

TEST_P(TcpKernelTest, AConnectOnLoopbackIsToldAtOnce) {
  const int client = kernel->open_stream(AF_INET);
  EXPECT_EQ(kernel->connect(client, here), 0);
  kernel->close(client);
}

TEST_P(TcpKernelTest, ARefusedConnectOnLoopbackIsToldAtOnce) {
  ::close(std::exchange(listener, kernel->open_stream(AF_INET)));
  const int client = kernel->open_stream(AF_INET);
  EXPECT_EQ(kernel->connect(client, here), -ECONNREFUSED);
  kernel->close(client);
}

TEST_P(TcpKernelTest, AConnectThatWaitsForARoomInTheQueueIsOnItsWay) {
  ASSERT_EQ(::listen(listener, 0), 0);
  std::vector<int> clients;
  int result = 0;
  while (result == 0 && clients.size() < 10) {
    clients.push_back(kernel->open_stream(AF_INET));
    result = kernel->connect(clients.back(), here);
  }
  EXPECT_EQ(result, -EINPROGRESS);
  for (const int client : clients) kernel->close(client);
}

TEST_P(TcpKernelTest, APeekTellsWhatAReceiveWouldSayAndTakesNothing) {
  const int client = kernel->open_stream(AF_INET);
  ASSERT_EQ(kernel->connect(client, here), 0);
  const int server = kernel->accept_now(listener);
  ASSERT_GE(server, 0);
  EXPECT_EQ(kernel->peek(server), -EAGAIN);
  ASSERT_EQ(::send(client, "ab", 2, 0), 2);
  EXPECT_GT(kernel->peek(server), 0);
  EXPECT_GT(kernel->peek(server), 0);
  kernel->close(client);
  char bytes[4];
  EXPECT_EQ(::recv(server, bytes, sizeof(bytes), 0), 2);
  EXPECT_EQ(kernel->peek(server), 0);
  EXPECT_EQ(kernel->peek(server), 0);
  kernel->close(server);
}

TEST_P(TcpKernelTest, APeekTakesAReset) {
  const int client = kernel->open_stream(AF_INET);
  ASSERT_EQ(kernel->connect(client, here), 0);
  const int server = kernel->accept_now(listener);
  ASSERT_GE(server, 0);
  kernel->reset(client);
  EXPECT_EQ(kernel->peek(server), -ECONNRESET);
  EXPECT_EQ(kernel->peek(server), 0) << "the kernel tells it once";
  kernel->close(server);
}

TEST_P(TcpKernelTest, AReceiveHintsAtAnEndThatIsThereAlready) {
  const int client = kernel->open_stream(AF_INET);
  ASSERT_EQ(kernel->connect(client, here), 0);
  const int server = kernel->accept_now(listener);
  ASSERT_GE(server, 0);
  ASSERT_EQ(::send(client, "ab", 2, 0), 2);
  kernel->close(client);
  kernel->receive(server, false, kReceive);
  const Completion received = wait(kReceive);
  EXPECT_EQ(received.result, 2);
  EXPECT_TRUE(received.more_to_read);
  kernel->close(server);
}

TEST_P(TcpKernelTest, WhatIsHeldBackGoesWithTheEnd) {
  const int client = kernel->open_stream(AF_INET);
  ASSERT_EQ(kernel->connect(client, here), 0);
  const int server = kernel->accept_now(listener);
  ASSERT_GE(server, 0);
  EXPECT_EQ(kernel->send_now(client, reinterpret_cast<const std::byte*>("ab"), 2, true), 2);
  EXPECT_EQ(kernel->peek(server), -EAGAIN);
  EXPECT_EQ(kernel->shutdown_write(client), 0);
  char bytes[4];
  EXPECT_EQ(::recv(server, bytes, sizeof(bytes), 0), 2);
  EXPECT_EQ(kernel->peek(server), 0);
  kernel->close(client);
  kernel->close(server);
}

TEST_P(TcpKernelTest, AResetReachesThePeerAsAReset) {
  const int client = kernel->open_stream(AF_INET);
  kernel->connect(client, here);
  kernel->accept_multishot(listener, kAccept);
  const int accepted = wait(kAccept).result;
  ASSERT_GE(accepted, 0);
  kernel->receive(client, false, kReceive);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  kernel->reset(accepted);
  EXPECT_EQ(wait(kReceive).result, -ECONNRESET);
  kernel->close(client);
}

TEST_P(TcpKernelTest, AnEndInOrderIsNoReset) {
  const int client = kernel->open_stream(AF_INET);
  kernel->connect(client, here);
  kernel->accept_multishot(listener, kAccept);
  const int accepted = wait(kAccept).result;
  ASSERT_GE(accepted, 0);
  kernel->close(accepted);
  kernel->receive(client, false, kReceive);
  EXPECT_EQ(wait(kReceive).result, 0);
  EXPECT_FALSE(kernel->is_reset(client));
  kernel->close(client);
}

TEST_P(TcpKernelTest, ASendThatIsResetHalfWaySwallowsTheErrorAndIsResetStillTells) {
  const int client = kernel->open_stream(AF_INET);
  kernel->connect(client, here);
  kernel->accept_multishot(listener, kAccept);
  const int accepted = wait(kAccept).result;
  ASSERT_GE(accepted, 0);
  // More than the sockets hold, so that the send is half-way when the reset comes.
  const std::vector<std::byte> bytes(32U << 20);
  kernel->send(client, bytes.data(), static_cast<std::uint32_t>(bytes.size()), false, kSend);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  kernel->reset(accepted);
  const std::int32_t sent = wait(kSend).result;
  EXPECT_GT(sent, 0) << "its part, and no word of the reset";
  EXPECT_LT(static_cast<std::size_t>(sent), bytes.size());
  kernel->receive(client, false, kReceive);
  EXPECT_EQ(wait(kReceive).result, 0) << "an end that is none";
  EXPECT_TRUE(kernel->is_reset(client));
  kernel->close(client);
}

TEST_P(TcpKernelTest, BindsASourceAddressAndConnectsFromIt) {
  const int client = kernel->open_stream(AF_INET);
  ASSERT_EQ(kernel->bind_source(client, *base::Endpoint::parse("127.0.0.9")), 0);
  kernel->connect(client, here);
  kernel->accept_multishot(listener, kAccept);
  const int accepted = wait(kAccept).result;
  EXPECT_EQ(kernel->peer_address(accepted).host(), "127.0.0.9");
  kernel->close(accepted);
  kernel->close(client);
}

const auto kEveryStep =
    testing::Values("", "defer_taskrun", "defer_taskrun,single_issuer", "multishot_receive",
                    "defer_taskrun,single_issuer,coop_taskrun,registered_ring,no_iowait,"
                    "multishot_accept,multishot_receive");
INSTANTIATE_TEST_SUITE_P(Without, KernelTest, kEveryStep);
INSTANTIATE_TEST_SUITE_P(Without, WatchedKernelTest, kEveryStep);
INSTANTIATE_TEST_SUITE_P(Without, TcpKernelTest, kEveryStep);

TEST(Tag, KeepsKindSlotAndGenerationInSixtyFourBits) {
  const Tag tag{255, 0xFFFFFFFF, Tag::kGenerationMask};
  EXPECT_EQ(Tag::decode(tag.encode()), tag);
  EXPECT_EQ(Tag::decode(Tag{1, 2, 3}.encode()), (Tag{1, 2, 3}));
}

}  // namespace
}  // namespace shunt::uring
