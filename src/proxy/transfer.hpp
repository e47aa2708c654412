// Transfer: carries out what the pipes of a relay decide, and keeps its timeouts.
#pragma once

#include <algorithm>
#include <cerrno>
#include <utility>

#include "src/proxy/buffers.hpp"
#include "src/proxy/ending.hpp"
#include "src/proxy/keepalive_options.hpp"
#include "src/proxy/shard.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Transfer {
 public:
  Transfer(Shard<K>& shard, Buffers<K>& buffers, Ending<K>& ending) noexcept
      : shard_(shard), buffers_(buffers), ending_(ending) {}

  // Reads from the client from the start, so that its request is there when the node is, and its
  // reset is seen while connecting. Nothing is sent before the node is connected.
  void start_client(Relay& relay) noexcept {
    // A client seldom connects long before it speaks.
    relay.from(Side::kClient).more_expected = true;
    act(relay, Side::kClient, relay.from(Side::kClient).start(), 0);
  }

  // The node is connected: both directions flow.
  void open(Relay& relay) noexcept {
    SHUNT_CHECK(relay.state == RelayState::kEstablished);
    relay.progressed_at = shard_.now;
    relay.from(Side::kClient).since =
        shard_.now;  // what is held has waited for the node, not stalled
    Pipe& down = relay.from(Side::kNode);
    down.destination_open = true;
    act(relay, Side::kNode, down.start(), 0);
    act(relay, Side::kClient, relay.from(Side::kClient).open_destination(), 0);
    watch(relay);
  }

  // A receive on `source` came back. The relay may be gone when this returns.
  void received(Relay& relay, Side source, const uring::Completion& completion) noexcept {
    Pipe& pipe = relay.from(source);
    std::int32_t result = completion.result;
    pipe.more_expected = completion.more_to_read || result == -ENOBUFS;
    if (result > 0) {
      const auto length = static_cast<std::uint32_t>(result);
      if (pipe.buffer == kLargeBuffer) {
        pipe.length = length;
      } else {
        buffers_.hold(relay, source, completion.buffer, length);
      }
      if (pipe.more_expected) [[unlikely]]
        look_ahead(relay, source);
      moved(relay, source);
      if (source == Side::kNode && relay.first_byte == 0) {
        relay.first_byte = std::max<base::Duration>(1, shard_.now - relay.accepted_at);
      }
    } else {
      if (completion.buffer != uring::kNoBuffer) buffers_.drop(completion.buffer);
      buffers_.release(pipe);  // a large one into which nothing came
      result = true_end(relay, source, result);
    }
    act(relay, source, pipe.received(result), result);
  }

  // A send to `destination` came back. The relay may be gone when this returns.
  void sent(Relay& relay, Side destination, std::int32_t result) noexcept {
    const Side source = other(destination);
    Pipe& pipe = relay.from(source);
    count(relay, source, result);
    const bool reclaim = std::exchange(pipe.reclaiming, false);
    PipeAction action = pipe.sent_some(result);
    if (!pipe.holds_bytes()) {
      buffers_.release(pipe);
      if (action == PipeAction::kReceive && pipe.ahead != kNothingAhead) [[unlikely]] {
        result = std::exchange(pipe.ahead, kNothingAhead);
        action = pipe.received(result);
      }
    } else if (reclaim && action == PipeAction::kSend) {
      buffers_.spill(pipe);
      action = PipeAction::kSendWhenWritable;
    }
    act(relay, source, action, result);
  }

  // Delivered bytes, of a send that came back in whatever state.
  void count(Relay& relay, Side source, std::int32_t result) noexcept {
    if (result <= 0) return;
    const auto bytes = static_cast<std::uint64_t>(result);
    relay.bytes[static_cast<std::uint8_t>(source)] += bytes;
    NodeCounters& node = shard_.node_of(relay);
    (source == Side::kClient ? node.bytes_up : node.bytes_down).add(bytes);
    moved(relay, source);
  }

  // Tries starved pipes again; once a turn.
  void serve_starved() noexcept {
    buffers_.serve_starved(
        [this](Relay& relay, Side source) { act(relay, source, relay.from(source).feed(), 0); });
  }

  // The timer of an established relay: ends it if a timeout has passed, and sets the next look. The
  // relay may be gone when this returns.
  void timer(Relay& relay) noexcept {
    if (relay.close_at != 0 && shard_.now >= relay.close_at) {
      return ending_.close(relay, relay.close_cause);
    }
    if (relay.keepalive_due && shard_.now >= keepalive_at(relay)) {
      relay.keepalive_due = false;
      shard_.kernel.set_keepalive(relay.socket(Side::kNode).fd,
                                  keepalive_options(shard_.table_of(relay).keepalive));
    }
    for (const Side source : {Side::kClient, Side::kNode}) look_for_progress(relay, source);
    for (const Side source : {Side::kClient, Side::kNode}) {
      const Pipe& pipe = relay.from(source);
      if (pipe.state == PipeState::kSending && passed(pipe.since, relay.stalled_ms)) {
        relay.socket(other(source)).reset_at_close = true;
        return ending_.close(relay, CloseCause::kStalled);
      }
    }
    if (passed(relay.progressed_at, relay.idle_ms)) {
      return ending_.close(relay, CloseCause::kIdle);
    }
    if (relay.half_closed() && !sending(relay) &&
        passed(silent_since(relay), relay.half_closed_ms)) {
      return ending_.close(relay, CloseCause::kHalfClosed);
    }
    watch(relay);
  }

  // Makes sure that the timer fires when the next timeout may have passed. Cheap when it is set.
  void watch(Relay& relay) noexcept {
    base::Instant next = UINT64_MAX;
    const auto at = [&next](base::Instant instant) { next = std::min(next, instant); };
    if (relay.close_at != 0) at(relay.close_at);
    if (relay.keepalive_due) at(keepalive_at(relay));
    if (relay.idle_ms != 0) at(relay.progressed_at + span(relay.idle_ms));
    if (sending(relay)) {
      at(next_look(relay));
      for (const Side source : {Side::kClient, Side::kNode}) {
        const Pipe& pipe = relay.from(source);
        if (relay.stalled_ms != 0 && pipe.state == PipeState::kSending) {
          at(pipe.since + span(relay.stalled_ms));
        }
      }
    }
    if (relay.half_closed_ms != 0 && relay.half_closed()) {
      // Its time begins when the send ends, which sets no timer: one look a timeout finds it.
      const base::Instant since = sending(relay) ? shard_.now : silent_since(relay);
      at(since + span(relay.half_closed_ms));
    }
    if (next != UINT64_MAX) shard_.timers.set_at_latest(shard_.relays.slot_of(relay), next);
  }

 private:
  // Most connections that do not last never need it, and it is four calls.
  static constexpr base::Duration kKeepaliveAfter = base::kSecond;
  static base::Instant keepalive_at(const Relay& relay) noexcept {
    return relay.accepted_at + relay.connected + kKeepaliveAfter;
  }

  static base::Duration span(std::uint32_t milliseconds) noexcept {
    return milliseconds * base::kMillisecond;
  }
  // While a send is in flight, several looks a timeout: it completes only with its last byte, so
  // that progress before shows in the socket's queue alone. UINT64_MAX: nothing depends on it.
  [[nodiscard]] base::Instant next_look(const Relay& relay) const noexcept {
    std::uint32_t shortest = UINT32_MAX;
    for (const std::uint32_t limit : {relay.idle_ms, relay.stalled_ms}) {
      if (limit != 0) shortest = std::min(shortest, limit);
    }
    return shortest == UINT32_MAX ? UINT64_MAX : shard_.now + span(shortest) / 4 + 1;
  }
  // Since when a half-closed relay has been without a byte.
  static base::Instant silent_since(const Relay& relay) noexcept {
    return std::max(relay.progressed_at, relay.half_closed_at);
  }
  [[nodiscard]] bool passed(base::Instant since, std::uint32_t milliseconds) const noexcept {
    return milliseconds != 0 && shard_.now - since >= span(milliseconds);
  }
  static bool sending(const Relay& relay) noexcept {
    return relay.pipes[0].state == PipeState::kSending ||
           relay.pipes[1].state == PipeState::kSending;
  }
  static CloseCause cause_of_failure(Side side, std::int32_t result) noexcept {
    const bool reset = result == -ECONNRESET || result == -EPIPE;
    if (side == Side::kClient) return reset ? CloseCause::kClientReset : CloseCause::kClientLost;
    return reset ? CloseCause::kServerReset : CloseCause::kServerLost;
  }

  // Bytes from `source` came or went on.
  void moved(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    pipe.since = relay.progressed_at = shard_.now;
    pipe.unsent = UINT32_MAX;
  }
  void look_for_progress(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    if (pipe.state != PipeState::kSending) return;
    const int queued = shard_.kernel.unsent(relay.socket(other(source)).fd);
    if (queued < 0 || static_cast<std::uint32_t>(queued) == pipe.unsent) return;
    // The first look after `since` counts as movement: what the reader took before it cannot be
    // told, and a timeout may be late by a look, but never early.
    moved(relay, source);
    pipe.unsent = static_cast<std::uint32_t>(queued);
  }

  void act(Relay& relay, Side source, PipeAction action, std::int32_t result) noexcept {
    const Side destination = other(source);
    switch (action) {
      case PipeAction::kNone:
        return;
      case PipeAction::kReceive:
        return receive(relay, source);
      case PipeAction::kStarve:
        return buffers_.starve(relay, source);
      case PipeAction::kSend:
        if (relay.from(source).ahead == 0) [[unlikely]]
          return send_before_end(relay, source);
        return send(relay, source, false);
      case PipeAction::kSendWhenWritable:
        return send(relay, source, true);
      case PipeAction::kPassEnd:
        return pass_end(relay, source);
      case PipeAction::kSourceFailed: {
        const CloseCause cause = cause_of_failure(source, result);
        relay.socket(source).reset_seen = true;
        if (relay.state != RelayState::kEstablished) return ending_.close(relay, cause);
        return ending_.deliver_reset(relay, destination, cause);
      }
      case PipeAction::kDestinationFailed:
        return destination_failed(relay, source, cause_of_failure(destination, result));
    }
  }

  // What a receive said that says 0: an end, or a reset in disguise.
  [[nodiscard]] std::int32_t true_end(Relay& relay, Side source, std::int32_t result) noexcept {
    const bool disguised = result == 0 && relay.to(source).state == PipeState::kSending &&
                           shard_.kernel.is_reset(relay.socket(source).fd);
    return disguised ? -ECONNRESET : result;  // the send in flight took the error and will not tell
  }

  // The socket has more. Where the receive had room for it, that is the end as a rule, which then
  // goes on in one segment with the bytes before it and needs no receive of its own. Apart for the
  // same reason as send_before_end().
  [[gnu::noinline]] void look_ahead(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    if (pipe.length ==
        (pipe.buffer == kLargeBuffer ? buffers_.large_bytes() : shard_.kernel.buffer_bytes())) {
      return;  // and that is why
    }
    const std::int32_t next = true_end(relay, source, shard_.kernel.peek(relay.socket(source).fd));
    if (next <= 0 && next != -EAGAIN) pipe.ahead = next;
  }

  void receive(Relay& relay, Side source) noexcept {
    Socket& socket = relay.socket(source);
    Pipe& pipe = relay.from(source);
    const uring::Tag tag = shard_.tag(receive_of(source), relay);
    ++socket.in_flight;
    if (buffers_.enlarge(pipe)) {
      return shard_.kernel.receive_into(socket.fd, pipe.data, buffers_.large_bytes(), tag);
    }
    shard_.kernel.receive(socket.fd, !pipe.more_expected, tag);
  }

  void send(Relay& relay, Side source, bool when_writable) noexcept {
    const Side destination = other(source);
    Pipe& pipe = relay.from(source);
    ++relay.socket(destination).in_flight;
    shard_.kernel.send(relay.socket(destination).fd, pipe.data + pipe.sent, pipe.length - pipe.sent,
                       when_writable, shard_.tag(send_of(destination), relay));
    if ((relay.stalled_ms | relay.idle_ms) != 0) {
      // Hardly ever moves a timer: one that was set for an earlier send still stands.
      shard_.timers.set_at_latest(shard_.relays.slot_of(relay), next_look(relay));
    }
  }

  // The end follows within this call, and takes with it what is held back for it. Apart from
  // send(), which it would make larger for everybody.
  [[gnu::noinline]] void send_before_end(Relay& relay, Side source) noexcept {
    const Side destination = other(source);
    const Pipe& pipe = relay.from(source);
    // Where a reset follows and no end, nothing takes it along.
    const int result =
        relay.socket(source).reset_seen
            ? -EAGAIN
            : shard_.kernel.send_now(relay.socket(destination).fd, pipe.data + pipe.sent,
                                     pipe.length - pipe.sent, true);
    if (result == -EAGAIN) return send(relay, source, true);
    sent(relay, destination, result);
  }

  // The source ended in order, and every byte of it was handed over.
  void pass_end(Relay& relay, Side source) noexcept {
    const Side destination = other(source);
    if (relay.socket(source).reset_seen) {
      // It had refused bytes before: after that a clean end is a false one.
      return ending_.deliver_reset(relay, destination, relay.cause);
    }
    if (relay.from(destination).state == PipeState::kEnded) {
      return ending_.close(relay, CloseCause::kDone);  // which sends the end as well
    }
    shard_.kernel.shutdown_write(relay.socket(destination).fd);
    relay.half_closed_at = shard_.now;
    watch(relay);
  }

  // The destination takes no more. What it has sent already is still read and delivered, up to its
  // end (an early answer to an upload); then its reset is passed on.
  void destination_failed(Relay& relay, Side source, CloseCause cause) noexcept {
    const Side destination = other(source);
    relay.socket(destination).reset_seen = true;
    relay.cause = cause;
    switch (relay.from(destination).state) {
      case PipeState::kEnded:
        return ending_.deliver_reset(relay, source, cause);
      case PipeState::kCut:
        return ending_.close(relay, cause);
      default:
        relay.half_closed_at = shard_.now;
        return watch(relay);
    }
  }

  Shard<K>& shard_;
  Buffers<K>& buffers_;
  Ending<K>& ending_;
};

}  // namespace shunt::proxy
