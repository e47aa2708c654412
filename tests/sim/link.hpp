// Link: one simulated TCP connection between shunt and a peer: both sockets, what is on its way
// between them, and the script that the peer follows. It behaves as Linux's TCP does where an
// application can tell the difference:
//   - data that arrived is readable after a reset; then the error is given once, then the end;
//   - after a reset a send gives the error (once, if no receive took it before), then EPIPE;
//   - closing with unread data, or data that arrives after close, resets and drops what is queued;
//   - connect(AF_UNSPEC) kills the connection at once, established or not;
//   - bytes sent count as unsent until they arrived; after a reset that count stays as it was.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/traffic/ids.hpp"
#include "tests/sim/content.hpp"
#include "tests/sim/random.hpp"
#include "tests/sim/violations.hpp"

namespace shunt::sim {

inline constexpr base::Instant kNever = std::numeric_limits<base::Instant>::max();

// How a peer ends its connection.
enum class PeerEnd : std::uint8_t {
  kHalfClose,   // sends all, ends its side, reads to the end
  kAfterShunt,  // sends all, reads to the end, then ends its side
  kClose,       // sends all, closes: what comes later is answered with a reset
  kReset,       // resets in the middle
};

struct PeerScript {
  std::uint64_t to_send = 0;  // bytes; includes the header when > 0 (at least kHeaderBytes)
  std::uint64_t chunk_max = 1;
  std::uint32_t pause_one_in = 0;  // after how many writes on average it pauses; 0: never
  base::Duration pause = 0;
  std::uint64_t answer_after = 0;  // bytes that it reads before it sends
  std::uint64_t stall_at = std::numeric_limits<std::uint64_t>::max();  // bytes read; stalls there
  base::Duration stall = 0;
  PeerEnd end = PeerEnd::kHalfClose;
  std::uint64_t reset_when_sent = 0;  // kReset: once both are reached
  std::uint64_t reset_when_read = 0;
  std::uint64_t receive_buffer = 4096;
};

// The moments at which something happened, in their order.
class Moments {
 public:
  void add(base::Instant at) {
    if (all_.empty() || all_.back() != at) all_.push_back(at);
  }
  // The latest that is not after `at`; 0: there is none.
  [[nodiscard]] base::Instant latest_until(base::Instant at) const {
    const auto after = std::upper_bound(all_.begin(), all_.end(), at);
    return after == all_.begin() ? 0 : *(after - 1);
  }

 private:
  std::vector<base::Instant> all_;
};

class Link {
 public:
  enum class Kind : std::uint8_t { kClient, kNode };
  // Of shunt's socket.
  enum class State : std::uint8_t {
    kConnecting,  // SYN_SENT
    kEstablished,
    kReset,   // dead; an error may be waiting
    kOrphan,  // closed in order, the kernel delivers what is queued
    kGone,
  };

  Link(LinkId id_in, Kind kind_in, const PeerScript& script_in, std::uint64_t send_buffer,
       std::uint64_t receive_buffer)
      : id(id_in),
        kind(kind_in),
        script(script_in),
        send_buffer_(send_buffer),
        receive_buffer_(receive_buffer) {}

  const LinkId id;
  const Kind kind;
  PeerScript script;
  traffic::PoolId pool = traffic::kNoPool;    // of a node
  traffic::NodeSlot node = traffic::kNoSlot;  // of a node
  traffic::ServiceId service = 0;             // of a client
  base::Instant establish_at = kNever;        // while connecting: succeeds then
  base::Instant fail_at = kNever;             // while connecting: fails then, with fail_errno
  int fail_errno = 0;

  // ---- Shunt's socket. Negative results are -errno.

  [[nodiscard]] State state() const noexcept { return state_; }
  void establish() noexcept { state_ = State::kEstablished; }
  void fail_connect(int error) noexcept;
  // 0 at the end of the stream, -EAGAIN while there is nothing.
  int receive(std::span<std::byte> out, Random& random);
  // As receive(), but takes no bytes: 1 where there are some.
  int peek() noexcept;
  [[nodiscard]] bool has_unread() const noexcept { return in_.arrived > in_.read; }
  // The end has arrived behind all that was read (tcp_inq_hint() counts it as something to read).
  [[nodiscard]] bool at_end() const noexcept {
    return in_.end_arrived && in_.arrived == in_.read && error_ == 0;
  }
  // Bytes taken, -EAGAIN while there is no room. Checks the bytes against their source, which
  // `find` gives by its id (null: nobody's).
  template <class Find>
  int send(std::span<const std::byte> bytes, Random& random, Violations& violations, Find&& find) {
    const int taken = accept_bytes(bytes.size(), random);
    if (taken > 0) check_bytes(bytes.first(static_cast<std::size_t>(taken)), violations, find);
    return taken;
  }
  [[nodiscard]] std::uint32_t poll_mask() const noexcept;  // POLLIN, POLLOUT, POLLERR, POLLHUP, ...
  int take_error() noexcept;
  int shutdown_write() noexcept;
  [[nodiscard]] int unsent() const noexcept;
  void close() noexcept;
  void reset() noexcept;
  void disconnect() noexcept;

  // ---- The network and the peer. False: nothing to do now.

  bool step(base::Instant now, Random& random);
  // When step() may have something to do that it has not now, or kNever.
  [[nodiscard]] base::Instant next_time(base::Instant now) const noexcept;
  // The end of the simulation is near: no more pauses and stalls, everybody ends.
  void hurry() noexcept { hurried_ = true; }

  // ---- What became of it.

  [[nodiscard]] bool peer_saw_end() const noexcept { return out_.end_arrived; }
  [[nodiscard]] bool peer_saw_reset() const noexcept { return peer_saw_reset_; }
  [[nodiscard]] bool peer_reset() const noexcept { return peer_reset_; }
  [[nodiscard]] bool peer_closed() const noexcept { return peer_closed_; }
  [[nodiscard]] bool peer_ended() const noexcept { return in_.end_written; }
  // By which relay (slot and generation of its operations) shunt reads and writes it; 0: none did.
  std::uint64_t relay = 0;
  // When that happened which a timeout of shunt's counts from.
  Moments received_at;          // shunt received bytes
  Moments sent_at;              // the socket took bytes from shunt
  Moments ended_at;             // shunt received the end or an error, or a send failed
  base::Instant closed_at = 0;  // shunt closed it
  // Shunt saw the connect succeed (connect() gave 0, or take_error() did once it was established).
  bool success_seen = false;
  // Bytes of the peer that shunt received; those of shunt that the socket took, that the peer got.
  [[nodiscard]] std::uint64_t received() const noexcept { return in_.read; }
  [[nodiscard]] std::uint64_t peer_written() const noexcept { return in_.written; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return out_.written; }
  [[nodiscard]] std::uint64_t delivered() const noexcept { return out_.arrived; }
  // Whose bytes were sent into this link; null while less than a header was.
  [[nodiscard]] const Link* source() const noexcept { return source_; }
  [[nodiscard]] std::string name() const;

 private:
  struct Stream {
    std::uint64_t written = 0;  // by the sending application
    std::uint64_t arrived = 0;  // in the receiving kernel
    std::uint64_t read = 0;     // by the receiving application
    bool end_written = false;
    bool end_arrived = false;
  };

  int accept_bytes(std::uint64_t length, Random& random) noexcept;
  template <class Find>
  void check_bytes(std::span<const std::byte> bytes, Violations& violations, Find&& find) {
    const std::uint64_t offset = out_.written - bytes.size();
    if (source_ == nullptr) {
      for (std::uint64_t at = offset; at < kHeaderBytes && at < out_.written; ++at) {
        header_[at] = bytes[at - offset];
      }
      if (out_.written < kHeaderBytes) return;
      LinkId from = 0;
      source_ = read_header(header_, from) ? find(from) : nullptr;
      check_source(violations);
    }
    if (source_ == nullptr) return;
    const std::size_t wrong = mismatch_content(source_->id, offset, bytes);
    if (wrong != bytes.size()) {
      violations.add(name() + ": wrong byte of " + source_->name() + " at offset " +
                     std::to_string(offset + wrong));
    }
    if (out_.written > source_->received()) {
      violations.add(name() + ": more bytes than " + source_->name() + " has sent");
    }
  }
  void check_source(Violations& violations) const;

  bool deliver_to_shunt(Random& random) noexcept;
  bool deliver_to_peer(Random& random) noexcept;
  bool peer_write(base::Instant now, Random& random) noexcept;
  bool peer_read(base::Instant now, Random& random) noexcept;
  bool peer_end() noexcept;
  void peer_send_reset() noexcept;
  void arrive_reset() noexcept;  // at shunt's socket
  void peer_gets_reset() noexcept;
  [[nodiscard]] bool in_flight_or_open() const noexcept {
    return state_ == State::kEstablished || state_ == State::kOrphan;
  }

  State state_ = State::kConnecting;
  int error_ = 0;  // SO_ERROR
  bool write_shut_ = false;
  std::uint64_t send_buffer_;
  std::uint64_t receive_buffer_;
  Stream in_;   // peer to shunt
  Stream out_;  // shunt to peer
  std::array<std::byte, kHeaderBytes> header_{};
  const Link* source_ = nullptr;

  bool hurried_ = false;
  bool peer_closed_ = false;       // both sides of its socket
  bool peer_reset_ = false;        // it reset the connection (by script, or by Linux's rules)
  bool reset_on_the_way_ = false;  // to shunt
  bool peer_saw_reset_ = false;
  base::Instant write_at_ = 0;
  base::Instant stalled_until_ = 0;
  bool stalled_once_ = false;
};

}  // namespace shunt::sim
