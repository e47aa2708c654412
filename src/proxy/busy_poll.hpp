// BusyPoll: whether a worker that has nothing to do watches its ring for a moment before it sleeps.
// A wake-up from sleep costs more than the handling of a message; with few connections that talk
// all the time it is most of their latency. With many, the worker seldom sleeps, and watching would
// only burn what others could use.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/proxy/busy_poll_setting.hpp"

namespace shunt::proxy {

class BusyPoll {
 public:
  // cpu_is_shared: others use the worker's CPU; written by whoever looks after that, at any time.
  // Null: nobody looks.
  explicit BusyPoll(const BusyPollSetting& setting, const std::atomic<bool>* cpu_is_shared) noexcept
      : setting_(setting), cpu_is_shared_(cpu_is_shared) {}

  // A sleep may go on past the first completion, to return with several (kernel.hpp): where the
  // operator has not said what latency is worth, and nobody else wants the CPU meanwhile.
  [[nodiscard]] bool may_gather() const noexcept {
    return setting_.mode == BusyPollMode::kAuto && !cpu_is_shared();
  }
  [[nodiscard]] bool on() const noexcept { return setting_.mode != BusyPollMode::kOff; }

  // A relay received bytes.
  void active(std::uint32_t slot) noexcept { seen_ |= std::uint64_t{1} << (slot % 64); }

  // At the begin of each turn, where it is on.
  void woke(base::Instant now) noexcept {
    if (waits_since_ == 0) return;
    gap_was_short_ = now - waits_since_ <= kShortGap;
    waits_since_ = 0;
  }

  // Before a sleep: how long to watch first; 0: not at all. now: as woke() was told in this turn.
  [[nodiscard]] base::Duration span(base::Instant now) noexcept {
    if (setting_.mode != BusyPollMode::kAuto) return setting_.span;
    waits_since_ = now;
    earn(now);
    const bool few = active_relays(now) <= base::kBusyPollRelays;
    return few && gap_was_short_ && budget_ >= base::kBusyPollSpan && !cpu_is_shared()
               ? base::kBusyPollSpan
               : 0;
  }
  // So much of the span passed until something came.
  void spent(base::Duration watched) noexcept { budget_ -= std::min(budget_, watched); }

 private:
  // What a wait may last that watching would have spared the sleep of: the span, and what a sleep
  // and a wake-up add to it.
  static constexpr base::Duration kShortGap = 2 * base::kBusyPollSpan;
  // Over which the share holds.
  static constexpr base::Duration kBudgetMax = base::kMillisecond;
  static constexpr base::Duration kWindow = 2 * base::kMillisecond;

  void earn(base::Instant now) noexcept {
    const base::Duration passed = std::min<base::Duration>(now - earned_at_, base::kSecond);
    earned_at_ = now;
    budget_ = std::min(kBudgetMax, budget_ + passed * base::kBusyPollSharePercent / 100);
  }
  // Relays that received something of late: at least half of a window is looked back at.
  [[nodiscard]] std::uint32_t active_relays(base::Instant now) noexcept {
    if (now - window_began_ >= kWindow) {
      seen_before_ = now - window_began_ < 2 * kWindow ? seen_ : 0;
      seen_ = 0;
      window_began_ = now;
    }
    return static_cast<std::uint32_t>(std::popcount(seen_ | seen_before_));
  }
  [[nodiscard]] bool cpu_is_shared() const noexcept {
    return cpu_is_shared_ != nullptr && cpu_is_shared_->load(std::memory_order_relaxed);
  }

  const BusyPollSetting setting_;
  const std::atomic<bool>* const cpu_is_shared_;
  base::Duration budget_ = 0;
  base::Instant earned_at_ = 0;
  base::Instant waits_since_ = 0;  // 0: the last turn did not wait
  base::Instant window_began_ = 0;
  std::uint64_t seen_ = 0;  // bits of slots
  std::uint64_t seen_before_ = 0;
  bool gap_was_short_ = false;
};

}  // namespace shunt::proxy
