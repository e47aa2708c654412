// The seam to the operating system: what a worker asks of the kernel, as a concept. Worker code is
// `template <uring::Kernel K>`, so the data path has no virtual call; SystemKernel
// (system_kernel.hpp) is the real one, and the simulation puts a scripted one in its place.
//
// Two kinds of requests:
//   ring operations  queued now, handed over by submit_and_wait() (or earlier, when the queue is
//                    full), answered by one Completion each that carries the operation's tag;
//                    the multishot ones may answer many times (Completion::more);
//   direct calls     take effect before they return; 0 or a value >= 0 is success, -errno failure.
//
// Rules that every implementation keeps and that worker code relies on:
//   1. Every queued operation completes exactly once (a multishot one: exactly one completion has
//      more == false, and it is the last), even when it was cancelled and whatever happens to its
//      descriptor. Until then descriptor and memory belong to the operation: the worker closes
//      neither and touches neither.
//   2. Operations of one descriptor complete in any order relative to each other and to cancels.
//   3. A completion may be seen by reap() as early as directly after the call that queued it (a
//      full queue submits), but never before that call.
//   4. The worker never has two sends of one descriptor in flight, nor two receives, and calls
//      send_now() and peek() of none that has one in flight.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"

namespace shunt::uring {

// Names an operation by what it is and for whom, never by a pointer to something that is recycled.
struct Tag {
  std::uint8_t kind = 0;         // the worker's own enumeration
  std::uint32_t slot = 0;        // of the relay or listener
  std::uint32_t generation = 0;  // of that slot; 24 bits are kept

  static constexpr std::uint32_t kGenerationMask = 0xFFFFFF;

  [[nodiscard]] constexpr std::uint64_t encode() const noexcept {
    return static_cast<std::uint64_t>(slot) << 32 |
           static_cast<std::uint64_t>(generation & kGenerationMask) << 8 | kind;
  }
  [[nodiscard]] static constexpr Tag decode(std::uint64_t bits) noexcept {
    return {static_cast<std::uint8_t>(bits), static_cast<std::uint32_t>(bits >> 32),
            static_cast<std::uint32_t>(bits >> 8) & kGenerationMask};
  }
  friend constexpr bool operator==(const Tag&, const Tag&) = default;
};

using BufferId = std::uint16_t;
inline constexpr BufferId kNoBuffer = 0xFFFF;

struct Completion {
  Tag tag;
  std::int32_t result = 0;      // >= 0, or -errno
  BufferId buffer = kNoBuffer;  // receive: the buffer that was filled, now the worker's
  bool more = false;            // of a multishot operation: it stays armed
  bool more_to_read = false;    // receive: the socket held more than was taken (a hint)
};

// TCP keepalive of a stream. idle 0: none. Whole seconds, as the kernel takes them (tcp(7)).
// Ignored by Unix sockets.
struct KeepaliveOptions {
  std::uint32_t idle = 0;
  std::uint32_t interval = 0;
  std::uint32_t count = 0;
};

// A kernel pipe (pipe(7)), non-blocking and close-on-exec.
struct PipeEnds {
  int read_end = -1;  // or -errno
  int write_end = -1;
};

// How long submit_and_wait may sleep.
inline constexpr base::Duration kNoWait = 0;
inline constexpr base::Duration kForever = UINT64_MAX;

template <class K>
concept Kernel = requires(
    K& kernel, const K& constant, int fd, Tag tag, const std::byte* data, std::byte* memory,
    std::uint32_t length, std::uint32_t events, BufferId buffer, base::Duration timeout,
    std::span<Completion> completions, const base::Endpoint& address,
    const KeepaliveOptions& keepalive, const char* name, bool flag, std::int32_t result) {
  // ---- Ring operations.

  // Accepts until it ends (more == false): on cancel (-ECANCELED), on -EMFILE, -ENFILE, or
  // after any completion for the kernel's own reasons (overflow): arm it again then. result: a
  // descriptor that is the worker's, O_NONBLOCK and close-on-exec. After a cancel was queued,
  // accepted descriptors may still come before the last completion.
  { kernel.accept_multishot(fd, tag) } -> std::same_as<void>;
  // One receive into a buffer that the kernel takes from the ring when data is there, so that a
  // waiting receive holds none. result > 0: bytes in `buffer`, which is the worker's until
  // recycle(); 0: end of stream, -errno: failure (-ENOBUFS: the ring was empty and nothing was
  // read). A cancel gives -ECANCELED, or data that arrived first. With result <= 0 a buffer may
  // have been taken all the same: recycle it when `buffer` != kNoBuffer. poll_first: wait until
  // it is readable before trying, which costs less where nothing is there yet and more where
  // something is.
  { kernel.receive(fd, flag, tag) } -> std::same_as<void>;
  // Receives as receive() does until it ends (more == false): with the end of the stream, a failure
  // or -ENOBUFS; by a cancel; with the completion by which it has brought two buffers full or more,
  // so less than three; or after any other for the kernel's own reasons. What comes is one
  // completion for each buffer. An end or failure that comes together with bytes may not be told
  // before it is cancelled and another receive asks: nobody may wait for it for long. Only where
  // multishot_receives().
  { kernel.receive_multishot(fd, tag) } -> std::same_as<void>;
  { constant.multishot_receives() } -> std::same_as<bool>;
  // One receive into [memory, memory + length), which belongs to the operation until it
  // completes, and only of what is there already: else -EAGAIN. Otherwise as receive(), but
  // without a buffer.
  { kernel.receive_into(fd, memory, length, tag) } -> std::same_as<void>;
  // Sends [data, data + length) with MSG_WAITALL | MSG_NOSIGNAL. The memory stays untouched
  // until the completion. result: bytes taken by the socket, possibly fewer than length (a
  // cancel after a part went out gives that part); -ECANCELED, -EAGAIN: none was taken (on
  // -EAGAIN repeat with poll_first), other -errno: the peer cannot take more. poll_first: wait
  // until it is writable before trying.
  { kernel.send(fd, data, length, flag, tag) } -> std::same_as<void>;
  // One-shot poll(2). result: the events that happened, or -ECANCELED. POLLERR and POLLHUP always
  // count, and POLLRDHUP as well (IO_POLL_UNMASK, io_uring/poll.c): where the peer has ended its
  // side, nobody can wait for POLLOUT.
  { kernel.poll(fd, events, tag) } -> std::same_as<void>;
  // Reads an eventfd's counter into memory of the kernel object; at most one in flight.
  // result: 8.
  { kernel.read_wake(fd, tag) } -> std::same_as<void>;
  // Writes an eventfd, at once.
  { kernel.signal(fd) } -> std::same_as<void>;
  // Cancels every operation on a descriptor. Its own completion: the number cancelled (may be
  // 0), -ENOENT, or -EALREADY. Whatever it says, the operations complete by themselves, before
  // or after it, with -ECANCELED, or with their result when they were done already.
  { kernel.cancel_fd(fd, tag) } -> std::same_as<void>;
  // Cancels the one operation with tag `target`. Its own completion: 0, -ENOENT (not found: it
  // has completed, perhaps unreaped), or -EALREADY (running; it may still end either way).
  { kernel.cancel_tag(tag, tag) } -> std::same_as<void>;

  // The descriptor of its ring, for message() of other kernel objects of this process; -1: there
  // are no messages.
  { constant.ring() } -> std::same_as<int>;
  // Gives another ring a completion with tag `remote` and `result` (>= 0). The other ring must be
  // open until that was reaped there. Its own completion: 0: the other one has it, or will have
  // it, once; -errno: it will not. Either of the two may be seen first.
  { kernel.message(fd, result, tag, tag) } -> std::same_as<void>;

  // Hands over what is queued, and unless a completion is already there waits for one, at most
  // `timeout` (kNoWait, kForever). May return early without a completion. gather: a wait may go on
  // for kGatherSpan with completions that are there, to return with several. 0, or -errno on what
  // only our own bug or lack of memory explains.
  { kernel.submit_and_wait(timeout, flag) } -> std::same_as<int>;
  // Hands over what is queued and watches for a completion without sleeping, at most for the
  // given span; returns how much of it passed. Completions may then still need a
  // submit_and_wait() before reap() gives them.
  { kernel.watch(timeout) } -> std::same_as<base::Duration>;
  // True when reap() would give something now.
  { constant.has_completions() } -> std::same_as<bool>;
  // Takes up to completions.size() completions in their order; returns how many.
  { kernel.reap(completions) } -> std::same_as<std::size_t>;

  // ---- Receive buffers. Ids are 0 to buffer_count() - 1; all are in the ring at the start.

  { constant.buffer_count() } -> std::same_as<std::uint32_t>;
  { constant.buffer_bytes() } -> std::same_as<std::uint32_t>;
  { kernel.buffer(buffer) } -> std::same_as<std::byte*>;
  // Gives a buffer back to the ring. Nothing may be in flight from it.
  { kernel.recycle(buffer) } -> std::same_as<void>;

  // ---- Direct calls.

  // A stream socket of that family, O_NONBLOCK and close-on-exec; or -EMFILE, -ENFILE,
  // -ENOBUFS,
  // ...
  { kernel.open_stream(int{}) } -> std::same_as<int>;
  // Binds to a local address and leaves the port to connect (IP_BIND_ADDRESS_NO_PORT), so that
  // one local port serves several destinations.
  { kernel.bind_source(fd, address) } -> std::same_as<int>;
  // 0: connected. -EINPROGRESS: poll for POLLOUT, then take_error(). -EAGAIN: a Unix socket's
  // backlog is full (unix(7)), nothing is under way. -EADDRNOTAVAIL: no local port is free.
  { kernel.connect(fd, address) } -> std::same_as<int>;
  // Whether a connect to this address could be given its own destination as its source: the
  // port is one that the kernel chooses from. Cheap.
  { kernel.may_meet_itself(address) } -> std::same_as<bool>;
  // Whether this connection is with itself: a local port without a listener was chosen as the
  // source port (TCP simultaneous open, RFC 9293, 3.5), and it would answer with what it is
  // sent.
  { kernel.met_itself(fd) } -> std::same_as<bool>;
  // connect(AF_UNSPEC): a TCP connect under way, or established and unused, is dead when this
  // returns. A poll pending on fd may complete by it.
  { kernel.disconnect(fd) } -> std::same_as<int>;
  // SO_ERROR: 0, or the pending error as -errno; clears it.
  { kernel.take_error(fd) } -> std::same_as<int>;
  // Whether a TCP connection whose write side is open is dead, for a receive that said 0 while
  // a send is in flight: a send that was reset half-way gives its part and swallows the error
  // (sock_error() clears it), and the receive then sees an end that is none. False for Unix
  // sockets.
  { kernel.is_reset(fd) } -> std::same_as<bool>;
  // Sends at once what the socket takes, as send() without waiting. hold: what does not fill a
  // segment may be held back until the next call that sends, shuts or closes (MSG_MORE, tcp(7):
  // 200 ms at most). Not for a client whose handshake may not be over (TCP Fast Open): the end
  // waits for that.
  { kernel.send_now(fd, data, length, flag) } -> std::same_as<int>;
  // What a receive would say now, without taking bytes: > 0, 0 at the end, -EAGAIN; any other
  // failure is taken from the socket and told only here.
  { kernel.peek(fd) } -> std::same_as<int>;
  // TCP_NODELAY.
  { kernel.set_no_delay(fd) } -> std::same_as<void>;
  // Keepalive as asked.
  { kernel.set_keepalive(fd, keepalive) } -> std::same_as<void>;
  // TCP_CONGESTION, by name. What the kernel does not take leaves the connection as it was.
  { kernel.set_congestion(fd, name) } -> std::same_as<void>;
  // The peer's address of an accepted socket; !valid() when it is gone already.
  { kernel.peer_address(fd) } -> std::same_as<base::Endpoint>;
  // SHUT_WR: the peer reads what was sent and then the end.
  { kernel.shutdown_write(fd) } -> std::same_as<int>;
  // SIOCOUTQ: bytes sent and not acknowledged yet, 1 where their number is not known; -errno.
  { kernel.unsent(fd) } -> std::same_as<int>;
  // accept4 of a listener that has no accept_multishot armed: a descriptor as there, or -EAGAIN
  // when its queue is empty.
  { kernel.accept_now(fd) } -> std::same_as<int>;
  // Closes in order (TCP sends FIN after what is queued). Nothing of fd may be in flight.
  { kernel.close(fd) } -> std::same_as<void>;
  // SO_LINGER 0 and close: TCP drops what is queued and sends RST. Nothing of fd may be in
  // flight.
  { kernel.reset(fd) } -> std::same_as<void>;

  // ---- Streams without a copy. Direct calls; only where splices().

  { constant.splices() } -> std::same_as<bool>;
  // A pipe with room for so many bytes in whole pages (fragments that are smaller take a page's
  // place each); -EPERM where this user may not have so much (pipe(7): pipe-max-size,
  // pipe-user-pages-soft). Its ends are for splice(), read_pipe() and close() alone.
  { kernel.open_pipe(length) } -> std::same_as<PipeEnds>;
  // Moves at most `length` bytes from a socket into an empty pipe, or from a pipe to a socket,
  // without waiting for either. Bytes moved; 0: the socket has ended, but bytes may be left that
  // cannot be moved so (behind an urgent one; tcp_splice_read()): peek() tells; -EAGAIN; other
  // -errno: as a receive or a send would say, and of a receive before such bytes. The process
  // ignores SIGPIPE: a splice to a socket that was reset raises it (there is no MSG_NOSIGNAL).
  { kernel.splice(fd, fd, length) } -> std::same_as<int>;
  // Takes what is in a pipe, at most `length` bytes, into memory. Bytes taken, or -errno.
  { kernel.read_pipe(fd, memory, length) } -> std::same_as<int>;

  // CLOCK_MONOTONIC. The worker reads it once a turn.
  { constant.now() } -> std::same_as<base::Instant>;
  // UTC in milliseconds since 1970.
  { constant.wall_ms() } -> std::same_as<std::int64_t>;
};

}  // namespace shunt::uring
