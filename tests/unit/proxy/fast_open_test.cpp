// TCP Fast Open of clients: connections that are accepted before their handshake is over.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>

#include <fstream>

#include "tests/unit/proxy/harness.hpp"

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

namespace shunt::proxy::testing {
namespace {

// Makes a network namespace for the calling thread and those that it starts, with a loopback
// interface and net.ipv4.tcp_fastopen as given. False where the process may not.
bool enter_own_network(int fast_open) {
  if (::unshare(CLONE_NEWNET) != 0) return false;
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return false;
  std::ofstream sysctl("/proc/sys/net/ipv4/tcp_fastopen");  // the calling thread's
  sysctl << fast_open << std::flush;
  return static_cast<bool>(sysctl);
}

std::uint8_t tcp_info_byte(int fd, std::size_t index) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
  return reinterpret_cast<const std::uint8_t*>(&info)[index];
}
bool syn_carried_data(const Socket& client) {
  return (tcp_info_byte(client.fd(), offsetof(tcp_info, tcpi_options)) & TCPI_OPT_SYN_DATA) != 0;
}

// The first bytes leave with the SYN once the kernel has a cookie from an earlier connection.
Socket open_fast(const base::Endpoint& to, std::string_view first_bytes) {
  Socket client(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  EXPECT_EQ(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)), 0);
  EXPECT_EQ(::connect(client.fd(), to.address(), to.length()), 0) << std::strerror(errno);
  EXPECT_TRUE(client.send(first_bytes));
  return client;
}

// Everything that the listener's connections inherit as a filter of what arrives: SYNs alone, so
// that no handshake ends.
void let_only_syns_in(int listener) {
  // From the TCP header on: byte 13 holds the flags, 2 is SYN (RFC 9293, 3.1).
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
                        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, 0xFFFF), BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{.len = 4, .filter = code};
  ASSERT_EQ(::setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}
void let_all_in_from(const base::Endpoint& peer) {
  const int off = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_storage address;
    socklen_t length = sizeof(address);
    auto* at = reinterpret_cast<sockaddr*>(&address);
    if (::getpeername(fd, at, &length) != 0 || !(base::Endpoint(at, length) == peer)) continue;
    EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof(off)), 0);
    return;
  }
  ADD_FAILURE() << "no socket is connected to " << peer.to_string();
}

constexpr int kBothSides = 3;
constexpr int kEveryListener = 0x400;  // whether it asks for it or not

// Runs `body` in a network of its own; skips where that cannot be had.
void in_own_network(const std::function<void()>& body, int fast_open = kBothSides) {
  int error = 0;
  std::thread([&] {
    if (enter_own_network(fast_open)) return body();
    error = errno;
  }).join();
  if (error != 0) GTEST_SKIP() << "no network namespace of its own: " << std::strerror(error);
}

Options opening_fast() {
  Options options;
  options.sockets.fast_open = true;
  return options;
}

TEST(FastOpen, TheFirstBytesComeWithTheSynOfAClientThatWasThereBefore) {
  in_own_network([] {
    Node node(echo);
    Plane plane({{node.address()}}, opening_fast());
    for (const bool again : {false, true}) {
      Socket client = open_fast(plane.address(), "hello");
      EXPECT_EQ(client.read(5), "hello");
      EXPECT_EQ(syn_carried_data(client), again);
      client.finish();
      EXPECT_EQ(client.read_all(), "");
      EXPECT_EQ(plane.end().cause, CloseCause::kDone);
    }
  });
}

TEST(FastOpen, IsNotThereUnlessAskedFor) {
  for (const int fast_open : {kBothSides, kBothSides | kEveryListener}) {
    in_own_network(
        [] {
          Node node(echo);
          Plane plane({{node.address()}});
          for (int i = 0; i < 2; ++i) {
            Socket client = open_fast(plane.address(), "hello");
            EXPECT_EQ(client.read(5), "hello");
            EXPECT_FALSE(syn_carried_data(client));
          }
        },
        fast_open);
  }
}

// A plane that opens fast, to a node that echoes to those who say "hello", and a client that has
// the cookie for the next time.
class KnownClient {
 public:
  explicit KnownClient(const Node& node) : plane_({{node.address()}}, options(), handed()) {
    Socket first = open_fast(plane_.address(), "hello?");
    EXPECT_EQ(first.read(1), "?");
    first.close();
    plane_.end();
  }
  // It comes again, and its handshake does not end until let_all_in_from(it).
  Socket come_half_way(std::string_view first_bytes) {
    let_only_syns_in(supervisors_.get());
    return open_fast(plane_.address(), first_bytes);
  }
  Plane& plane() { return plane_; }

 private:
  [[nodiscard]] Options options() const {
    Options options = opening_fast();
    options.listen = {local_address(supervisors_.get())};
    return options;
  }
  [[nodiscard]] base::UniqueFd handed() const { return base::UniqueFd(::dup(supervisors_.get())); }

  base::UniqueFd supervisors_ = listening_socket(loopback(), 16);
  Plane plane_;
};

// Until the handshake is over the kernel says that nothing is unsent, whatever is queued.
TEST(FastOpen, AResetOfTheNodeComesAfterTheAnswerAlsoBeforeTheHandshakeIsOver) {
  in_own_network([] {
    // More than the 64 KiB at most that a SYN offers as window.
    const std::string answer(200'000, 'a');
    std::atomic<int> resets{0};
    Node node([&](Socket& socket) {
      if (socket.read(5) == "hello") return echo(socket);
      socket.send(answer);
      wait_acknowledged(socket);
      socket.reset();
      ++resets;
    });
    KnownClient known(node);
    Socket client = known.come_half_way("reset");
    ASSERT_EQ(client.read(1), "a");
    EXPECT_TRUE(syn_carried_data(client));
    ASSERT_TRUE(wait_for([&] { return resets == 1; }));
    let_all_in_from(local_address(client.fd()));
    const std::string got = client.read_all();
    EXPECT_EQ(client.error(), ECONNRESET);
    EXPECT_EQ(got.size(), answer.size() - 1);
    EXPECT_EQ(known.plane().end().cause, CloseCause::kServerReset);
  });
}

// An end waits for the handshake, and would keep an answer that is held back for it.
TEST(FastOpen, AnAnswerWithAnEndDoesNotWaitForTheEndOfTheHandshake) {
  in_own_network([] {
    Node node([](Socket& socket) {
      if (socket.read(5) == "hello") return echo(socket);
      // In one segment with the end, so that the end is there when the answer is received.
      EXPECT_EQ(::send(socket.fd(), "answer", 6, MSG_MORE | MSG_NOSIGNAL), 6);
      socket.finish();
      socket.read_all();
    });
    KnownClient known(node);
    Socket client = known.come_half_way("close");
    EXPECT_EQ(client.read(6), "answer");
    EXPECT_TRUE(syn_carried_data(client));
    let_all_in_from(local_address(client.fd()));
    EXPECT_EQ(client.read_all(), "");
    EXPECT_EQ(client.error(), 0);
    client.close();
    EXPECT_EQ(known.plane().end().cause, CloseCause::kDone);
  });
}

}  // namespace
}  // namespace shunt::proxy::testing
