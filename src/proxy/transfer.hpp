// Transfer: carries out what the pipes of a relay decide.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "src/proxy/buffers.hpp"
#include "src/proxy/ending.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/timeouts.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Transfer {
 public:
  Transfer(Shard<K>& shard, Buffers<K>& buffers, Ending<K>& ending, Timeouts<K>& timeouts) noexcept
      : shard_(shard), buffers_(buffers), ending_(ending), timeouts_(timeouts) {}

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
    timeouts_.watch(relay);
  }

  // A receive on `source` came back. The relay may be gone when this returns.
  void received(Relay& relay, Side source, const uring::Completion& completion) noexcept {
    Pipe& pipe = relay.from(source);
    std::int32_t result = completion.result;
    if (!completion.more) pipe.multishot = Multishot::kOff;
    // A cancel says nothing of what is there.
    if (result != -ECANCELED) [[likely]]
      pipe.more_expected = completion.more_to_read || result == -ENOBUFS;
    if (pipe.waits_readable) [[unlikely]]
      return splice_in(relay, source);
    if (pipe.state != PipeState::kReceiving) [[unlikely]]
      return received_ahead(relay, source, completion);
    if (result > 0) {
      const auto length = static_cast<std::uint32_t>(result);
      if (pipe.buffer == kLargeBuffer) {
        pipe.length = length;
      } else {
        buffers_.hold(relay, source, completion.buffer, length);
      }
      // What is armed finds out by itself.
      if (pipe.more_expected && !completion.more) [[unlikely]]
        look_ahead(relay, source);
      timeouts_.moved(relay, source);
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
    if (pipe.is_spliced()) [[unlikely]]
      return splice_out(relay, source, result);
    count(relay, source, result);
    const bool reclaim = pipe.reclaiming;
    pipe.reclaiming = false;
    PipeAction action = pipe.sent_some(result);
    if (!pipe.holds_bytes() && action != PipeAction::kSendNext) {
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
    timeouts_.moved(relay, source);
  }

  // At the timer of an established relay: what waits for it is tried again. The relay may be over
  // when this returns.
  void unpark(Relay& relay) noexcept {
    for (const Side source : {Side::kClient, Side::kNode}) {
      Pipe& pipe = relay.from(source);
      if (!pipe.parked || relay.state != RelayState::kEstablished) continue;
      pipe.parked = false;
      splice_out(relay, source, POLLRDHUP);
    }
  }

  // Tries starved pipes again; once a turn.
  void serve_starved() noexcept {
    buffers_.serve_starved(
        [this](Relay& relay, Side source) { act(relay, source, relay.from(source).feed(), 0); });
  }

 private:
  // What a slow reader's socket may stand empty for, where nothing tells of room in it.
  static constexpr base::Duration kParkedPause = 5 * base::kMillisecond;

  static CloseCause cause_of_failure(Side side, std::int32_t result) noexcept {
    const bool reset = result == -ECONNRESET || result == -EPIPE;
    if (side == Side::kClient) return reset ? CloseCause::kClientReset : CloseCause::kClientLost;
    return reset ? CloseCause::kServerReset : CloseCause::kServerLost;
  }

  void act(Relay& relay, Side source, PipeAction action, std::int32_t result) noexcept {
    const Side destination = other(source);
    switch (action) {
      case PipeAction::kNone:
        return;
      case PipeAction::kReceive:
        return receive(relay, source);
      case PipeAction::kStopReceiving:
        return shard_.stop_receiving(relay, source);
      case PipeAction::kStarve:
        return buffers_.starve(relay, source);
      case PipeAction::kSendNext:
        buffers_.advance(relay.from(source));
        [[fallthrough]];
      case PipeAction::kSend:
        if (relay.from(source).ends_after_this()) [[unlikely]]
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
    if (next <= 0 && next != -EAGAIN) pipe.ahead = static_cast<std::int16_t>(next);
  }

  // While it is sending, or has no destination any more. Apart: seldom.
  [[gnu::noinline]] void received_ahead(Relay& relay, Side source,
                                        const uring::Completion& completion) noexcept {
    Pipe& pipe = relay.from(source);
    const bool wanted = pipe.state == PipeState::kSending;
    if (wanted && completion.result > 0) {
      buffers_.queue(relay, source, completion.buffer,
                     static_cast<std::uint32_t>(completion.result));
      relay.progressed_at = shard_.now;  // but its reader may be as slow as it was
    } else if (completion.buffer != uring::kNoBuffer) {
      buffers_.drop(completion.buffer);
    }
    if (!wanted) return;
    if (completion.result == -ENOBUFS) shard_.counters.buffer_starved.add();
    const std::int32_t result = true_end(relay, source, completion.result);
    act(relay, source, pipe.received_ahead(result), result);
  }

  void receive(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    if (!buffers_.may_splice(pipe)) [[likely]]
      return receive_copy(relay, source);
    pipe.waits_readable = true;
    Socket& socket = relay.socket(source);
    ++socket.in_flight;
    shard_.kernel.poll(socket.fd, POLLIN, shard_.tag(receive_of(source), relay));
  }

  void receive_copy(Relay& relay, Side source) noexcept {
    Socket& socket = relay.socket(source);
    Pipe& pipe = relay.from(source);
    const uring::Tag tag = shard_.tag(receive_of(source), relay);
    ++socket.in_flight;
    if (buffers_.enlarge(pipe)) {
      return shard_.kernel.receive_into(socket.fd, pipe.data, buffers_.large_bytes(), tag);
    }
    if (pipe.is_calm() && shard_.kernel.multishot_receives()) {
      pipe.multishot = Multishot::kArmed;
      timeouts_.multishot_begins(relay);
      return shard_.kernel.receive_multishot(socket.fd, tag);
    }
    shard_.kernel.receive(socket.fd, !pipe.more_expected, tag);
  }

  void send(Relay& relay, Side source, bool when_writable) noexcept {
    const Side destination = other(source);
    Pipe& pipe = relay.from(source);
    if (pipe.is_spliced()) [[unlikely]]
      return splice_out(relay, source, 0);
    ++relay.socket(destination).in_flight;
    shard_.kernel.send(relay.socket(destination).fd, pipe.data + pipe.sent, pipe.length - pipe.sent,
                       when_writable, shard_.tag(send_of(destination), relay));
    timeouts_.send_begins(relay);
  }

  // The source of a stream has something to say. Apart, as splice_out(): a stream pays less for the
  // call than messages would for its lines.
  [[gnu::noinline]] void splice_in(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    pipe.waits_readable = false;
    std::int32_t result = buffers_.splice_in(relay, source);
    if (result <= 0 && result != -EAGAIN && result != -ENOBUFS) {
      // An end or a failure, but not before bytes that a splice cannot take.
      const int next = shard_.kernel.peek(relay.socket(source).fd);
      if (next > 0) {
        if (result < 0) {  // told only once
          relay.socket(source).reset_seen = true;
          relay.cause = cause_of_failure(source, result);
        }
        pipe.never_spliced = true;
        result = -EAGAIN;
      } else if (result == 0) {
        result = true_end(relay, source, next);
      }
    }
    pipe.more_expected = result == -ENOBUFS || (result > 0 && pipe.full_receives != 0);
    if (result == -ENOBUFS) return receive_copy(relay, source);
    if (result > 0) timeouts_.moved(relay, source);
    act(relay, source, pipe.received(result), result);
  }

  // Sends what the destination takes of what a kernel pipe holds, and waits until it takes the
  // rest. polled: what the poll said that waited for it; 0: none did.
  [[gnu::noinline]] void splice_out(Relay& relay, Side source, std::int32_t polled) noexcept {
    const Side destination = other(source);
    Pipe& pipe = relay.from(source);
    const std::int32_t result = buffers_.splice_out(relay, source);
    count(relay, source, result);
    const PipeAction action = pipe.sent_some(result);
    if (!pipe.holds_bytes()) {
      buffers_.release(pipe);
      return act(relay, source, action, result);
    }
    if (polled != 0 && result == -EAGAIN) {
      // It has ended its own side, which ends every poll (kernel.hpp): a send can wait for it.
      if ((polled & POLLRDHUP) != 0 && buffers_.pour(pipe)) return send(relay, source, true);
      pipe.parked = true;
      shard_.timers.set_at_latest(shard_.relays.slot_of(relay), shard_.now + kParkedPause);
      return;
    }
    ++relay.socket(destination).in_flight;
    shard_.kernel.poll(relay.socket(destination).fd, POLLOUT,
                       shard_.tag(send_of(destination), relay));
    timeouts_.send_begins(relay);
  }

  // The end follows within this call, and takes with it what is held back for it. Apart from
  // send(), which it would make larger for everybody.
  [[gnu::noinline]] void send_before_end(Relay& relay, Side source) noexcept {
    const Side destination = other(source);
    const Pipe& pipe = relay.from(source);
    // Until the handshake of a client by TCP Fast Open is over, its end waits for that, and what is
    // held back waits with it (seen on 6.18). Whether it is over takes a call; a segment more for
    // such clients costs less than one for all.
    const bool hold =
        destination == Side::kNode || !shard_.root->services[relay.service]->fast_open;
    // Where a reset follows and no end, nothing takes it along; nor where both have ended, and the
    // close waits for a cancel.
    const bool follows =
        !relay.socket(source).reset_seen && (relay.from(destination).alive() || !relay.in_flight());
    const int result =
        follows ? shard_.kernel.send_now(relay.socket(destination).fd, pipe.data + pipe.sent,
                                         pipe.length - pipe.sent, hold)
                : -EAGAIN;
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
    timeouts_.watch(relay);
  }

  // The destination takes no more. What it has sent already is still read and delivered, up to its
  // end (an early answer to an upload); then its reset is passed on.
  void destination_failed(Relay& relay, Side source, CloseCause cause) noexcept {
    const Side destination = other(source);
    relay.socket(destination).reset_seen = true;
    relay.cause = cause;
    Pipe& pipe = relay.from(source);
    buffers_.release_queued(pipe);
    if (pipe.multishot == Multishot::kArmed) shard_.stop_receiving(relay, source);
    switch (relay.from(destination).state) {
      case PipeState::kEnded:
        return ending_.deliver_reset(relay, source, cause);
      case PipeState::kCut:
        return ending_.close(relay, cause);
      default:
        relay.half_closed_at = shard_.now;
        return timeouts_.watch(relay);
    }
  }

  Shard<K>& shard_;
  Buffers<K>& buffers_;
  Ending<K>& ending_;
  Timeouts<K>& timeouts_;
};

}  // namespace shunt::proxy
