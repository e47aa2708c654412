#include "shunt/traffic/health.hpp"

#include "shunt/base/check.hpp"

namespace shunt::traffic {

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::kUnproven:
      return "unproven";
    case Health::kAssumed:
      return "assumed";
    case Health::kUp:
      return "up";
    case Health::kDown:
      return "down";
  }
  SHUNT_CHECK(!"a health outside of its enumeration");
  return {};
}

bool HealthMachine::check_passed() noexcept {
  failed_in_row_ = 0;
  connects_failed_in_row_ = 0;  // it connected just now: the row is broken
  switch (state_) {
    case Health::kUp:
      return false;
    case Health::kAssumed:
      return enter(Health::kUp);
    case Health::kUnproven:
    case Health::kDown:
      if (++passed_in_row_ < options_.rise) return false;
      return enter(Health::kUp);
  }
  return false;
}

bool HealthMachine::check_failed() noexcept {
  passed_in_row_ = 0;
  if (state_ == Health::kDown) return false;
  if (++failed_in_row_ < options_.fall) return false;
  return enter(Health::kDown);
}

bool HealthMachine::connect_succeeded() noexcept {
  connects_failed_in_row_ = 0;
  return false;
}

bool HealthMachine::connect_failed() noexcept {
  if (options_.passive_fall == 0) return false;
  // A node that is not usable gets connects in a panic only; those say nothing new about it, and
  // must not make it harder to come back.
  if (!is_usable(state_)) return false;
  if (++connects_failed_in_row_ < options_.passive_fall) return false;
  return enter(Health::kDown);
}

bool HealthMachine::retry() noexcept {
  // With checks on, only checks bring a node back.
  if (options_.type != HealthCheck::kOff || state_ != Health::kDown) return false;
  return enter(Health::kAssumed);
}

bool HealthMachine::begin_anew(Health initial, bool wary) noexcept {
  const bool moved = state_ != initial;
  enter(initial);
  if (wary && options_.fall > 0) failed_in_row_ = options_.fall - 1;
  return moved;
}

bool HealthMachine::enter(Health next) noexcept {
  state_ = next;
  passed_in_row_ = 0;
  failed_in_row_ = 0;
  connects_failed_in_row_ = 0;
  return true;
}

}  // namespace shunt::traffic
