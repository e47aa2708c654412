// Timeouts: what becomes of an established relay because time passes. Each relay has one timer,
// which is set to the next instant at which something may be due, and looks at all of it.
#pragma once

#include <algorithm>

#include "src/proxy/ending.hpp"
#include "src/proxy/keepalive_options.hpp"
#include "src/proxy/shard.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Timeouts {
 public:
  Timeouts(Shard<K>& shard, Ending<K>& ending) noexcept : shard_(shard), ending_(ending) {}

  // The timer of an established relay: ends it if a timeout has passed, and sets the next look. The
  // relay may be gone when this returns.
  void timer(Relay& relay) noexcept {
    if (relay.close_at != 0 && shard_.now >= relay.close_at) {
      return ending_.close(relay, relay.close_cause);
    }
    if (relay.keepalive_due && shard_.now >= keepalive_at(relay)) {
      relay.keepalive_due = false;
      shard_.kernel.set_keepalive(
          relay.socket(Side::kNode).fd,
          keepalive_options(shard_.root->services[relay.service]->keepalive));
    }
    for (const Side source : {Side::kClient, Side::kNode}) {
      look_for_progress(relay, source);
      look_again(relay, source);
    }
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
    for (const Pipe& pipe : relay.pipes) {
      if (waits_for_messages(pipe)) {
        at(pipe.since + kTrusted);
      } else if (pipe.multishot == Multishot::kArmed) {
        at(shard_.now + kTrusted);  // its time begins when the send ends, which sets no timer
      }
    }
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
    if (next != UINT64_MAX) set_at_latest(relay, next);
  }

  // A send was queued. Hardly ever moves a timer: one that was set for an earlier send still
  // stands.
  void send_begins(Relay& relay) noexcept {
    if ((relay.stalled_ms | relay.idle_ms) != 0) set_at_latest(relay, next_look(relay));
  }
  // A multishot receive was queued.
  void multishot_begins(Relay& relay) noexcept { set_at_latest(relay, shard_.now + kTrusted); }
  // Bytes from `source` came or went on.
  void moved(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    pipe.since = relay.progressed_at = shard_.now;
    pipe.unsent = UINT32_MAX;
  }

 private:
  // So long a multishot receive that says nothing is believed that there is nothing: it may have
  // missed an end (kernel.hpp), and who is silent for longer needs none.
  static constexpr base::Duration kTrusted = base::kSecond;
  static bool waits_for_messages(const Pipe& pipe) noexcept {
    return pipe.multishot == Multishot::kArmed && pipe.state == PipeState::kReceiving;
  }
  void look_again(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    if (waits_for_messages(pipe) && shard_.now - pipe.since >= kTrusted) {
      pipe.calm_receives = 0;
      shard_.stop_receiving(relay, source);
    }
  }

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

  void set_at_latest(Relay& relay, base::Instant at) noexcept {
    shard_.timers.set_at_latest(shard_.relays.slot_of(relay), at);
  }

  Shard<K>& shard_;
  Ending<K>& ending_;
};

}  // namespace shunt::proxy
