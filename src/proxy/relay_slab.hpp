// RelaySlab: room for every relay that a worker may hold, reserved as address space at the start
// and backed by memory as it is first used. Slots are stable; the one freed last is used first,
// while it is still in the cache.
#pragma once

#include <cstdint>

#include "shunt/base/result.hpp"
#include "src/proxy/relay.hpp"

namespace shunt::proxy {

class RelaySlab {
 public:
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  // Reserves room; ok() says whether the machine gave it.
  explicit RelaySlab(std::uint32_t capacity) noexcept;
  ~RelaySlab();
  RelaySlab(const RelaySlab&) = delete;
  RelaySlab& operator=(const RelaySlab&) = delete;
  [[nodiscard]] bool ok() const noexcept { return relays_ != nullptr; }

  // A fresh relay's slot, or kNobody when all are in use.
  [[nodiscard]] std::uint32_t acquire() noexcept;
  // The relay is over; its generation moves on.
  void release(std::uint32_t slot) noexcept;

  [[nodiscard]] Relay& at(std::uint32_t slot) noexcept { return relays_[slot]; }
  [[nodiscard]] TimerLink& timer(std::uint32_t slot) noexcept { return relays_[slot].timer; }
  // A completion's relay, or null when it was for an earlier user of the slot.
  [[nodiscard]] Relay* find(std::uint32_t slot, std::uint32_t generation) noexcept {
    if (slot >= high_ || relays_[slot].state == RelayState::kFree) return nullptr;
    return relays_[slot].generation == generation ? &relays_[slot] : nullptr;
  }
  [[nodiscard]] std::uint32_t slot_of(const Relay& relay) const noexcept {
    return static_cast<std::uint32_t>(&relay - relays_);
  }
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }
  // Slots from here on were never used.
  [[nodiscard]] std::uint32_t high() const noexcept { return high_; }

 private:
  Relay* relays_ = nullptr;
  const std::uint32_t capacity_;
  std::uint32_t high_ = 0;
  std::uint32_t used_ = 0;
  std::uint32_t free_ = kNobody;
};

}  // namespace shunt::proxy
