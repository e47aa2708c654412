#include "shunt/traffic/release.hpp"

#include <algorithm>

#include "shunt/base/check.hpp"

namespace shunt::traffic {
namespace {

ReleaseStep unchanged(const ReleaseState& state, ReleaseVerdict verdict) {
  return {.verdict = verdict, .next = state, .from = kNoPool};
}

bool is_kept(const ReleaseState& state, PoolId pool) noexcept {
  return std::find(state.kept.begin(), state.kept.end(), pool) != state.kept.end();
}

// Another pool becomes active; where it was kept it leaves the stack, and those that it passes over
// stay on it.
ReleaseStep activate(const ReleaseState& state, PoolId to, DecisionKind kind) {
  ReleaseStep step{.verdict = ReleaseVerdict::kChange, .next = state, .from = state.active};
  std::erase(step.next.kept, to);
  step.next.epoch = state.epoch + 1;
  step.next.active = to;
  step.next.last = kind;
  return step;
}

}  // namespace

std::string_view to_string(PoolState state) noexcept {
  switch (state) {
    case PoolState::kStandby:
      return "standby";
    case PoolState::kActive:
      return "active";
    case PoolState::kKept:
      return "kept";
  }
  SHUNT_CHECK(!"a pool state outside of its enumeration");
  return {};
}

std::string_view to_string(DecisionKind kind) noexcept {
  switch (kind) {
    case DecisionKind::kInitial:
      return "initial";
    case DecisionKind::kSwitch:
      return "switch";
    case DecisionKind::kRollback:
      return "rollback";
  }
  SHUNT_CHECK(!"a decision outside of its enumeration");
  return {};
}

PoolState state_of(const ReleaseState& state, PoolId pool) noexcept {
  if (pool == state.active) return PoolState::kActive;
  return is_kept(state, pool) ? PoolState::kKept : PoolState::kStandby;
}

ReleaseStep step_switch(const ReleaseState& state, PoolId to) {
  if (to == state.active) return unchanged(state, ReleaseVerdict::kAlready);
  ReleaseStep step = activate(state, to, DecisionKind::kSwitch);
  step.next.kept.push_back(step.from);
  return step;
}

ReleaseStep step_rollback(const ReleaseState& state, PoolId to) {
  if (to == kNoPool) {
    // Asked for again: the switch is undone already. Going on to older kept pools by itself would
    // turn an operator's nervous second rollback into an outage.
    if (state.last == DecisionKind::kRollback) {
      return unchanged(state, ReleaseVerdict::kAlready);
    }
    to = rollback_target(state);
    if (to == kNoPool) return unchanged(state, ReleaseVerdict::kNothingKept);
  }
  if (to == state.active) return unchanged(state, ReleaseVerdict::kAlready);
  if (!is_kept(state, to)) return unchanged(state, ReleaseVerdict::kNotKept);
  // The pool that is left is not kept: it becomes standby, so that nothing leads forward to it but
  // a switch with all of its gates.
  return activate(state, to, DecisionKind::kRollback);
}

PoolId rollback_target(const ReleaseState& state) noexcept {
  if (state.last == DecisionKind::kRollback || state.kept.empty()) return kNoPool;
  return state.kept.back();
}

}  // namespace shunt::traffic
