#include "tests/sim/link.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shunt::sim {

std::string Link::name() const {
  return (kind == Kind::kClient ? "client " : "node link ") + std::to_string(id);
}

// ---- Shunt's socket.

void Link::fail_connect(int error) noexcept {
  state_ = State::kReset;
  error_ = error;
}

int Link::receive(std::span<std::byte> out, Random& random) {
  if (has_unread()) {
    const std::uint64_t most = std::min<std::uint64_t>(out.size(), in_.arrived - in_.read);
    const std::uint64_t count = random.part_of(most);
    fill_content(id, in_.read, out.first(count));
    in_.read += count;
    return static_cast<int>(count);
  }
  if (error_ != 0) return -std::exchange(error_, 0);
  if (in_.end_arrived || state_ == State::kReset) return 0;
  return -EAGAIN;
}

int Link::peek() noexcept {
  if (has_unread()) return 1;
  if (error_ != 0) return -std::exchange(error_, 0);
  return in_.end_arrived || state_ == State::kReset ? 0 : -EAGAIN;
}

int Link::accept_bytes(std::uint64_t length, Random& random) noexcept {
  if (error_ != 0) return -std::exchange(error_, 0);
  if (state_ == State::kReset || write_shut_) return -EPIPE;
  if (state_ == State::kConnecting) return -EAGAIN;
  const std::uint64_t queued = out_.written - out_.arrived;
  const std::uint64_t room = send_buffer_ > queued ? send_buffer_ - queued : 0;
  if (room == 0) return -EAGAIN;
  const std::uint64_t count = random.part_of(std::min(room, length));
  out_.written += count;
  return static_cast<int>(count);
}

void Link::check_source(Violations& violations) const {
  if (source_ == nullptr) {
    violations.add(name() + ": bytes that nobody sent");
    return;
  }
  if (source_->kind == kind) violations.add(name() + ": bytes of " + source_->name());
  // The other direction, where it is known already, must be of the same pair.
  if (source_->source_ != nullptr && source_->source_ != this) {
    violations.add(name() + ": bytes of " + source_->name() + ", which is coupled to " +
                   source_->source_->name());
  }
}

std::uint32_t Link::poll_mask() const noexcept {
  std::uint32_t mask = 0;
  if (error_ != 0) mask |= POLLERR;
  switch (state_) {
    case State::kConnecting:
      break;
    case State::kReset:
      mask |= POLLIN | POLLOUT | POLLHUP | POLLRDHUP;
      break;
    case State::kEstablished:
      if (out_.written - out_.arrived < send_buffer_) mask |= POLLOUT;
      if (has_unread() || in_.end_arrived) mask |= POLLIN;
      if (in_.end_arrived) mask |= POLLRDHUP;
      if (in_.end_arrived && write_shut_) mask |= POLLHUP;
      break;
    case State::kOrphan:
    case State::kGone:
      break;
  }
  return mask;
}

int Link::take_error() noexcept {
  if (error_ == 0 && state_ == State::kEstablished) success_seen = true;
  return -std::exchange(error_, 0);
}

int Link::shutdown_write() noexcept {
  if (state_ != State::kEstablished) return -ENOTCONN;
  write_shut_ = true;
  out_.end_written = true;
  return 0;
}

int Link::unsent() const noexcept {
  if (state_ == State::kConnecting) return 0;
  const bool end_unsent = out_.end_written && !out_.end_arrived;
  return static_cast<int>(out_.written - out_.arrived) + (end_unsent ? 1 : 0);
}

void Link::close() noexcept {
  if (state_ == State::kEstablished && !has_unread()) {
    state_ = State::kOrphan;
    out_.end_written = true;
    return;
  }
  // Data that nobody will read is lost: tcp_close() answers with a reset (RFC 2525, 2.17).
  reset();
}

void Link::reset() noexcept {
  if (state_ == State::kEstablished) peer_gets_reset();
  state_ = State::kGone;
}

void Link::disconnect() noexcept {
  reset();
}

// ---- The network.

void Link::peer_gets_reset() noexcept {
  peer_saw_reset_ = true;
  peer_closed_ = true;
}

void Link::arrive_reset() noexcept {
  reset_on_the_way_ = false;
  in_.written = in_.arrived;  // what was on its way is lost
  if (state_ == State::kOrphan) {
    state_ = State::kGone;
    return;
  }
  error_ = in_.end_arrived && !write_shut_ ? EPIPE : ECONNRESET;  // tcp_reset(): CLOSE_WAIT
  state_ = State::kReset;
}

bool Link::deliver_to_shunt(Random& random) noexcept {
  if (!in_flight_or_open()) return false;
  const std::uint64_t queued = in_.arrived - in_.read;
  const std::uint64_t room = receive_buffer_ > queued ? receive_buffer_ - queued : 0;
  const std::uint64_t most = std::min(room, in_.written - in_.arrived);
  if (reset_on_the_way_ && (most == 0 || random.one_in(3))) {
    arrive_reset();
    return true;
  }
  if (most > 0) {
    if (state_ == State::kOrphan) {  // nobody there to read it
      peer_gets_reset();
      state_ = State::kGone;
      return true;
    }
    in_.arrived += random.part_of(most);
    // Often the end comes with the last bytes.
    if (reset_on_the_way_ && random.one_in(3)) {
      arrive_reset();
    } else if (in_.end_written && in_.arrived == in_.written && random.one_in(2)) {
      in_.end_arrived = true;
    }
    return true;
  }
  if (in_.end_written && !in_.end_arrived && in_.arrived == in_.written) {
    in_.end_arrived = true;
    return true;
  }
  return false;
}

bool Link::deliver_to_peer(Random& random) noexcept {
  if (!in_flight_or_open() || reset_on_the_way_) return false;
  const std::uint64_t queued = out_.arrived - out_.read;
  const std::uint64_t room = script.receive_buffer > queued ? script.receive_buffer - queued : 0;
  const std::uint64_t most = std::min(room, out_.written - out_.arrived);
  if (most > 0) {
    if (peer_closed_) {  // it does not read any more: reset
      peer_send_reset();
      return true;
    }
    out_.arrived += random.part_of(most);
    return true;
  }
  if (out_.end_written && !out_.end_arrived && out_.arrived == out_.written) {
    out_.end_arrived = true;
    if (state_ == State::kOrphan && in_.end_arrived) state_ = State::kGone;
    return true;
  }
  return false;
}

// ---- The peer.

void Link::peer_send_reset() noexcept {
  peer_reset_ = true;
  peer_closed_ = true;
  reset_on_the_way_ = true;
}

bool Link::peer_write(base::Instant now, Random& random) noexcept {
  if (in_.end_written || in_.written >= script.to_send) return false;
  if (!hurried_ && now < write_at_) return false;
  // A server that waits for a whole request answers a cut one too.
  if (out_.read < script.answer_after && !out_.end_arrived && !hurried_) return false;
  if (in_.written - in_.arrived >= script.receive_buffer) return false;  // its send buffer is full
  const std::uint64_t left = script.to_send - in_.written;
  in_.written += random.part_of(std::min(left, script.chunk_max));
  if (script.pause_one_in != 0 && random.one_in(script.pause_one_in))
    write_at_ = now + script.pause;
  if (random.one_in(2)) static_cast<void>(peer_end());  // at once, if it is to end now
  return true;
}

bool Link::peer_read(base::Instant now, Random& random) noexcept {
  if (out_.arrived == out_.read) return false;
  if (!hurried_ && now < stalled_until_) return false;
  if (!hurried_ && !stalled_once_ && out_.read >= script.stall_at) {
    stalled_once_ = true;
    stalled_until_ = now + script.stall;
    return true;
  }
  out_.read += random.part_of(out_.arrived - out_.read);
  return true;
}

bool Link::peer_end() noexcept {
  const bool all_sent = in_.written >= script.to_send;
  const bool all_read = out_.end_arrived && out_.read == out_.arrived;
  switch (script.end) {
    case PeerEnd::kReset:
      if (hurried_ || all_read ||
          (in_.written >= script.reset_when_sent && out_.read >= script.reset_when_read)) {
        peer_send_reset();
        return true;
      }
      return false;
    case PeerEnd::kClose:
      if (!all_sent) return false;
      if (out_.arrived > out_.read) {
        peer_send_reset();  // closed with unread data
      } else {
        in_.end_written = true;
        peer_closed_ = true;
      }
      return true;
    case PeerEnd::kHalfClose:
    case PeerEnd::kAfterShunt:
      if (!in_.end_written) {
        if (!all_sent) return false;
        if (script.end == PeerEnd::kAfterShunt && !all_read &&
            !(hurried_ && kind == Kind::kClient)) {
          return false;
        }
        in_.end_written = true;
        return true;
      }
      if (!all_read) return false;
      peer_closed_ = true;
      return true;
  }
  return false;
}

bool Link::step(base::Instant now, Random& random) {
  if (state_ == State::kConnecting) {
    if (now >= fail_at) {
      fail_connect(fail_errno);
      return true;
    }
    return false;  // the network's: establishing is judged there
  }
  const std::uint32_t first = random.below(5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    bool did = false;
    switch ((first + i) % 5) {
      case 0:
        did = deliver_to_shunt(random);
        break;
      case 1:
        did = deliver_to_peer(random);
        break;
      case 2:
        did = !peer_closed_ && peer_write(now, random);
        break;
      case 3:
        did = !peer_closed_ && peer_read(now, random);
        break;
      case 4:
        did = !peer_closed_ && peer_end();
        break;
    }
    if (did) return true;
  }
  return false;
}

base::Instant Link::next_time(base::Instant now) const noexcept {
  base::Instant next = kNever;
  const auto consider = [&](base::Instant at) {
    if (at > now) next = std::min(next, at);
  };
  if (state_ == State::kConnecting) {
    consider(establish_at);
    consider(fail_at);
  } else if (!peer_closed_ && !hurried_) {
    if (in_.written < script.to_send) consider(write_at_);
    if (out_.arrived > out_.read) consider(stalled_until_);
  }
  return next;
}

}  // namespace shunt::sim
