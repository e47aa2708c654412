#include "tests/e2e/tools/transfer_ends.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

namespace shunt::transfer {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

enum class End : std::uint8_t { kClean, kReset, kOther };

struct Received {
  std::uint64_t bytes = 0;
  bool matched = true;
  End end = End::kOther;
  int error = 0;
};

void pause_ms(int milliseconds) {
  ::poll(nullptr, 0, milliseconds);
}

// Sends `total` bytes of the stream in pieces of changing size. Returns 0 or the errno.
int send_stream(int socket, Stream stream, std::uint64_t total, Generator& random) {
  std::vector<std::byte> buffer(kChunk);
  while (total > 0) {
    const auto size = static_cast<std::size_t>(
        std::min<std::uint64_t>(total, 1 + random.below(random.below(4) == 0 ? 100 : kChunk)));
    stream.produce({buffer.data(), size});
    std::size_t sent = 0;
    while (sent < size) {
      const ssize_t n = ::send(socket, buffer.data() + sent, size - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno;
      sent += static_cast<std::size_t>(n);
    }
    total -= size;
  }
  return 0;
}

// Reads to the end of the stream, comparing every byte, with some stalls on the way.
Received receive_stream(int socket, Stream stream, std::uint32_t stalls, Generator& random) {
  std::vector<std::byte> buffer(kChunk);
  Received received;
  for (;;) {
    if (stalls > 0 && random.below(3) == 0) {
      --stalls;
      pause_ms(static_cast<int>(1 + random.below(20)));
    }
    const ssize_t n = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) received.end = End::kClean;
    if (n < 0) {
      received.error = errno;
      received.end = errno == ECONNRESET ? End::kReset : End::kOther;
    }
    if (n <= 0) return received;
    received.bytes += static_cast<std::uint64_t>(n);
    received.matched =
        received.matched && stream.matches({buffer.data(), static_cast<std::size_t>(n)});
  }
}

// Until the peer's kernel has acknowledged everything: from then on a reset destroys nothing of
// ours.
bool wait_delivered(int socket) {
  for (int tries = 0; tries < 20'000; ++tries) {
    int queued = 0;
    if (::ioctl(socket, SIOCOUTQ, &queued) != 0) return false;
    if (queued == 0) return true;
    pause_ms(1);
  }
  return false;
}

void reset(base::UniqueFd& socket) {
  const linger now{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  socket.reset();
}

std::string expect(const char* who, const Received& received, std::uint64_t bytes, End end) {
  std::string wrong;
  if (!received.matched) wrong += " bytes differ;";
  if (received.bytes != bytes) {
    wrong += " got " + std::to_string(received.bytes) + " of " + std::to_string(bytes) + " bytes;";
  }
  if (received.end != end) {
    wrong += std::string(" ended ") +
             (received.end == End::kClean ? "clean" : std::strerror(received.error)) +
             (end == End::kReset ? ", not with a reset;" : ", not clean;");
  }
  return wrong.empty() ? wrong : std::string(who) + ":" + wrong;
}

struct Side {
  const char* name;
  bool sends_up;
  std::uint64_t out_bytes;
  std::uint64_t in_bytes;
};

std::string send_failed(const Side& side, int error) {
  return std::string(side.name) + ": send: " + std::strerror(error);
}

// Both directions at once; each ends its own with a half-close.
std::string exchange(int socket, std::uint64_t seed, std::uint64_t connection, const Side& side,
                     std::uint32_t stalls) {
  Generator send_random(seed ^ connection ^ 1);
  Generator receive_random(seed ^ connection ^ 2);
  int send_error = 0;
  std::thread sender([&] {
    send_error =
        send_stream(socket, Stream(seed, connection, side.sends_up), side.out_bytes, send_random);
    ::shutdown(socket, SHUT_WR);
  });
  const Received received =
      receive_stream(socket, Stream(seed, connection, !side.sends_up), stalls, receive_random);
  sender.join();
  if (send_error != 0) return send_failed(side, send_error);
  return expect(side.name, received, side.in_bytes, End::kClean);
}

std::string send_then_receive(int socket, std::uint64_t seed, std::uint64_t connection,
                              const Side& side, std::uint32_t stalls, bool send_first) {
  Generator random(seed ^ connection ^ 3);
  const Stream out(seed, connection, side.sends_up);
  if (send_first) {
    if (const int error = send_stream(socket, out, side.out_bytes, random))
      return send_failed(side, error);
    ::shutdown(socket, SHUT_WR);
  }
  const Received received =
      receive_stream(socket, Stream(seed, connection, !side.sends_up), stalls, random);
  if (std::string wrong = expect(side.name, received, side.in_bytes, End::kClean); !wrong.empty())
    return wrong;
  if (!send_first) {
    if (const int error = send_stream(socket, out, side.out_bytes, random))
      return send_failed(side, error);
    ::shutdown(socket, SHUT_WR);
  }
  return {};
}

std::string send_then_reset(base::UniqueFd& socket, std::uint64_t seed, std::uint64_t connection,
                            const Side& side) {
  Generator random(seed ^ connection ^ 4);
  if (const int error = send_stream(socket.get(), Stream(seed, connection, side.sends_up),
                                    side.out_bytes, random)) {
    return send_failed(side, error);
  }
  if (!wait_delivered(socket.get()))
    return std::string(side.name) + ": bytes were never acknowledged";
  reset(socket);
  return {};
}

std::string receive_until_reset(int socket, std::uint64_t seed, std::uint64_t connection,
                                const Side& side, std::uint32_t stalls) {
  Generator random(seed ^ connection ^ 5);
  const Received received =
      receive_stream(socket, Stream(seed, connection, !side.sends_up), stalls, random);
  return expect(side.name, received, side.in_bytes, End::kReset);
}

// The client uploads while the node answers without reading and closes: the whole answer must
// arrive, whatever becomes of the upload.
std::string client_of_early_answer(int socket, std::uint64_t seed, std::uint64_t connection,
                                   const Side& side, std::uint32_t stalls) {
  Generator send_random(seed ^ connection ^ 6);
  Generator receive_random(seed ^ connection ^ 7);
  std::thread sender([&] {
    // An error is the expected end of an upload that nobody reads.
    (void)send_stream(socket, Stream(seed, connection, true), side.out_bytes, send_random);
    ::shutdown(socket, SHUT_WR);
  });
  const Received received =
      receive_stream(socket, Stream(seed, connection, false), stalls, receive_random);
  sender.join();
  if (received.end == End::kOther) return "client: " + std::string(std::strerror(received.error));
  return expect("client", received, side.in_bytes, received.end);
}

std::string node_of_early_answer(base::UniqueFd& socket, std::uint64_t seed,
                                 std::uint64_t connection, const Side& side) {
  Generator random(seed ^ connection ^ 8);
  const Stream answer(seed, connection, false);
  if (const int error = send_stream(socket.get(), answer, side.out_bytes, random))
    return send_failed(side, error);
  ::shutdown(socket.get(), SHUT_WR);
  if (!wait_delivered(socket.get())) return "node: bytes were never acknowledged";
  socket.reset();  // with unread upload the kernel answers with a reset
  return {};
}

}  // namespace

bool read_hello(int socket, Hello& hello) {
  const Hello expected;
  const ssize_t n = ::recv(socket, &hello, sizeof(hello), MSG_WAITALL);
  return n == static_cast<ssize_t>(sizeof(hello)) && hello.magic == expected.magic;
}

std::string run_client(base::UniqueFd socket, std::uint64_t seed, std::uint64_t connection,
                       const Plan& plan) {
  Hello hello;
  hello.connection = connection;
  if (::send(socket.get(), &hello, sizeof(hello), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(sizeof(hello))) {
    return std::string("client: hello: ") + std::strerror(errno);
  }
  const Side side{"client", true, plan.up_bytes, plan.down_bytes};
  switch (plan.kind) {
    case Kind::kBothWays:
      return exchange(socket.get(), seed, connection, side, plan.stalls);
    case Kind::kRequestAnswer:
      return send_then_receive(socket.get(), seed, connection, side, plan.stalls, true);
    case Kind::kNodeEndsFirst:
      return send_then_receive(socket.get(), seed, connection, side, plan.stalls, false);
    case Kind::kEarlyAnswer:
      return client_of_early_answer(socket.get(), seed, connection, side, plan.stalls);
    case Kind::kClientReset:
      return send_then_reset(socket, seed, connection, side);
    case Kind::kNodeReset:
      return receive_until_reset(socket.get(), seed, connection, side, plan.stalls);
  }
  return "client: no such kind";
}

std::string run_node(base::UniqueFd socket, std::uint64_t seed, std::uint64_t connection,
                     const Plan& plan) {
  const Side side{"node", false, plan.down_bytes, plan.up_bytes};
  switch (plan.kind) {
    case Kind::kBothWays:
      return exchange(socket.get(), seed, connection, side, plan.stalls);
    case Kind::kRequestAnswer:
      return send_then_receive(socket.get(), seed, connection, side, plan.stalls, false);
    case Kind::kNodeEndsFirst:
      return send_then_receive(socket.get(), seed, connection, side, plan.stalls, true);
    case Kind::kEarlyAnswer:
      return node_of_early_answer(socket, seed, connection, side);
    case Kind::kClientReset:
      return receive_until_reset(socket.get(), seed, connection, side, plan.stalls);
    case Kind::kNodeReset:
      return send_then_reset(socket, seed, connection, side);
  }
  return "node: no such kind";
}

}  // namespace shunt::transfer
