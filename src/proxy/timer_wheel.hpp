// TimerWheel: deadlines of relays, one each, in wheels of 64 buckets that turn 64 times slower from
// level to level. Setting, cancelling and firing cost the same however many there are, nothing is
// allocated (the links live in the relays), and empty stretches of time are skipped by bitmaps.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "shunt/base/clock.hpp"

namespace shunt::proxy {

// A relay's place in the wheel.
struct TimerLink {
  static constexpr std::uint16_t kUnarmed = 0xFFFF;
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  std::uint64_t tick = 0;  // deadline
  std::uint32_t next = kNobody;
  std::uint32_t previous = kNobody;
  std::uint16_t bucket = kUnarmed;  // level * 64 + position

  [[nodiscard]] bool armed() const noexcept { return bucket != kUnarmed; }
};

// Links: `TimerLink& timer(std::uint32_t slot)`.
template <class Links>
class TimerWheel {
 public:
  // About a millisecond (2^20 ns): the precision of deadlines, which never fire early.
  static constexpr unsigned kTickBits = 20;
  static constexpr base::Duration kNever = UINT64_MAX;

  TimerWheel(Links& links, base::Instant start) noexcept : links_(links), start_(start) {
    heads_.fill(TimerLink::kNobody);
  }

  // Sets or moves the deadline of `slot`; one that has passed fires at the next tick.
  void set(std::uint32_t slot, base::Instant deadline) noexcept {
    cancel(slot);
    TimerLink& link = links_.timer(slot);
    link.tick = tick_at_or_after(deadline);
    if (link.tick <= tick_) link.tick = tick_ + 1;
    insert(slot, link);
  }
  // Makes sure that `slot` fires at `deadline` or before; cheap when it does already.
  void set_at_latest(std::uint32_t slot, base::Instant deadline) noexcept {
    const TimerLink& link = links_.timer(slot);
    if (!link.armed() || link.tick > tick_at_or_after(deadline)) set(slot, deadline);
  }
  void cancel(std::uint32_t slot) noexcept {
    TimerLink& link = links_.timer(slot);
    if (!link.armed()) return;
    if (link.previous != TimerLink::kNobody) {
      links_.timer(link.previous).next = link.next;
    } else {
      heads_[link.bucket] = link.next;
      if (link.next == TimerLink::kNobody) mark(link.bucket, false);
    }
    if (link.next != TimerLink::kNobody) links_.timer(link.next).previous = link.previous;
    link.bucket = TimerLink::kUnarmed;
  }

  // Calls fire(slot) for deadlines that have passed; each is unarmed before its call, which may set
  // and cancel any. Fires and moves to a lower level are at most `max` together: thousands of
  // deadlines of one stretch of time share a bucket. Until such a bucket is empty time stands
  // still.
  template <class Fire>
  void advance(base::Instant now, std::uint32_t max, Fire&& fire) noexcept {
    const std::uint64_t target = (now - start_) >> kTickBits;
    while (true) {
      if (!cascade(max)) return;
      unsigned level = 0;
      const std::uint64_t next = next_event(level);
      if (next > target) {
        if (target > tick_) tick_ = target;
        return;
      }
      tick_ = next;
      const std::uint16_t bucket = bucket_of(level, next);
      if (level != 0) {
        cascading_ = bucket;
        continue;
      }
      while (heads_[bucket] != TimerLink::kNobody) {
        if (max-- == 0) return;
        const std::uint32_t slot = heads_[bucket];
        cancel(slot);
        fire(slot);
      }
    }
  }

  // How long from `now` until advance() may have something to do; kNever: nothing is armed.
  [[nodiscard]] base::Duration until_next(base::Instant now) const noexcept {
    if (cascading_ != TimerLink::kUnarmed) return 0;
    unsigned level = 0;
    const std::uint64_t next = next_event(level);
    if (next == kNever) return kNever;
    const base::Instant at = start_ + (next << kTickBits);
    return at > now ? at - now : 0;
  }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kPositions = 1U << kBits;
  static constexpr unsigned kLevels = 7;  // 2^42 ticks: 146 years

  [[nodiscard]] std::uint64_t tick_at_or_after(base::Instant deadline) const noexcept {
    if (deadline <= start_) return 0;
    return (deadline - start_ + (1U << kTickBits) - 1) >> kTickBits;
  }
  static std::uint64_t digit(std::uint64_t tick, unsigned level) noexcept {
    return (tick >> (level * kBits)) & (kPositions - 1);
  }
  static std::uint16_t bucket_of(unsigned level, std::uint64_t tick) noexcept {
    return static_cast<std::uint16_t>(level * kPositions + digit(tick, level));
  }
  void mark(std::uint16_t bucket, bool occupied) noexcept {
    const std::uint64_t bit = 1ULL << (bucket % kPositions);
    std::uint64_t& map = occupied_[bucket / kPositions];
    map = occupied ? map | bit : map & ~bit;
  }

  // A deadline lives at the level of the highest digit in which it differs from the present tick.
  void insert(std::uint32_t slot, TimerLink& link) noexcept {
    const std::uint64_t difference = link.tick ^ tick_;
    const unsigned level =
        difference == 0 ? 0 : (63U - static_cast<unsigned>(std::countl_zero(difference))) / kBits;
    const unsigned kept = level < kLevels ? level : kLevels - 1;
    link.bucket = bucket_of(kept, link.tick);
    link.previous = TimerLink::kNobody;
    link.next = heads_[link.bucket];
    if (link.next != TimerLink::kNobody) links_.timer(link.next).previous = slot;
    heads_[link.bucket] = slot;
    mark(link.bucket, true);
  }

  // Moves the links of the bucket whose time has come to the levels below. False: max is used up.
  bool cascade(std::uint32_t& max) noexcept {
    if (cascading_ == TimerLink::kUnarmed) return true;
    while (heads_[cascading_] != TimerLink::kNobody) {
      if (max == 0) return false;
      --max;
      const std::uint32_t slot = heads_[cascading_];
      cancel(slot);
      insert(slot, links_.timer(slot));
    }
    cascading_ = TimerLink::kUnarmed;
    return true;
  }

  // The next tick at which a bucket is due, and its level. Lower levels come first: whatever they
  // hold lies before the next turn of any higher one. At level 0 the present position counts too,
  // since a bounded advance() may have left some there.
  [[nodiscard]] std::uint64_t next_event(unsigned& level) const noexcept {
    for (level = 0; level < kLevels; ++level) {
      const std::uint64_t position = digit(tick_, level);
      std::uint64_t ahead = ~0ULL << position;
      if (level != 0) ahead &= ~(1ULL << position);
      const std::uint64_t due = occupied_[level] & ahead;
      if (due == 0) continue;
      const unsigned shift = level * kBits;
      const std::uint64_t above = (tick_ >> shift) & ~std::uint64_t{kPositions - 1};
      return (above | static_cast<std::uint64_t>(std::countr_zero(due))) << shift;
    }
    return kNever;
  }

  Links& links_;
  const base::Instant start_;
  std::uint64_t tick_ = 0;
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<std::uint32_t, kLevels * kPositions> heads_;
  std::uint16_t cascading_ = TimerLink::kUnarmed;  // a bucket that is being emptied
};

}  // namespace shunt::proxy
