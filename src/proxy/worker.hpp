// Worker: one thread's loop. A turn reads the root, brings connecting relays in line with it,
// handles a bounded number of completions, timers and requests, and hands the next operations to
// the kernel, sleeping there when nothing is left to do. It shares nothing with other workers but
// the root pointer, its mailbox, its outbox, its counters and its seat among its peers.
#pragma once

#include <array>

#include "shunt/base/check.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "src/proxy/acceptor.hpp"
#include "src/proxy/buffers.hpp"
#include "src/proxy/busy_poll.hpp"
#include "src/proxy/connector.hpp"
#include "src/proxy/ending.hpp"
#include "src/proxy/requests.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/timeouts.hpp"
#include "src/proxy/transfer.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class alignas(base::kLinePair) Worker {
 public:
  // Both must outlive the worker. ready() must be true before anything else is called.
  Worker(K& kernel, const WorkerSetup& setup)
      : shard_(kernel, setup),
        buffers_(shard_),
        ending_(shard_, buffers_),
        timeouts_(shard_, ending_),
        transfer_(shard_, buffers_, ending_, timeouts_),
        connector_(shard_, ending_, transfer_),
        acceptor_(shard_, connector_, transfer_),
        requests_(shard_, ending_, timeouts_, acceptor_),
        busy_poll_(setup.busy_poll, setup.cpu_is_shared) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The machine gave the address space for its relays.
  [[nodiscard]] bool ready() const noexcept { return shard_.relays.ok(); }

  // Arms the listeners and the wake-up.
  void start() noexcept {
    arm_wake();
    acceptor_.start();
  }

  // One turn, which may sleep at its end. False once StopWorker has come, everything is closed and
  // nothing is in flight: do not call it again.
  [[nodiscard]] bool turn() noexcept {
    shard_.counters.turns.add();
    shard_.now = shard_.kernel.now();
    if (busy_poll_.on()) busy_poll_.woke(shard_.now);
    adopt();
    handle_completions();
    shard_.timers.advance(shard_.now, base::kWalkPerTurn,
                          [this](std::uint32_t slot) { timer(shard_.relays.at(slot)); });
    acceptor_.step();
    requests_.step();
    if (Relay* surplus = buffers_.surplus()) ending_.close(*surplus, CloseCause::kNoBuffers);
    transfer_.serve_starved();
    buffers_.rest();
    shard_.root = nullptr;
    if (over()) return false;
    enter_kernel();
    return true;
  }

  // For tests and simulations.
  [[nodiscard]] const RelaySlab& relays() const noexcept { return shard_.relays; }
  [[nodiscard]] std::uint32_t splice_pipes_taken() const noexcept {
    return buffers_.splice_pipes().taken();
  }
  [[nodiscard]] std::uint32_t large_buffers_taken() const noexcept {
    return buffers_.large_taken();
  }

 private:
  [[nodiscard]] Publication& publication() noexcept { return *shard_.setup.publication; }

  // Reads the root and brings connecting relays in line with it. Control hears of it once all are.
  void adopt() noexcept {
    const std::uint32_t index = shard_.setup.index;
    shard_.root = publication().begin_turn(index, followed_, !shard_.connecting.empty());
    const traffic::Revision follows = connector_.follow();
    if (follows == followed_) return;
    followed_ = follows;
    publication().note_followed(index, followed_, !shard_.connecting.empty());
    if (shard_.setup.adoption_fd >= 0) shard_.kernel.signal(shard_.setup.adoption_fd);
  }

  void handle_completions() noexcept {
    std::uint32_t handled = 0;
    while (handled < base::kCompletionsPerTurn) {
      const std::size_t count = shard_.kernel.reap(batch_);
      for (std::size_t i = 0; i < count; ++i) handle(batch_[i]);
      handled += static_cast<std::uint32_t>(count);
      if (count < batch_.size()) break;
      // A switch does not wait for the rest of a long turn.
      if (publication().replaced(shard_.root)) [[unlikely]]
        adopt();
    }
    gather_ = std::exchange(accepted_, false) && handled >= base::kGatherAfter;
    if (handled > base::kCrowdedTurn) {
      shard_.crowded_turns = base::kCrowdLasts;
    } else if (shard_.crowded_turns != 0) {
      --shard_.crowded_turns;
    }
    shard_.counters.completions.add(handled);
  }

  void handle(const uring::Completion& completion) noexcept {
    const auto operation = static_cast<Operation>(completion.tag.kind);
    switch (operation) {
      case Operation::kWake:
        wake_armed_ = false;
        // Also while it stops: a connection that was under way to it may come back to its sender.
        if (!wake_withdrawn_) arm_wake();
        return;
      case Operation::kCancelWake:
        wake_cancelling_ = false;
        return;
      case Operation::kAccept:
        accepted_ = true;
        return acceptor_.accepted(completion.tag.slot, completion);
      case Operation::kCancelAccept:
        return acceptor_.cancel_returned(completion.tag.slot);
      case Operation::kHandedOver:
        return acceptor_.handed_over(completion.tag.slot, completion.result);
      case Operation::kHandOver:
        return acceptor_.message_returned(completion);
      default:
        break;
    }
    Relay* relay = shard_.relays.find(completion.tag.slot, completion.tag.generation);
    if (relay == nullptr) [[unlikely]] {
      // A relay's slot is freed only when nothing is in flight, so this is our own or the kernel's
      // mistake; what it names belongs to somebody else now.
      shard_.counters.stale_completions.add();
      if (completion.buffer != uring::kNoBuffer) buffers_.drop(completion.buffer);
      return;
    }
    switch (operation) {
      case Operation::kReceiveClient:
        return received(*relay, Side::kClient, completion);
      case Operation::kReceiveNode:
        return received(*relay, Side::kNode, completion);
      case Operation::kSendClient:
        return sent(*relay, Side::kClient, completion.result);
      case Operation::kSendNode:
        return sent(*relay, Side::kNode, completion.result);
      case Operation::kPollNode:
        return polled(*relay, completion.result);
      case Operation::kCancelClient:
        return returned(*relay, Side::kClient);
      case Operation::kCancelNode:
        return returned(*relay, Side::kNode);
      default:
        return;
    }
  }

  static bool ending(const Relay& relay) noexcept {
    return relay.state == RelayState::kDelivering || relay.state == RelayState::kClosing;
  }
  // This and sent() are on the way of every message, and a call each is a fifteenth of one.
  [[gnu::always_inline]] void received(Relay& relay, Side source,
                                       const uring::Completion& completion) noexcept {
    if (!completion.more) --relay.socket(source).in_flight;
    busy_poll_.active(completion.tag.slot);
    if (!ending(relay)) return transfer_.received(relay, source, completion);
    if (completion.buffer != uring::kNoBuffer) buffers_.drop(completion.buffer);
    const bool read = !relay.from(source).waits_readable;  // and not a poll
    if (read && completion.result > 0 && relay.state == RelayState::kClosing) {
      // It came before the cancel and goes no further: an end in order would hide that.
      relay.socket(other(source)).reset_at_close = true;
    }
    ending_.settle(relay);
  }
  [[gnu::always_inline]] void sent(Relay& relay, Side destination, std::int32_t result) noexcept {
    --relay.socket(destination).in_flight;
    if (!ending(relay)) return transfer_.sent(relay, destination, result);
    if (relay.to(destination).is_spliced()) return ending_.settle(relay);  // it was a poll
    transfer_.count(relay, other(destination), result);
    if (result > 0) relay.to(destination).sent += static_cast<std::uint32_t>(result);
    ending_.settle(relay);
  }
  void polled(Relay& relay, std::int32_t result) noexcept {
    if (relay.state != RelayState::kConnecting) return returned(relay, Side::kNode);
    --relay.socket(Side::kNode).in_flight;
    connector_.polled(relay, result);
  }
  // An operation came back whose result does not matter any more.
  void returned(Relay& relay, Side side) noexcept {
    --relay.socket(side).in_flight;
    if (relay.state == RelayState::kRetreating) return connector_.retreated(relay);
    if (ending(relay)) ending_.settle(relay);
  }

  void timer(Relay& relay) noexcept {
    switch (relay.state) {
      case RelayState::kConnecting:
      case RelayState::kPausing:
        return connector_.timer(relay);
      case RelayState::kEstablished:
        return established_timer(relay);
      case RelayState::kDelivering:
        return ending_.settle(relay);
      case RelayState::kFree:
      case RelayState::kRetreating:
      case RelayState::kClosing:
        return;
    }
  }

  void established_timer(Relay& relay) noexcept {
    if (relay.pipes[0].parked || relay.pipes[1].parked) [[unlikely]] {
      transfer_.unpark(relay);
      if (relay.state != RelayState::kEstablished) return;
    }
    timeouts_.timer(relay);
  }

  void arm_wake() noexcept {
    wake_armed_ = true;
    shard_.kernel.read_wake(shard_.setup.wake_fd, wake_tag(Operation::kWake));
  }
  static uring::Tag wake_tag(Operation operation) noexcept {
    return {static_cast<std::uint8_t>(operation), 0, 0};
  }

  // Everything is closed; the pending wake-up is the last operation to come back.
  [[nodiscard]] bool over() noexcept {
    if (!requests_.stopping() || shard_.relays.used() != 0 || !acceptor_.stopped()) return false;
    if (wake_armed_ && !wake_withdrawn_) {
      wake_withdrawn_ = wake_cancelling_ = true;
      shard_.kernel.cancel_tag(wake_tag(Operation::kWake), wake_tag(Operation::kCancelWake));
    }
    if (wake_armed_ || wake_cancelling_) return false;
    publication().go_offline(shard_.setup.index, followed_, false);
    return true;
  }

  void enter_kernel() noexcept {
    shard_.counters.enters.add();
    base::Duration wait = uring::kNoWait;
    if (!shard_.kernel.has_completions() && !connector_.following() && !requests_.busy() &&
        !acceptor_.busy()) {
      wait = std::min(
          {shard_.timers.until_next(shard_.now), acceptor_.until_next(), buffers_.until_next()});
    }
    // The wake-up's read is in the ring or goes there with this call, and an eventfd keeps its
    // count: a wake() between the mark and the wait is not lost.
    publication().go_offline(shard_.setup.index, followed_, !shard_.connecting.empty());
    const bool gathers = wait != uring::kNoWait && may_gather();
    if (wait != uring::kNoWait && !gathers && busy_poll_.on()) wait = left_after_watch(wait);
    SHUNT_CHECK(shard_.kernel.submit_and_wait(wait, gathers) == 0);
  }

  // Not where connects are under way, as they are to nodes on other machines: each wants its
  // answer, and a switch has to re-point them.
  [[nodiscard]] bool may_gather() const noexcept {
    return gather_ && shard_.connecting.empty() && busy_poll_.may_gather();
  }

  // Before a sleep of so long: watches for what comes, where that pays. Returns how long there is
  // left to sleep.
  base::Duration left_after_watch(base::Duration wait) noexcept {
    const base::Duration span = std::min(wait, busy_poll_.span(shard_.now));
    if (span == 0) return wait;
    const base::Duration watched = shard_.kernel.watch(span);
    busy_poll_.spent(watched);
    shard_.counters.watched_ns.add(watched);
    return wait == uring::kForever ? wait : wait - std::min(wait, watched);
  }

  Shard<K> shard_;
  Buffers<K> buffers_;
  Ending<K> ending_;
  Timeouts<K> timeouts_;
  Transfer<K> transfer_;
  Connector<K> connector_;
  Acceptor<K> acceptor_;
  Requests<K> requests_;
  BusyPoll busy_poll_;
  // Not a local: it would be initialised each turn, which was an eighth of a message.
  std::array<uring::Completion, 16> batch_;
  traffic::Revision followed_ = 0;
  bool accepted_ = false;  // a connection, in this turn
  bool gather_ = false;    // the next sleep may go on until several completions are there
  bool wake_armed_ = false;
  bool wake_withdrawn_ = false;
  bool wake_cancelling_ = false;
};

}  // namespace shunt::proxy
