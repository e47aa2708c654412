// The words of the release machine.
#include "shunt/base/check.hpp"
#include "shunt/traffic/release.hpp"

namespace shunt::traffic {

std::string_view to_string(PoolState state) noexcept {
  switch (state) {
    case PoolState::kRetired:
      return "retired";
    case PoolState::kStandby:
      return "standby";
    case PoolState::kCanary:
      return "canary";
    case PoolState::kTrial:
      return "trial";
    case PoolState::kActive:
      return "active";
    case PoolState::kKept:
      return "kept";
    case PoolState::kRejected:
      return "rejected";
    case PoolState::kRetiring:
      return "retiring";
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

std::string_view to_string(ReleaseVerb verb) noexcept {
  switch (verb) {
    case ReleaseVerb::kPrepare:
      return "prepare";
    case ReleaseVerb::kSplit:
      return "split";
    case ReleaseVerb::kSplitOff:
      return "split off";
    case ReleaseVerb::kSwitch:
      return "switch";
    case ReleaseVerb::kConfirm:
      return "confirm";
    case ReleaseVerb::kRollback:
      return "rollback";
    case ReleaseVerb::kAbort:
      return "abort";
    case ReleaseVerb::kRetire:
      return "retire";
    case ReleaseVerb::kUnretire:
      return "retire --undo";
    case ReleaseVerb::kVerified:
      return "verified";
    case ReleaseVerb::kExpired:
      return "not confirmed in time";
    case ReleaseVerb::kRejected:
      return "rejected by the guard";
    case ReleaseVerb::kEmptied:
      return "empty";
  }
  SHUNT_CHECK(!"a verb outside of its enumeration");
  return {};
}

std::string_view to_string(ReleaseVerdict verdict) noexcept {
  switch (verdict) {
    case ReleaseVerdict::kChange:
      return "changed";
    case ReleaseVerdict::kAlready:
      return "is so already";
    case ReleaseVerdict::kIsLive:
      return "is live";
    case ReleaseVerdict::kIsInTrial:
      return "is in trial";
    case ReleaseVerdict::kTakesShare:
      return "takes a share";
    case ReleaseVerdict::kIsRejected:
      return "was rejected";
    case ReleaseVerdict::kIsRetiring:
      return "is retiring";
    case ReleaseVerdict::kIsRetired:
      return "is retired";
    case ReleaseVerdict::kIsKept:
      return "is kept";
    case ReleaseVerdict::kIsWayBack:
      return "is the way back of the trial";
    case ReleaseVerdict::kNotKept:
      return "is not kept";
    case ReleaseVerdict::kNotInTrial:
      return "is not in trial";
    case ReleaseVerdict::kOtherInTrial:
      return "another pool is in trial";
    case ReleaseVerdict::kOtherTakesShare:
      return "another pool takes a share";
    case ReleaseVerdict::kNothingKept:
      return "no pool is kept";
    case ReleaseVerdict::kNothingInTrial:
      return "no pool is in trial";
  }
  SHUNT_CHECK(!"a verdict outside of its enumeration");
  return {};
}

}  // namespace shunt::traffic
