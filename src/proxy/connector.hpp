// Connector: finds a node for a relay and connects to it. connect(2) is called directly and answers
// by POLLOUT; every attempt has a deadline; an attempt that failed is followed by one on another
// node, chosen from the table that is current then. When a new root makes another pool active,
// connects that have not been seen to succeed are taken back and begun anew.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/traffic/balance.hpp"
#include "src/proxy/ending.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/transfer.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Connector {
 public:
  Connector(Shard<K>& shard, Ending<K>& ending, Transfer<K>& transfer)
      : shard_(shard),
        ending_(ending),
        transfer_(transfer),
        picks_(shard.setup.app_of.size()),
        retry_picks_(shard.setup.app_of.size()),
        share_picks_(shard.setup.app_of.size()),
        sources_(shard.setup.app_of.size()),
        failed_last_(shard.setup.app_of.size() * shard.setup.live->slots()) {
    // Workers begin at different places of the schedule, or all would open with the same node.
    random_.state += shard.setup.index * 0x632BE59BD9B4E019ULL;
    for (traffic::PickState& pick : picks_) pick.cursor = shard.setup.index * 7;
    for (std::uint32_t& source : sources_) source = shard.setup.index;
  }

  // Picks a node from this turn's root and begins to connect, again and again until an attempt is
  // under way or none is left. The relay may be established, or gone, when this returns.
  void begin(Relay& relay) noexcept {
    relay.state = RelayState::kRetreating;  // until an attempt is under way
    while (true) {
      const traffic::ServiceTable& table = shard_.table_of(relay);
      // Switched while it paused or retreated: what was tried is of a pool that was left.
      if (table.pool != relay.pool && (relay.tried_count != 0 || relay.paused_since != 0)) {
        start_over(relay);
      }
      const traffic::Candidate* candidate = choose(relay, table);
      // It was live when they were tried: the live pool of now has not been.
      if (candidate == nullptr && &table != &live_of(relay) && !relay.share_failed) {
        relay.share_failed = true;
        continue;
      }
      if (candidate == nullptr) return give_up(relay);
      if (relay.tried_count != 0) shard_.service_of(relay).retried.add();
      note_choice(relay, table, *candidate);
      int result = attempt(relay, table, *candidate);
      if (result == 0 && met_itself(relay)) result = -ECONNREFUSED;
      if (result == 0) return connected(relay, shard_.kernel.now());
      if (result == -EINPROGRESS) return wait_for_connect(relay, table.timeouts.connect);
      drop_socket(relay);
      ending_.release_live(relay);
      if (result == -EAGAIN && pause(relay, table.timeouts.connect)) return;
      if (is_own_shortage(result)) {
        relay.cause = cause_of(result);
        return give_up(relay, true);
      }
      attempt_failed(relay, result == -EAGAIN ? -ETIMEDOUT : result);
    }
  }

  // The connect's poll came back. The relay may be gone when this returns.
  void polled(Relay& relay, std::int32_t result) noexcept {
    SHUNT_CHECK(relay.state == RelayState::kConnecting);
    int error = result < 0 ? result : shard_.kernel.take_error(relay.socket(Side::kNode).fd);
    if (error == 0 && (result & (POLLERR | POLLHUP)) != 0 && (result & POLLOUT) == 0) {
      error = -ECONNREFUSED;
    }
    if (error == 0) {
      // This turn's root is newer than the attempt: not a byte has left, so it is still taken back.
      if (switched_away(relay)) return take_back(relay);
      if (!met_itself(relay)) return connected(relay, shard_.now);
      error = -ECONNREFUSED;
    }
    retreat(relay);
    attempt_failed(relay, error);
    retreated(relay);
  }

  // The deadline of an attempt passed, or a pause is over.
  void timer(Relay& relay) noexcept {
    if (relay.state == RelayState::kPausing) return begin(relay);
    SHUNT_CHECK(relay.state == RelayState::kConnecting);
    retreat(relay);
    attempt_failed(relay, -ETIMEDOUT);
    retreated(relay);
  }

  // A completion of the node's socket came back while retreating: goes on once it was the last.
  void retreated(Relay& relay) noexcept {
    if (relay.socket(Side::kNode).in_flight != 0) return;
    drop_socket(relay);
    begin(relay);
  }

  // Once a turn: brings connecting relays in line with this turn's root, a bounded number. Returns
  // the revision that all of them follow now.
  traffic::Revision follow() noexcept {
    if (shard_.root->revision != following_) {
      following_ = shard_.root->revision;
      unchecked_ = shard_.connecting.count();
    }
    std::uint32_t detached = 0;
    std::uint32_t walked = 0;
    while (unchecked_ != 0 && !shard_.connecting.empty() && detached < base::kDetachesPerTurn &&
           walked < base::kWalkPerTurn) {
      // Checked ones go to the end, where new ones are that follow the root already. Relays that
      // left the list meanwhile make the count too high, which costs a second look and no more.
      --unchecked_;
      ++walked;
      const std::uint32_t slot = shard_.connecting.first();
      Relay& relay = shard_.relays.at(slot);
      if (switched_away(relay)) {
        ++detached;
        take_back(relay);
      } else {
        shard_.connecting.remove(slot);
        shard_.connecting.append(slot);
      }
    }
    if (shard_.connecting.empty()) unchecked_ = 0;
    if (unchecked_ == 0) followed_ = following_;
    return followed_;
  }
  // follow() has more to do.
  [[nodiscard]] bool following() const noexcept { return unchecked_ != 0; }

 private:
  // Between two tries on a Unix socket whose backlog is full (unix(7): EAGAIN, nothing under way).
  // It grows with the wait: 2,000 who wait at 5 ms take a whole CPU, at 100 ms a twentieth.
  static constexpr base::Duration kBacklogPauseMin = 5 * base::kMillisecond;
  static constexpr base::Duration kBacklogPauseMax = 100 * base::kMillisecond;
  // What bind(2) tells by EADDRNOTAVAIL, which from connect(2) means that no port is free. No errno
  // is as large (errno.h, MAX_ERRNO).
  static constexpr int kNoSourceAddress = -4096;

  // Its node is of the pool that takes a share by this turn's root.
  [[nodiscard]] bool is_of_share(const Relay& relay) const noexcept {
    const traffic::ServiceTable& live = live_of(relay);
    return live.split != nullptr && relay.pool == live.split->terms.pool;
  }
  [[nodiscard]] const traffic::ServiceTable& live_of(const Relay& relay) const noexcept {
    return *shard_.root->services[relay.service];
  }

  [[nodiscard]] bool switched_away(const Relay& relay) const noexcept {
    // A connect to the live pool stays where it is: a share that begins or comes back takes those
    // that begin.
    return relay.pool != live_of(relay).pool && relay.pool != shard_.table_of(relay).pool;
  }

  [[nodiscard]] const traffic::Candidate* choose(const Relay& relay,
                                                 const traffic::ServiceTable& table) noexcept {
    if (relay.tried_count == base::kConnectAttemptsMax) return nullptr;
    // Retries rotate by themselves. On the common cursor they would shift it, and with two nodes,
    // one of them dead, every connection would begin with the dead one.
    auto& picks = relay.tried_count == 0 ? picks_ : retry_picks_;
    const bool of_share = &table != &live_of(relay);
    return traffic::pick(table, (of_share ? share_picks_ : picks)[relay.service], random_,
                         *shard_.setup.live, std::span(relay.tried, relay.tried_count));
  }

  void note_choice(Relay& relay, const traffic::ServiceTable& table,
                   const traffic::Candidate& candidate) noexcept {
    const auto milliseconds = [](base::Duration span) {
      return static_cast<std::uint32_t>(std::min<base::Duration>(
          span / base::kMillisecond + (span % base::kMillisecond != 0), UINT32_MAX));
    };
    relay.pool = table.pool;
    relay.epoch = table.epoch;
    relay.node = candidate.slot;
    relay.idle_ms = milliseconds(table.timeouts.idle);
    relay.half_closed_ms = milliseconds(table.timeouts.half_closed);
    relay.stalled_ms = milliseconds(table.timeouts.stalled);
    relay.attempt_at = shard_.kernel.now();  // a connect may succeed within the turn
    if (relay.attempts != UINT8_MAX) ++relay.attempts;
    if (traffic::needs_live_counts(table.balance)) {
      shard_.setup.live->reserve(candidate.slot);
      relay.live_reserved = true;
    }
  }

  // What connect(2) said, or the call that failed before it.
  int attempt(Relay& relay, const traffic::ServiceTable& table,
              const traffic::Candidate& candidate) noexcept {
    const int family = candidate.address.family();
    const auto fits = [family](const base::Endpoint& source) { return source.family() == family; };
    const std::size_t sources =
        std::any_of(table.sources.begin(), table.sources.end(), fits) ? table.sources.size() : 0;
    int result = -EADDRNOTAVAIL;
    // A source that the machine lacks, or without a free port towards this node, is followed by the
    // next one.
    for (std::size_t tries = 0; tries < std::max<std::size_t>(1, sources); ++tries) {
      const base::Endpoint* source = nullptr;
      if (sources != 0) {
        source = &table.sources[sources_[relay.service]++ % sources];
        if (!fits(*source)) continue;
      }
      drop_socket(relay);
      const int fd = shard_.kernel.open_stream(family);
      if (fd < 0) return fd;
      relay.socket(Side::kNode).fd = fd;
      relay.socket(Side::kNode).may_meet_itself = shard_.kernel.may_meet_itself(candidate.address);
      shard_.kernel.set_no_delay(fd);
      if (!table.congestion.empty()) shard_.kernel.set_congestion(fd, table.congestion.c_str());
      result = source == nullptr ? 0 : shard_.kernel.bind_source(fd, *source);
      if (result == -EADDRNOTAVAIL) {
        result = kNoSourceAddress;
        continue;
      }
      if (result == 0) result = shard_.kernel.connect(fd, candidate.address);
      if (result != -EADDRNOTAVAIL) break;
    }
    return result;
  }

  // A node of this machine that is down: the kernel may choose its port as the source of a connect
  // to it, and the client would be answered with its own bytes. Ended by a reset, for a TIME_WAIT
  // would keep the node from its port.
  [[nodiscard]] bool met_itself(Relay& relay) noexcept {
    const Socket& socket = relay.socket(Side::kNode);
    if (!socket.may_meet_itself || !shard_.kernel.met_itself(socket.fd)) return false;
    shard_.kernel.disconnect(socket.fd);
    return true;
  }

  void wait_for_connect(Relay& relay, base::Duration limit) noexcept {
    relay.state = RelayState::kConnecting;
    shard_.node_of(relay).connecting.add();
    shard_.connecting.append(shard_.relays.slot_of(relay));
    shard_.timers.set(shard_.relays.slot_of(relay), shard_.now + limit);
    ++relay.socket(Side::kNode).in_flight;
    shard_.kernel.poll(relay.socket(Side::kNode).fd, POLLOUT,
                       shard_.tag(Operation::kPollNode, relay));
  }

  // now: of this turn, or later where the connect succeeded within it.
  void connected(Relay& relay, base::Instant now) noexcept {
    ending_.leave_attempt(relay);
    shard_.timers.cancel(shard_.relays.slot_of(relay));
    relay.state = RelayState::kEstablished;
    relay.established = true;
    relay.connected = std::max<base::Duration>(1, now - relay.accepted_at);
    // A completion may be seen in the turn that queued it, whose `now` is older than the attempt.
    relay.connect = std::max(now, relay.attempt_at + 1) - relay.attempt_at;
    NodeCounters& node = shard_.node_of(relay);
    node.connections.add();
    node.established.add();
    if (std::uint8_t& failed = failed_last(relay); failed != 0) {
      failed = 0;
      shard_.setup.outbox->leave(ConnectOutcome{relay.service, relay.node, 0, shard_.now});
    }
    relay.keepalive_due = live_of(relay).keepalive.idle != 0;  // an option of the app
    transfer_.open(relay);
  }

  // Ends the attempt that is under way; its socket goes when its poll has come back.
  void retreat(Relay& relay) noexcept {
    ending_.leave_attempt(relay);
    ending_.release_live(relay);
    shard_.timers.cancel(shard_.relays.slot_of(relay));
    relay.state = RelayState::kRetreating;
    Socket& socket = relay.socket(Side::kNode);
    if (socket.in_flight == 0) return;
    // Dead at once, or it could still succeed, on a pool that is switched away meanwhile.
    shard_.kernel.disconnect(socket.fd);
    ++socket.in_flight;
    shard_.kernel.cancel_tag(shard_.tag(Operation::kPollNode, relay),
                             shard_.tag(Operation::kCancelNode, relay));
  }

  // The pool was switched away: AF_UNSPEC kills the connect at once, whether it was under way or
  // established without our having seen it.
  void take_back(Relay& relay) noexcept {
    shard_.kernel.disconnect(relay.socket(Side::kNode).fd);
    start_over(relay);
    retreat(relay);
    retreated(relay);
  }

  // Another pool is active: it gets a full set of attempts.
  void start_over(Relay& relay) noexcept {
    shard_.service_of(relay).repointed.add();
    relay.repointed = true;
    relay.tried_count = 0;
    relay.paused_since = 0;
  }

  void attempt_failed(Relay& relay, int error) noexcept {
    if (is_of_share(relay)) {
      // The client goes on with the live pool, as if it had not tried yet.
      relay.share_failed = true;
      shard_.service_of(relay).retried.add();
    } else {
      relay.tried[relay.tried_count++] = relay.node;
    }
    relay.paused_since = 0;
    relay.cause = cause_of(error);
    shard_.node_of(relay).connect_errors.add();
    if (error == -EADDRNOTAVAIL || error == kNoSourceAddress || is_own_shortage(error)) {
      return;  // says nothing of the node
    }
    failed_last(relay) = 1;
    shard_.setup.outbox->leave(ConnectOutcome{relay.service, relay.node, -error, shard_.now});
  }

  [[nodiscard]] std::uint8_t& failed_last(const Relay& relay) noexcept {
    return failed_last_[std::size_t{relay.service} * shard_.setup.live->slots() + relay.node];
  }

  static bool is_own_shortage(int error) noexcept {
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
  }

  static CloseCause cause_of(int error) noexcept {
    switch (error) {
      case -ECONNREFUSED:
      case -ECONNRESET:
        return CloseCause::kConnectRefused;
      case -ETIMEDOUT:
        return CloseCause::kConnectTimeout;
      case -EADDRNOTAVAIL:
        return CloseCause::kNoPorts;
      case kNoSourceAddress:
        return CloseCause::kNoSource;
      case -EMFILE:
      case -ENFILE:
        return CloseCause::kNoDescriptors;
      case -ENOBUFS:
      case -ENOMEM:
        return CloseCause::kNoMemory;
      default:
        return CloseCause::kUnreachable;
    }
  }

  // Waits a moment and picks anew, for as long as an attempt may take; false when that has passed.
  bool pause(Relay& relay, base::Duration limit) noexcept {
    if (relay.paused_since == 0) relay.paused_since = shard_.now;
    const base::Duration waited = shard_.now - relay.paused_since;
    if (waited >= limit) return false;
    relay.state = RelayState::kPausing;
    --relay.attempts;  // nothing was begun
    shard_.timers.set(shard_.relays.slot_of(relay),
                      shard_.now + std::clamp(waited / 4, kBacklogPauseMin, kBacklogPauseMax));
    return true;
  }

  // No node is left: the client learns it as a reset, as it would from a node that refuses.
  void give_up(Relay& relay, bool cause_known = false) noexcept {
    const bool none_tried = relay.tried_count == 0 && !cause_known;
    relay.socket(Side::kClient).reset_at_close = true;
    ending_.close(relay, none_tried ? CloseCause::kNoNode : relay.cause);
  }

  void drop_socket(Relay& relay) noexcept {
    Socket& socket = relay.socket(Side::kNode);
    SHUNT_CHECK(socket.in_flight == 0);
    if (socket.fd >= 0) shard_.kernel.close(socket.fd);
    socket = Socket{};
  }

  Shard<K>& shard_;
  Ending<K>& ending_;
  Transfer<K>& transfer_;
  base::OwnLinesVector<traffic::PickState> picks_;        // by ServiceId: first attempts
  base::OwnLinesVector<traffic::PickState> retry_picks_;  // by ServiceId: the others
  base::OwnLinesVector<traffic::PickState> share_picks_;  // by ServiceId: of a share
  base::OwnLinesVector<std::uint32_t> sources_;           // by ServiceId: the next source address
  // By ServiceId and node slot, as health is kept: the last recorded outcome was a failure.
  base::OwnLinesVector<std::uint8_t> failed_last_;
  traffic::Random random_;
  traffic::Revision following_ = 0;  // the root whose check is under way or done
  traffic::Revision followed_ = 0;
  std::uint32_t unchecked_ = 0;
};

}  // namespace shunt::proxy
