// Release: the pure machine of one app's pools. It decides what a command changes; gates,
// persisting, publishing and reporting are the Switchboard's. docs/release.md has the whole table,
// made from this code.
//
// clang-format off
//   standby, canary, kept ──switch──► active (with a time to confirm in: trial)
//   active                ──switch to another──► kept          ──rollback──► standby
//   kept                  ──rollback──► active
//   standby               ──split──► canary
//   canary                ──split off, rollback, abort, guard──► standby
//   trial                 ──confirm──► active                  ──rollback, abort──► standby
//                         ──time over, guard──► rejected
//   rejected              ──verified──► standby
//   standby, kept, rejected           ──retire──► retiring ──empty──► retired
//   retiring              ──retire --undo──► what it was
//   standby, kept, rejected, retired  ──prepare──► standby, with another generation
// clang-format on
//
// One pool is live (active, or in trial); at most one takes a share (canary), and none during a
// trial. Kept pools form a stack, the latest left on top. A rollback undoes the latest move of
// traffic: a split, or the last switch. Repeated it does nothing: it never goes forward again, and
// never further back unless --to names an older kept pool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/traffic/ids.hpp"

namespace shunt::traffic {

enum class PoolState : std::uint8_t {
  kRetired,   // takes nothing, and there is no way back to it; the file may drop it
  kStandby,   // is built, verified, warmed; preview only
  kCanary,    // takes a share of new connections
  kTrial,     // takes all of them, until confirmed or rolled back
  kActive,    // takes all of them
  kKept,      // was live before: the way back
  kRejected,  // a trial went wrong
  kRetiring,  // takes nothing and runs empty
};
inline constexpr PoolState kPoolStates[] = {
    PoolState::kRetired, PoolState::kStandby, PoolState::kCanary,   PoolState::kTrial,
    PoolState::kActive,  PoolState::kKept,    PoolState::kRejected, PoolState::kRetiring};
[[nodiscard]] std::string_view to_string(PoolState state) noexcept;  // "retired", ...

// The latest move of all traffic.
enum class DecisionKind : std::uint8_t { kInitial, kSwitch, kRollback };
[[nodiscard]] std::string_view to_string(DecisionKind kind) noexcept;

struct PoolRecord {
  PoolState state = PoolState::kStandby;
  PoolState before = PoolState::kStandby;  // kRetiring: what an undo leads back to
  Generation generation = 0;               // 0: nothing was in it yet
  std::string version;                     // as `prepare` was told; may be empty
  bool fresh = false;                      // prepared, and no traffic was moved to it since

  friend bool operator==(const PoolRecord&, const PoolRecord&) = default;
};

// Shares of new connections are counted in millionths.
inline constexpr std::uint32_t kWholeShare = 1'000'000;
// What takes a split's share: see SplitTerms (split.hpp).
struct ShareTerms {
  std::uint32_t share = 0;  // 0 only where there are sources
  bool sticky = false;
  std::vector<std::string> sources;  // networks, as they are written

  [[nodiscard]] bool empty() const noexcept { return share == 0 && sources.empty(); }
  friend bool operator==(const ShareTerms&, const ShareTerms&) = default;
};

// What survives a restart for one app.
struct ReleaseState {
  Epoch epoch = 1;
  PoolId active = 0;  // the live one, in trial or not
  std::vector<PoolRecord> pools;
  std::vector<PoolId> kept;   // the last left is at the back; retiring ones that were kept as well
  PoolId previous = kNoPool;  // that the last switch left; kNoPool: there is no plain way back
  DecisionKind last = DecisionKind::kInitial;
  Generation generations = 0;   // given out so far
  ShareTerms split;             // of the canary; empty where there is none
  std::int64_t confirm_by = 0;  // of the trial, wall time in ms; 0 where there is none

  friend bool operator==(const ReleaseState&, const ReleaseState&) = default;
};

// Of an app without a history: pools that have nodes are standby, with generations in their order,
// others retired.
[[nodiscard]] ReleaseState initial_release(const std::vector<bool>& has_nodes, PoolId initial);

enum class ReleaseVerb : std::uint8_t {
  // Of operators:
  kPrepare,  // pool, version
  kSplit,    // pool, split (not empty)
  kSplitOff,
  kSwitch,    // pool, confirm_by (0: no trial)
  kConfirm,   // pool, or kNoPool: whichever is in trial
  kRollback,  // pool, or kNoPool: the latest move is undone
  kAbort,     // ends a split or a trial
  kRetire,    // pool
  kUnretire,  // pool
  // What is found out:
  kVerified,  // pool: it passed all gates
  kExpired,   // the trial was not confirmed in time
  kRejected,  // the guard says that the canary or the pool in trial is worse
  kEmptied,   // pool: nothing is established on it any more
};
inline constexpr ReleaseVerb kReleaseVerbs[] = {
    ReleaseVerb::kPrepare,  ReleaseVerb::kSplit,    ReleaseVerb::kSplitOff, ReleaseVerb::kSwitch,
    ReleaseVerb::kConfirm,  ReleaseVerb::kRollback, ReleaseVerb::kAbort,    ReleaseVerb::kRetire,
    ReleaseVerb::kUnretire, ReleaseVerb::kVerified, ReleaseVerb::kExpired,  ReleaseVerb::kRejected,
    ReleaseVerb::kEmptied};
[[nodiscard]] std::string_view to_string(ReleaseVerb verb) noexcept;  // "prepare", "retire --undo"

struct ReleaseAsk {
  ReleaseVerb verb = ReleaseVerb::kSwitch;
  PoolId pool = kNoPool;
  ShareTerms split{};
  std::int64_t confirm_by = 0;
  std::string version{};
};

enum class ReleaseVerdict : std::uint8_t {
  kChange,   // `next` is to be persisted and published
  kAlready,  // nothing to do: asked for what already is
  // Refused, because the pool
  kIsLive,
  kIsInTrial,
  kTakesShare,
  kIsRejected,
  kIsRetiring,
  kIsRetired,
  kIsKept,      // split: it leads back, and is switched to or prepared anew
  kIsWayBack,   // prepare, retire: of the trial that runs
  kNotKept,     // rollback --to
  kNotInTrial,  // confirm
  // because of another pool:
  kOtherInTrial,
  kOtherTakesShare,
  // or because there is none:
  kNothingKept,     // rollback
  kNothingInTrial,  // confirm
};
[[nodiscard]] std::string_view to_string(ReleaseVerdict verdict) noexcept;  // "is live"

struct ReleaseStep {
  ReleaseVerdict verdict = ReleaseVerdict::kAlready;
  ReleaseState next;      // == the input unless kChange
  PoolId from = kNoPool;  // the pool that all traffic leaves; kNoPool where it stays
};

[[nodiscard]] PoolState state_of(const ReleaseState& state, PoolId pool) noexcept;
// ask.pool must be a pool of the app, or kNoPool where the verb allows it.
[[nodiscard]] ReleaseStep step(const ReleaseState& state, const ReleaseAsk& ask);
// The live pool that a plain rollback would lead to now, or kNoPool: there is none, or it would
// only end the split.
[[nodiscard]] PoolId rollback_target(const ReleaseState& state) noexcept;
// New connections go there: it is live, or takes a share.
[[nodiscard]] bool takes_traffic(const ReleaseState& state, PoolId pool) noexcept;
// The pool that takes a share, or kNoPool.
[[nodiscard]] PoolId canary_of(const ReleaseState& state) noexcept;
[[nodiscard]] bool in_trial(const ReleaseState& state) noexcept;
// Every rule above that a state keeps; a state of the disk that does not is not the product's.
[[nodiscard]] bool is_sound(const ReleaseState& state) noexcept;

}  // namespace shunt::traffic
