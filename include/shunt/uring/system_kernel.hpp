// SystemKernel: the real Kernel (kernel.hpp has the meaning of every call). Inline, because the
// data path is little more than these calls. One thread: the one that created it.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "shunt/base/own_lines.hpp"
#include "shunt/base/pause.hpp"
#include "shunt/uring/buffer_ring.hpp"
#include "shunt/uring/kernel.hpp"
#include "shunt/uring/ring.hpp"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

namespace shunt::uring {

struct SystemKernelOptions {
  RingOptions ring;
  // Few and hot: the memory that is touched decides the speed, so the set is about the size of an
  // L2 cache. Small messages walk through all of them, a page each. A receive takes at most one
  // buffer, and so bounds a send; streams get larger ones (proxy/large_buffers.hpp).
  std::uint32_t buffers = 64;
  std::uint32_t buffer_bytes = 32 * 1024;
};

// TCP_NODELAY, keepalive as asked, and congestion control by name; for a connection, or for a
// listener whose connections inherit them.
void set_no_delay(int fd) noexcept;
void set_keepalive(int fd, const KeepaliveOptions& keepalive) noexcept;
void set_congestion(int fd, const char* name) noexcept;

class alignas(base::kLinePair) SystemKernel {
 public:
  // On the thread that will use it.
  [[nodiscard]] static base::Result<std::unique_ptr<SystemKernel>> create(
      const SystemKernelOptions& options);

  [[nodiscard]] const Features& features() const noexcept { return ring_->features(); }

  // ---- Ring operations.

  void accept_multishot(int fd, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    if (features().multishot_accept) {
      io_uring_prep_multishot_accept(sqe, fd, nullptr, nullptr, kSocketFlags);
    } else {
      io_uring_prep_accept(sqe, fd, nullptr, nullptr, kSocketFlags);
    }
    sqe->user_data = tag.encode();
  }
  void receive(int fd, bool poll_first, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_recv(sqe, fd, nullptr, 0, 0);
    if (poll_first) sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = BufferRing::kGroup;
    sqe->user_data = tag.encode();
  }
  void receive_multishot(int fd, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_recv(sqe, fd, nullptr, 0, 0);
    // Not POLL_FIRST: one that finds bytes and a reset when it begins to poll tells the bytes alone
    // (seen on 6.18).
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = BufferRing::kGroup;
    // Without it, one that finds much takes up to 33 buffers before anybody can stop it
    // (MULTISHOT_MAX_RETRY in the kernel's io_uring/net.c).
    compat::set_receive_limit(sqe, 2 * buffer_bytes());
    sqe->user_data = tag.encode();
  }
  [[nodiscard]] bool multishot_receives() const noexcept { return features().multishot_receive; }
  void receive_into(int fd, std::byte* memory, std::uint32_t length, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_recv(sqe, fd, memory, length, MSG_DONTWAIT);
    sqe->user_data = tag.encode();
  }
  void send(int fd, const std::byte* data, std::uint32_t length, bool poll_first,
            Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_send(sqe, fd, data, length, MSG_WAITALL | MSG_NOSIGNAL);
    if (poll_first) sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
    sqe->user_data = tag.encode();
  }
  void poll(int fd, std::uint32_t events, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_poll_add(sqe, fd, events);
    sqe->user_data = tag.encode();
  }
  void read_wake(int fd, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_read(sqe, fd, &wake_count_, sizeof(wake_count_), 0);
    sqe->user_data = tag.encode();
  }
  void signal(int fd) noexcept { ::eventfd_write(fd, 1); }
  void cancel_fd(int fd, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_cancel_fd(sqe, fd, IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = tag.encode();
  }
  void cancel_tag(Tag target, Tag tag) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_cancel64(sqe, target.encode(), 0);
    sqe->user_data = tag.encode();
  }

  [[nodiscard]] int ring() const noexcept {
    return features().message_ring ? ring_->descriptor() : -1;
  }
  void message(int ring, std::int32_t result, Tag remote, Tag own) noexcept {
    io_uring_sqe* sqe = ring_->entry();
    io_uring_prep_msg_ring(sqe, ring, static_cast<std::uint32_t>(result), remote.encode(), 0);
    sqe->user_data = own.encode();
  }

  int submit_and_wait(base::Duration timeout, bool gather = false) noexcept {
    return ring_->enter(timeout, gather);
  }
  base::Duration watch(base::Duration at_most) noexcept {
    const base::Instant began = now();
    // What was handed over may be done already: sends are, as a rule.
    if (ring_->queued() != 0) ring_->enter(kNoWait);
    base::Instant at = began;
    while (!ring_->has_news() && at - began < at_most) {
      base::spin_pause();
      at = now();
    }
    return at - began;
  }
  [[nodiscard]] bool has_completions() const noexcept { return ring_->has_completions(); }
  std::size_t reap(std::span<Completion> completions) noexcept {
    Completion* out = completions.data();
    return ring_->reap(
        static_cast<std::uint32_t>(completions.size()), [&](const io_uring_cqe& cqe) {
          out->tag = Tag::decode(cqe.user_data);
          out->result = cqe.res;
          out->buffer = (cqe.flags & IORING_CQE_F_BUFFER) != 0
                            ? static_cast<BufferId>(cqe.flags >> IORING_CQE_BUFFER_SHIFT)
                            : kNoBuffer;
          out->more = (cqe.flags & IORING_CQE_F_MORE) != 0;
          out->more_to_read = (cqe.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
          ++out;
        });
  }

  // ---- Receive buffers.

  [[nodiscard]] std::uint32_t buffer_count() const noexcept { return buffers_->count(); }
  [[nodiscard]] std::uint32_t buffer_bytes() const noexcept { return buffers_->bytes(); }
  [[nodiscard]] std::byte* buffer(BufferId id) noexcept { return buffers_->at(id); }
  void recycle(BufferId id) noexcept { buffers_->recycle(id); }

  // ---- Direct calls.

  int open_stream(int family) noexcept {
    return result_of(::socket(family, SOCK_STREAM | kSocketFlags, 0));
  }
  int bind_source(int fd, const base::Endpoint& address) noexcept {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return result_of(::bind(fd, address.address(), address.length()));
  }
  int connect(int fd, const base::Endpoint& address) noexcept {
    const int result = result_of(::connect(fd, address.address(), address.length()));
    if (result != -EINPROGRESS || !address.is_loopback()) return result;
    // The handshake is over when the call returns, for the answer came in its course; but that it
    // did is told only to who asks again.
    const int now = result_of(::connect(fd, address.address(), address.length()));
    return now == -EALREADY ? -EINPROGRESS : now;
  }
  [[nodiscard]] bool may_meet_itself(const base::Endpoint& address) const noexcept {
    return !address.is_unix() && address.port() >= local_ports_.first &&
           address.port() <= local_ports_.last;
  }
  [[nodiscard]] bool met_itself(int fd) noexcept {
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_length = sizeof(own);
    socklen_t peer_length = sizeof(peer);
    return ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_length) == 0 &&
           ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) == 0 &&
           own_length == peer_length && std::memcmp(&own, &peer, own_length) == 0;
  }
  int disconnect(int fd) noexcept {
    sockaddr unspecified{};
    unspecified.sa_family = AF_UNSPEC;
    return result_of(::connect(fd, &unspecified, sizeof(unspecified)));
  }
  int take_error(int fd) noexcept {
    int error = 0;
    socklen_t length = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
    return -error;
  }
  bool is_reset(int fd) noexcept { return tcp_state(fd) == TCP_CLOSE; }
  int send_now(int fd, const std::byte* data, std::uint32_t length, bool hold) noexcept {
    return static_cast<int>(
        result_of(::send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL | (hold ? MSG_MORE : 0))));
  }
  int peek(int fd) noexcept {
    char byte;
    return static_cast<int>(result_of(::recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK)));
  }
  void set_no_delay(int fd) noexcept { uring::set_no_delay(fd); }
  void set_keepalive(int fd, const KeepaliveOptions& keepalive) noexcept {
    uring::set_keepalive(fd, keepalive);
  }
  void set_congestion(int fd, const char* name) noexcept { uring::set_congestion(fd, name); }
  [[nodiscard]] base::Endpoint peer_address(int fd) noexcept {
    sockaddr_storage address;
    socklen_t length = sizeof(address);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
    return {reinterpret_cast<const sockaddr*>(&address), length};
  }
  int shutdown_write(int fd) noexcept { return result_of(::shutdown(fd, SHUT_WR)); }
  int unsent(int fd) noexcept {
    int bytes = 0;
    if (::ioctl(fd, TIOCOUTQ, &bytes) != 0) return -errno;
    // A connection by TCP Fast Open takes bytes before its handshake is over, and until then the
    // kernel says 0 whatever is queued (tcp_ioctl(); seen on 6.18 with 60,000 bytes).
    return bytes == 0 && tcp_state(fd) == TCP_SYN_RECV ? 1 : bytes;
  }
  int accept_now(int fd) noexcept {
    return result_of(::accept4(fd, nullptr, nullptr, kSocketFlags));
  }
  void close(int fd) noexcept { ::close(fd); }
  void reset(int fd) noexcept {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    ::close(fd);
  }

  // ---- Streams without a copy.

  [[nodiscard]] bool splices() const noexcept { return features().splice; }
  [[nodiscard]] PipeEnds open_pipe(std::uint32_t length) noexcept {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {.read_end = -errno};
    // Beyond the user's share of pages the kernel gives two of them, with which a stream is slower
    // than by copying.
    if (::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(length)) < 0) {
      const int error = errno;
      ::close(ends[0]);
      ::close(ends[1]);
      return {.read_end = -error};
    }
    return {.read_end = ends[0], .write_end = ends[1]};
  }
  [[nodiscard]] int splice(int from, int to, std::uint32_t length) noexcept {
    const ssize_t moved =
        ::splice(from, nullptr, to, nullptr, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return moved < 0 ? -errno : static_cast<int>(moved);
  }
  [[nodiscard]] int read_pipe(int pipe, std::byte* memory, std::uint32_t length) noexcept {
    const ssize_t taken = ::read(pipe, memory, length);
    return taken < 0 ? -errno : static_cast<int>(taken);
  }

  [[nodiscard]] base::Instant now() const noexcept { return base::monotonic_now(); }
  [[nodiscard]] std::int64_t wall_ms() const noexcept { return base::wall_now_ms(); }

 private:
  static constexpr int kSocketFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

  SystemKernel() = default;
  template <class Result>
  static Result result_of(Result result) noexcept {
    return result >= 0 ? result : -errno;
  }
  // TCP_CLOSE and so on; 0 for what is not TCP.
  static int tcp_state(int fd) noexcept {
    std::uint8_t state = 0;  // tcp_info::tcpi_state comes first
    socklen_t length = sizeof(state);
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 ? state : 0;
  }

  // net.ipv4.ip_local_port_range, which IPv6 uses too.
  struct PortRange {
    std::uint16_t first = 32768;
    std::uint16_t last = 60999;
  };
  [[nodiscard]] static PortRange read_local_ports();

  PortRange local_ports_ = read_local_ports();
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<BufferRing> buffers_;  // goes before the ring
  std::uint64_t wake_count_ = 0;
};

static_assert(Kernel<SystemKernel>);

}  // namespace shunt::uring
