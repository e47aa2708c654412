// Release: the pure machine of one app's pools. It decides what a command changes; persisting,
// publishing and reporting are the Switchboard's.
//
//   standby ──switch──► active            active ──switch to another──► kept
//   kept ────switch───► active            active ──rollback───────────► standby
//   kept ────rollback─► active (the pool left by the last switch, or --to POOL)
//
// Kept pools form a stack, the latest left on top. A rollback repeated does nothing: it never goes
// forward again, and never further back unless --to names an older kept pool.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shunt/traffic/ids.hpp"

namespace shunt::traffic {

enum class PoolState : std::uint8_t { kStandby, kActive, kKept };
[[nodiscard]] std::string_view to_string(PoolState state) noexcept;  // "standby", ...

enum class DecisionKind : std::uint8_t { kInitial, kSwitch, kRollback };
[[nodiscard]] std::string_view to_string(DecisionKind kind) noexcept;

// What survives a restart for one app.
struct ReleaseState {
  Epoch epoch = 1;
  PoolId active = 0;
  std::vector<PoolId> kept;  // the last left is at the back
  DecisionKind last = DecisionKind::kInitial;

  friend bool operator==(const ReleaseState&, const ReleaseState&) = default;
};

enum class ReleaseVerdict : std::uint8_t {
  kChange,       // `next` is to be persisted and published
  kAlready,      // nothing to do: asked for what already is
  kNothingKept,  // rollback: there is no kept pool
  kNotKept,      // rollback --to: that pool is not kept
};

struct ReleaseStep {
  ReleaseVerdict verdict = ReleaseVerdict::kAlready;
  ReleaseState next;      // == the input unless kChange
  PoolId from = kNoPool;  // the pool that is left; kNoPool unless kChange
};

[[nodiscard]] PoolState state_of(const ReleaseState& state, PoolId pool) noexcept;
[[nodiscard]] ReleaseStep step_switch(const ReleaseState& state, PoolId to);
// to == kNoPool: the pool on top of the stack.
[[nodiscard]] ReleaseStep step_rollback(const ReleaseState& state, PoolId to = kNoPool);
// The pool that a plain rollback would lead to now, or kNoPool.
[[nodiscard]] PoolId rollback_target(const ReleaseState& state) noexcept;

}  // namespace shunt::traffic
