// Health of one node for one service: a pure machine over check results and failed connects.
//
//   assumed ──check passed──────────────► up        assumed: the active pool's nodes at start;
//   usable assumed ──fall checks failed────────► down unproven ─rise checks passed────────► up
//   unproven: every other node at start; not usable unproven ─fall checks failed────────► down up
//   ───────fall checks failed────────► down up, assumed ─passive_fall connects failed in a row─►
//   down down ─────rise checks passed────────► up
//
// With checks off every node stays assumed; a passive failure makes it down, and `retry()` (called
// by control after interval * rise) makes it assumed again.
//
// Maintenance voids all of this: `begin_anew()` (called by control when it ends).
#pragma once

#include <cstdint>
#include <string_view>

#include "shunt/traffic/model.hpp"

namespace shunt::traffic {

enum class Health : std::uint8_t { kUnproven, kAssumed, kUp, kDown };
[[nodiscard]] std::string_view to_string(Health health) noexcept;  // "unproven", "assumed", ...

// May new connections go there?
[[nodiscard]] constexpr bool is_usable(Health health) noexcept {
  return health == Health::kUp || health == Health::kAssumed;
}
// Has it passed its checks? What min_healthy counts (with checks off, assumed counts too).
[[nodiscard]] constexpr bool is_proven(Health health, HealthCheck type) noexcept {
  return health == Health::kUp || (type == HealthCheck::kOff && health == Health::kAssumed);
}

class HealthMachine {
 public:
  HealthMachine(const HealthOptions& options, Health initial) noexcept
      : options_(options), state_(initial) {}

  [[nodiscard]] Health state() const noexcept { return state_; }
  // Each returns true when state() changed.
  bool check_passed() noexcept;  // ends a row of failed connects too
  bool check_failed() noexcept;
  bool connect_succeeded() noexcept;  // resets the count of failed connects; never changes state
  bool connect_failed() noexcept;
  bool retry() noexcept;  // checks off: down to assumed
  // What was known is void: begins anew as at the start, except that the first failed check of a
  // row marks an assumed node down where `wary`.
  bool begin_anew(Health initial, bool wary) noexcept;

 private:
  bool enter(Health next) noexcept;  // counts start anew; returns true

  HealthOptions options_;
  Health state_;
  std::uint32_t passed_in_row_ = 0;
  std::uint32_t failed_in_row_ = 0;
  std::uint32_t connects_failed_in_row_ = 0;
};

}  // namespace shunt::traffic
