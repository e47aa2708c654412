// Ending: how a relay goes. Everything of it that is in the kernel is cancelled, every completion
// is waited for, and only then are its descriptors closed and its slot freed: a descriptor closed
// with a receive pending neither sends FIN nor ends the receive, and its number may belong to
// another connection when the completion comes.
#pragma once

#include "src/proxy/buffers.hpp"
#include "src/proxy/shard.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Ending {
 public:
  Ending(Shard<K>& shard, Buffers<K>& buffers) noexcept : shard_(shard), buffers_(buffers) {}

  // Ends the relay for this cause. It may be gone when this returns.
  void close(Relay& relay, CloseCause cause) noexcept {
    if (relay.state == RelayState::kClosing) return;
    relay.cause = cause;
    if (relay.state == RelayState::kConnecting) {
      // Dead at once, or it could still succeed, on a pool that is switched away meanwhile.
      shard_.kernel.disconnect(relay.socket(Side::kNode).fd);
      leave_attempt(relay);
      shard_.cancel(relay, Side::kNode, Operation::kPollNode);
    }
    const bool withdrawn = relay.state == RelayState::kDelivering;
    relay.state = RelayState::kClosing;
    if (!withdrawn) withdraw(relay);
    settle(relay);
  }

  // One side was reset: passes the reset on to the other, after that side has taken every byte that
  // was read before. It may be gone when this returns.
  void deliver_reset(Relay& relay, Side to, CloseCause cause) noexcept {
    SHUNT_CHECK(relay.state == RelayState::kEstablished);
    relay.cause = cause;
    relay.state = RelayState::kDelivering;
    relay.attempt_at = shard_.now;
    relay.delivers_to = to;
    relay.socket(to).reset_at_close = true;
    relay.to(to).unsent = UINT32_MAX;
    relay.to(to).since = shard_.now;
    withdraw(relay);
    settle(relay);
  }

  // After each completion of a relay that is delivering or closing, and at its timer.
  void settle(Relay& relay) noexcept {
    if (relay.in_flight()) return;
    if (relay.state == RelayState::kDelivering && !delivered(relay)) {
      void_bytes(relay);  // others may want the buffers meanwhile
      // Looks again after a while that grows with the wait, so that thousands cost little.
      const base::Duration waited = shard_.now - relay.attempt_at;
      shard_.timers.set(shard_.relays.slot_of(relay),
                        shard_.now + std::clamp(waited / 4, base::kMillisecond, kDeliveryPauseMax));
      return;
    }
    bury(relay);
  }

  // The attempt on relay.node is over or has become a connection: it no longer counts as
  // connecting.
  void leave_attempt(Relay& relay) noexcept {
    if (relay.state != RelayState::kConnecting) return;
    shard_.connecting.remove(shard_.relays.slot_of(relay));
    shard_.node_of(relay).connecting.subtract();
  }
  void release_live(Relay& relay) noexcept {
    if (std::exchange(relay.live_reserved, false)) shard_.setup.live->release(relay.node);
  }

 private:
  // How long a reset waits for the bytes before it (contract: bounded) when the reader takes none
  // of them, and in all; and between two looks.
  static constexpr base::Duration kDeliveryStillMax = 5 * base::kSecond;
  static constexpr base::Duration kDeliveryMax = 60 * base::kSecond;
  static constexpr base::Duration kDeliveryPauseMax = 50 * base::kMillisecond;

  // SIOCOUTQ of the destination is 0: SO_LINGER 0 before would destroy what is queued there.
  [[nodiscard]] bool delivered(Relay& relay) noexcept {
    if (shard_.now - relay.attempt_at >= kDeliveryMax) return true;
    const Side to = relay.delivers_to;
    const int queued = shard_.kernel.unsent(relay.socket(to).fd);
    if (queued <= 0) return true;
    Pipe& pipe = relay.to(to);
    if (static_cast<std::uint32_t>(queued) != pipe.unsent) {
      pipe.unsent = static_cast<std::uint32_t>(queued);
      pipe.since = shard_.now;
    }
    return shard_.now - pipe.since >= kDeliveryStillMax;
  }

  // Takes the relay out of every queue and out of the kernel.
  void withdraw(Relay& relay) noexcept {
    shard_.timers.cancel(shard_.relays.slot_of(relay));
    for (const Side side : {Side::kClient, Side::kNode}) {
      Pipe& pipe = relay.from(side);
      if (pipe.state == PipeState::kStarved) {
        buffers_.leave_queue(pipe);
        pipe.state = PipeState::kCut;
      }
      if (pipe.receives()) shard_.cancel(relay, side, receive_of(side));
      if (relay.to(side).state == PipeState::kSending) shard_.cancel(relay, side, send_of(side));
    }
  }

  // Frees what was read and cannot be delivered any more. A FIN would make the rest look whole.
  void void_bytes(Relay& relay) noexcept {
    for (const Side side : {Side::kClient, Side::kNode}) {
      Pipe& towards = relay.to(side);
      if (towards.has_bytes() && relay.established) relay.socket(side).reset_at_close = true;
      buffers_.release(towards);
      buffers_.release_queued(towards);
    }
  }

  void bury(Relay& relay) noexcept {
    void_bytes(relay);
    for (const Side side : {Side::kClient, Side::kNode}) {
      Socket& socket = relay.socket(side);
      if (socket.fd < 0) continue;
      if (socket.reset_at_close) {
        shard_.kernel.reset(socket.fd);
      } else {
        shard_.kernel.close(socket.fd);
      }
    }
    shard_.timers.cancel(shard_.relays.slot_of(relay));
    release_live(relay);
    if (relay.established) shard_.node_of(relay).established.subtract();
    shard_.service_of(relay).open.subtract();
    shard_.counters.closed[static_cast<std::size_t>(relay.cause)].add();
    shard_.counters.relays.subtract();
    shard_.setup.open->count.fetch_sub(1, std::memory_order_relaxed);
    record(relay);
    shard_.relays.release(shard_.relays.slot_of(relay));
  }

  void record(const Relay& relay) noexcept {
    ConnectionEnd end;
    end.id = relay.id;
    end.client = relay.client;
    end.cause = relay.cause;
    end.attempts = relay.attempts;
    end.repointed = relay.repointed;
    end.service = relay.service;
    end.pool = relay.pool;
    end.node = relay.node;
    end.epoch = relay.epoch;
    end.bytes_up = relay.bytes[0];
    end.bytes_down = relay.bytes[1];
    end.ended_wall_ms = shard_.kernel.wall_ms();
    end.connected = relay.connected;
    end.connect = relay.connect;
    end.first_byte = relay.first_byte;
    end.total = shard_.now - relay.accepted_at;
    shard_.setup.outbox->leave(end);
  }

  Shard<K>& shard_;
  Buffers<K>& buffers_;
};

}  // namespace shunt::proxy
