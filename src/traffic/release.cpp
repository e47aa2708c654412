#include "shunt/traffic/release.hpp"

#include <algorithm>

#include "shunt/base/check.hpp"

namespace shunt::traffic {
namespace {

using enum ReleaseVerdict;

// One command against one state.
class Machine {
 public:
  Machine(const ReleaseState& state, const ReleaseAsk& ask)
      : ask_(ask), out_{.verdict = kChange, .next = state, .from = kNoPool} {}

  ReleaseStep run() {
    const ReleaseState before = out_.next;
    out_.verdict = decide();
    if (out_.verdict != kChange) {
      out_.next = before;
      out_.from = kNoPool;
      return std::move(out_);
    }
    // What is only found out is no decision of anybody.
    const bool counts = ask_.verb != ReleaseVerb::kVerified && ask_.verb != ReleaseVerb::kEmptied;
    if (counts) ++out_.next.epoch;
    if (out_.next.active != before.active) out_.from = before.active;
    return std::move(out_);
  }

 private:
  ReleaseState& state() noexcept { return out_.next; }
  PoolRecord& pool(PoolId id) {
    SHUNT_CHECK(id < out_.next.pools.size());
    return out_.next.pools[id];
  }
  PoolRecord& asked() { return pool(ask_.pool); }

  ReleaseVerdict decide() {
    switch (ask_.verb) {
      case ReleaseVerb::kPrepare:
        return prepare();
      case ReleaseVerb::kSplit:
        return split();
      case ReleaseVerb::kSplitOff:
        return end_split();
      case ReleaseVerb::kSwitch:
        return make_live();
      case ReleaseVerb::kConfirm:
        return confirm();
      case ReleaseVerb::kRollback:
        return roll_back();
      case ReleaseVerb::kAbort:
        return in_trial(state()) ? undo_switch(PoolState::kStandby) : end_split();
      case ReleaseVerb::kRetire:
        return retire();
      case ReleaseVerb::kUnretire:
        return unretire();
      case ReleaseVerb::kVerified:
        return become(PoolState::kRejected, PoolState::kStandby);
      case ReleaseVerb::kExpired:
        return in_trial(state()) ? undo_switch(PoolState::kRejected) : kAlready;
      case ReleaseVerb::kRejected:
        return in_trial(state()) ? undo_switch(PoolState::kRejected) : end_split();
      case ReleaseVerb::kEmptied:
        return emptied();
    }
    SHUNT_CHECK(!"a verb outside of its enumeration");
    return kAlready;
  }

  ReleaseVerdict prepare() {
    PoolRecord& record = asked();
    switch (record.state) {
      case PoolState::kStandby:
        // Asked for again. What traffic was moved to since is another try, also of one version.
        if (record.fresh && record.version == ask_.version) return kAlready;
        break;
      case PoolState::kKept:
        if (is_way_back(ask_.pool)) return kIsWayBack;
        forget_kept(ask_.pool);
        break;
      case PoolState::kRetired:
      case PoolState::kRejected:
        break;
      default:
        return refusal(record.state);
    }
    record = {.state = PoolState::kStandby,
              .before = PoolState::kStandby,
              .generation = ++state().generations,
              .version = ask_.version,
              .fresh = true};
    return kChange;
  }

  ReleaseVerdict split() {
    SHUNT_CHECK(!ask_.split.empty() && ask_.split.share <= kWholeShare);
    PoolRecord& record = asked();
    if (record.state == PoolState::kCanary) {
      if (state().split == ask_.split) return kAlready;
      state().split = ask_.split;
      return kChange;
    }
    if (record.state != PoolState::kStandby) return refusal(record.state);
    if (in_trial(state())) return kOtherInTrial;
    if (canary_of(state()) != kNoPool) return kOtherTakesShare;
    record.state = PoolState::kCanary;
    record.fresh = false;
    state().split = ask_.split;
    return kChange;
  }

  ReleaseVerdict end_split() {
    const PoolId canary = canary_of(state());
    if (canary == kNoPool) return kAlready;
    pool(canary).state = PoolState::kStandby;
    state().split = {};
    return kChange;
  }

  ReleaseVerdict make_live() {
    PoolRecord& record = asked();
    if (ask_.pool == state().active) return kAlready;
    if (in_trial(state())) return kOtherInTrial;
    const PoolId canary = canary_of(state());
    if (canary != kNoPool && canary != ask_.pool) return kOtherTakesShare;
    switch (record.state) {
      case PoolState::kStandby:
      case PoolState::kCanary:
      case PoolState::kKept:
        break;
      default:
        return refusal(record.state);
    }
    const PoolId left = state().active;
    pool(left).state = PoolState::kKept;
    std::erase(state().kept, ask_.pool);
    state().kept.push_back(left);
    state().previous = left;
    state().last = DecisionKind::kSwitch;
    state().active = ask_.pool;
    state().split = {};
    state().confirm_by = ask_.confirm_by;
    record.state = ask_.confirm_by != 0 ? PoolState::kTrial : PoolState::kActive;
    record.fresh = false;
    return kChange;
  }

  ReleaseVerdict confirm() {
    if (ask_.pool != kNoPool && ask_.pool != state().active) {
      return asked().state == PoolState::kRejected ? kIsRejected : kNotInTrial;
    }
    PoolRecord& live = pool(state().active);
    if (live.state == PoolState::kTrial) {
      live.state = PoolState::kActive;
      state().confirm_by = 0;
      return kChange;
    }
    // Who does not say what is meant must not take a release that was rolled back for confirmed.
    const bool sure = ask_.pool != kNoPool || state().last == DecisionKind::kSwitch;
    return sure ? kAlready : kNothingInTrial;
  }

  ReleaseVerdict roll_back() {
    PoolId to = ask_.pool;
    if (to == kNoPool) {
      if (canary_of(state()) != kNoPool) {
        state().last = DecisionKind::kRollback;
        state().previous = kNoPool;
        return end_split();
      }
      // Asked for again: the move is undone already. Going on to older kept pools by itself would
      // turn an operator's nervous second rollback into an outage.
      if (state().last == DecisionKind::kRollback) return kAlready;
      to = rollback_target(state());
      if (to == kNoPool) return kNothingKept;
    }
    if (to == state().active) return kAlready;
    if (pool(to).state != PoolState::kKept) return kNotKept;
    static_cast<void>(end_split());
    return go_back(to, PoolState::kStandby);
  }

  // All traffic goes back to a kept pool. The one that is left is not kept, so that nothing leads
  // forward to it but a switch with all of its gates. Those that are passed over stay kept.
  ReleaseVerdict go_back(PoolId to, PoolState left) {
    pool(state().active).state = left;
    pool(to).state = PoolState::kActive;
    std::erase(state().kept, to);
    state().active = to;
    state().previous = kNoPool;
    state().confirm_by = 0;
    state().last = DecisionKind::kRollback;
    return kChange;
  }
  // Of a trial, whose way back nothing takes away.
  ReleaseVerdict undo_switch(PoolState left) {
    SHUNT_CHECK(rollback_target(state()) != kNoPool);
    return go_back(state().previous, left);
  }

  ReleaseVerdict retire() {
    PoolRecord& record = asked();
    switch (record.state) {
      case PoolState::kRetired:
      case PoolState::kRetiring:
        return kAlready;
      case PoolState::kKept:
        if (is_way_back(ask_.pool)) return kIsWayBack;
        break;
      case PoolState::kStandby:
      case PoolState::kRejected:
        break;
      default:
        return refusal(record.state);
    }
    record.before = record.state;
    record.state = PoolState::kRetiring;
    return kChange;
  }

  ReleaseVerdict unretire() {
    PoolRecord& record = asked();
    if (record.state == PoolState::kRetired) return kIsRetired;
    return become(PoolState::kRetiring, record.before);
  }

  ReleaseVerdict emptied() {
    if (asked().state == PoolState::kRetiring) forget_kept(ask_.pool);
    return become(PoolState::kRetiring, PoolState::kRetired);
  }

  ReleaseVerdict become(PoolState from, PoolState to) {
    PoolRecord& record = asked();
    if (record.state != from) return kAlready;
    record.state = to;
    record.before = PoolState::kStandby;
    return kChange;
  }

  void forget_kept(PoolId id) {
    std::erase(state().kept, id);
    if (state().previous == id) state().previous = kNoPool;
  }
  [[nodiscard]] bool is_way_back(PoolId id) noexcept {
    return in_trial(state()) && state().previous == id;
  }

  // Of a verb that the pool's own state bars.
  static ReleaseVerdict refusal(PoolState state) {
    switch (state) {
      case PoolState::kActive:
        return kIsLive;
      case PoolState::kTrial:
        return kIsInTrial;
      case PoolState::kCanary:
        return kTakesShare;
      case PoolState::kRejected:
        return ReleaseVerdict::kIsRejected;
      case PoolState::kRetiring:
        return kIsRetiring;
      case PoolState::kRetired:
        return kIsRetired;
      case PoolState::kKept:
        return kIsKept;
      case PoolState::kStandby:
        break;
    }
    SHUNT_CHECK(!"a standby pool bars nothing");
    return kAlready;
  }

  const ReleaseAsk& ask_;
  ReleaseStep out_;
};

}  // namespace

ReleaseState initial_release(const std::vector<bool>& has_nodes, PoolId initial) {
  SHUNT_CHECK(initial < has_nodes.size());
  ReleaseState state;
  state.active = initial;
  state.pools.resize(has_nodes.size());
  for (PoolId pool = 0; pool < has_nodes.size(); ++pool) {
    PoolRecord& record = state.pools[pool];
    record.state = has_nodes[pool] ? PoolState::kStandby : PoolState::kRetired;
    if (has_nodes[pool]) record.generation = ++state.generations;
  }
  state.pools[initial].state = PoolState::kActive;
  return state;
}

PoolState state_of(const ReleaseState& state, PoolId pool) noexcept {
  return state.pools[pool].state;
}

ReleaseStep step(const ReleaseState& state, const ReleaseAsk& ask) {
  return Machine(state, ask).run();
}

PoolId rollback_target(const ReleaseState& state) noexcept {
  const bool kept =
      state.previous != kNoPool && state_of(state, state.previous) == PoolState::kKept;
  return kept && canary_of(state) == kNoPool ? state.previous : kNoPool;
}

bool takes_traffic(const ReleaseState& state, PoolId pool) noexcept {
  return pool == state.active || state_of(state, pool) == PoolState::kCanary;
}

PoolId canary_of(const ReleaseState& state) noexcept {
  const auto found =
      std::find_if(state.pools.begin(), state.pools.end(),
                   [](const PoolRecord& record) { return record.state == PoolState::kCanary; });
  return found == state.pools.end() ? kNoPool : static_cast<PoolId>(found - state.pools.begin());
}

bool in_trial(const ReleaseState& state) noexcept {
  return state_of(state, state.active) == PoolState::kTrial;
}

bool is_sound(const ReleaseState& state) noexcept {
  const auto count = [&](PoolState wanted) {
    return std::count_if(state.pools.begin(), state.pools.end(),
                         [wanted](const PoolRecord& record) { return record.state == wanted; });
  };
  if (state.active >= state.pools.size()) return false;
  const PoolState live = state_of(state, state.active);
  if (live != PoolState::kActive && live != PoolState::kTrial) return false;
  if (count(PoolState::kActive) + count(PoolState::kTrial) != 1) return false;
  if (count(PoolState::kCanary) > (in_trial(state) ? 0 : 1)) return false;
  if (state.split.empty() != (count(PoolState::kCanary) == 0)) return false;
  if (state.split.share > kWholeShare || (state.split.empty() && state.split.sticky)) return false;
  if ((state.confirm_by != 0) != in_trial(state)) return false;
  // The stack has exactly the pools that are kept, or were until they retire.
  std::vector<PoolId> kept;
  for (PoolId pool = 0; pool < state.pools.size(); ++pool) {
    const PoolRecord& record = state.pools[pool];
    if (record.generation > state.generations) return false;
    if (record.state == PoolState::kKept ||
        (record.state == PoolState::kRetiring && record.before == PoolState::kKept)) {
      kept.push_back(pool);
    }
  }
  if (!std::is_permutation(kept.begin(), kept.end(), state.kept.begin(), state.kept.end())) {
    return false;
  }
  const bool has_previous = state.previous != kNoPool;
  if (has_previous && std::count(kept.begin(), kept.end(), state.previous) != 1) return false;
  if (has_previous && state.last != DecisionKind::kSwitch) return false;
  return !in_trial(state) || rollback_target(state) != kNoPool;
}

}  // namespace shunt::traffic
