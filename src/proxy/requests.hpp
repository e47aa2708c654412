// Requests: what control asks of a worker through its mailbox. A walk over all relays is spread
// over turns; the next request waits until it is over.
#pragma once

#include <variant>

#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/proxy/mailbox.hpp"
#include "src/proxy/acceptor.hpp"
#include "src/proxy/ending.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/timeouts.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Requests {
 public:
  Requests(Shard<K>& shard, Ending<K>& ending, Timeouts<K>& timeouts, Acceptor<K>& acceptor)
      : shard_(shard), ending_(ending), timeouts_(timeouts), acceptor_(acceptor) {
    stops_.reserve(base::kMailboxCapacity);
  }

  // Once a turn.
  void step() noexcept {
    Request request;
    while (!walking_ && !stopping_ && shard_.setup.mailbox->pop(request)) {
      std::visit([this](auto asked) { take(asked); }, request);
    }
    walked_ = walking_;
    if (walking_) walk();
    if (stopping_) close_all();
    if (!stops_.empty() && acceptor_.stopped()) {
      for (StopAccepting* stop : stops_) stop->done.store(true, std::memory_order_release);
      stops_.clear();
    }
  }
  // step() has more to do at once.
  [[nodiscard]] bool busy() const noexcept {
    return walked_ || (stopping_ && cursor_ < shard_.relays.high());
  }
  // StopWorker came.
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }

 private:
  void take(Survey* survey) noexcept { begin_walk(survey); }
  void take(CloseRelays* close) noexcept { begin_walk(close); }
  void take(CancelClose* cancel) noexcept { begin_walk(cancel); }
  void take(StopAccepting* stop) noexcept {
    acceptor_.stop();
    stops_.push_back(stop);
  }
  void take(StopWorker) noexcept {
    stopping_ = true;
    cursor_ = 0;
    acceptor_.turn_away();
    acceptor_.stop();
  }
  void take(Ping* ping) noexcept { ping->done.store(true, std::memory_order_release); }

  template <class Walk>
  void begin_walk(Walk* asked) noexcept {
    walk_ = asked;
    walking_ = true;
    cursor_ = 0;
    matched_ = 0;
  }

  void walk() noexcept {
    std::visit(
        [this](auto asked) {
          if constexpr (requires { filter_of(*asked); }) {
            const std::uint32_t end =
                std::min(shard_.relays.high(), cursor_ + relays_per_turn(*asked));
            for (; cursor_ < end && !called_off(*asked); ++cursor_) {
              Relay& relay = shard_.relays.at(cursor_);
              if (matches(relay, filter_of(*asked))) visit(*asked, relay);
            }
            if (cursor_ < shard_.relays.high() && !called_off(*asked)) return;
            if constexpr (requires { asked->matched; }) asked->matched = matched_;
            walking_ = false;
            asked->done.store(true, std::memory_order_release);
          }
        },
        walk_);
  }

  static const RelayFilter& filter_of(const Survey& survey) noexcept { return survey.filter; }
  static const RelayFilter& filter_of(const CancelClose& cancel) noexcept { return cancel.filter; }
  static const RelayFilter& filter_of(const CloseRelays& close) noexcept {
    return close.order.filter;
  }

  // A relay that is held against many orders counts as several.
  template <class Walk>
  static std::uint32_t relays_per_turn(const Walk& /*walk*/) noexcept {
    return base::kWalkPerTurn;
  }
  static std::uint32_t relays_per_turn(const CancelClose& cancel) noexcept {
    constexpr std::size_t kOrdersARelay = 8;  // as fast to compare as it is to look at a relay
    return std::max<std::uint32_t>(
        1,
        base::kWalkPerTurn / static_cast<std::uint32_t>(1 + cancel.others.size() / kOrdersARelay));
  }

  static bool called_off(const CloseOrder& order) noexcept {
    return order.withdrawn != nullptr && order.withdrawn->load(std::memory_order_relaxed);
  }
  static bool called_off(const CloseRelays& close) noexcept { return called_off(close.order); }
  template <class Walk>
  static bool called_off(const Walk& /*walk*/) noexcept {
    return false;
  }

  [[nodiscard]] bool matches(const Relay& relay, const RelayFilter& filter) const noexcept {
    return relay.state != RelayState::kFree && relay.state != RelayState::kClosing &&
           shard_.setup.app_of[relay.service] == filter.app &&
           (filter.pool == traffic::kNoPool || filter.pool == relay.pool) &&
           (filter.node == traffic::kNoSlot || filter.node == relay.node) &&
           (filter.connection == 0 || filter.connection == relay.id) &&
           (filter.accepted_before == 0 || relay.accepted_at < filter.accepted_before);
  }

  void visit(Survey& survey, const Relay& relay) noexcept {
    ++matched_;
    if (relay.established && relay.node < survey.oldest.size()) {
      base::Instant& oldest = survey.oldest[relay.node];
      if (oldest == 0 || relay.accepted_at < oldest) oldest = relay.accepted_at;
    }
    if (relay.close_at != 0) {
      if (relay.node < survey.marked.size()) ++survey.marked[relay.node];
      const auto at = std::lower_bound(survey.wanted.begin(), survey.wanted.end(), relay.id);
      if (at != survey.wanted.end() && *at == relay.id) {
        survey.found[static_cast<std::size_t>(at - survey.wanted.begin())] = true;
      }
    }
    if (survey.connections.size() >= survey.list_max ||
        survey.connections.size() == survey.connections.capacity()) {
      return;
    }
    survey.connections.push_back(
        {.id = relay.id,
         .client = relay.client,
         .service = relay.service,
         .pool = relay.pool,
         .node = relay.node,
         .epoch = relay.epoch,
         .established = relay.established,
         .age = shard_.now - relay.accepted_at,
         .idle = shard_.now - std::max(relay.progressed_at, relay.accepted_at),
         .bytes_up = relay.bytes[0],
         .bytes_down = relay.bytes[1]});
  }

  void visit(CloseRelays& close, Relay& relay) noexcept {
    if (relay.state == RelayState::kEstablished && matched_ != close.max) mark(close.order, relay);
  }

  // The relay may be gone when this returns.
  void mark(const CloseOrder& order, Relay& relay) noexcept {
    ++matched_;
    if (order.over == 0) return ending_.close(relay, order.cause);
    // How many will match is not known yet, so the places are taken from a sequence that is even at
    // any length: multiples of the golden ratio.
    constexpr std::uint64_t kGolden = 0x9E3779B9;
    const std::uint64_t place = (matched_ * kGolden) & 0xFFFFFFFF;  // of 2^32
    const base::Instant at =
        shard_.now + (order.over >> 32) * place + (((order.over & 0xFFFFFFFF) * place) >> 32);
    if (relay.close_at != 0 && relay.close_at <= at) return;  // it goes before that anyway
    relay.close_at = at;
    relay.close_cause = order.cause;
    timeouts_.watch(relay);
  }

  void visit(CancelClose& cancel, Relay& relay) noexcept {
    if (relay.close_at != 0) {
      if (!cancel.all && relay.close_cause != cancel.cause) return;
      relay.close_at = 0;  // the timer may stay set; it finds nothing to do
    }
    for (const CloseOrder& order : cancel.others) {
      if (relay.state != RelayState::kEstablished) return;
      if (!called_off(order) && matches(relay, order.filter)) mark(order, relay);
    }
  }

  // StopWorker: closes what is left, a bounded number a turn.
  void close_all() noexcept {
    const std::uint32_t end = std::min(shard_.relays.high(), cursor_ + base::kWalkPerTurn);
    for (; cursor_ < end; ++cursor_) {
      Relay& relay = shard_.relays.at(cursor_);
      if (relay.state != RelayState::kFree) ending_.close(relay, CloseCause::kShutdown);
    }
  }

  Shard<K>& shard_;
  Ending<K>& ending_;
  Timeouts<K>& timeouts_;
  Acceptor<K>& acceptor_;
  Request walk_;
  base::OwnLinesVector<StopAccepting*> stops_;
  std::uint32_t cursor_ = 0;
  std::uint64_t matched_ = 0;
  bool walking_ = false;
  bool walked_ = false;  // in this turn: requests may wait behind the walk
  bool stopping_ = false;
};

}  // namespace shunt::proxy
