// The verb close: connections are marked on every worker; no decision, nothing to persist.
#include <memory>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/control/loads.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {
namespace {

proxy::RelayFilter filter_of(const Command& command, const Resolved& resolved) {
  proxy::RelayFilter filter;
  filter.app = resolved.app;
  filter.pool = resolved.pool;
  if (!resolved.nodes.empty()) filter.node = resolved.nodes.front();
  filter.connection = command.connection;
  return filter;
}

template <class Requests>
std::uint64_t matched_by(const Requests& requests) {
  std::uint64_t matched = 0;
  for (const auto& request : requests) {
    if (request->done.load(std::memory_order_acquire)) matched += request->matched;
  }
  return matched;
}

base::Duration left_until(base::Instant deadline) {
  const base::Instant now = base::monotonic_now();
  return deadline > now ? deadline - now : 0;
}

}  // namespace

// No timer of its own: the bound of what is asked ends the wait, and then those workers count that
// have answered. Only a rollback that comes meanwhile sets one, see on_deadline().
void Switchboard::close_connections() {
  Running& run = *running_;
  run.plan.outcome = outcome_for(model_, decisions_, run.resolved.app);
  if (run.command.close_over.value_or(0) != 0 && drains_.full()) {
    Outcome outcome = std::move(run.plan.outcome);
    outcome.kind = OutcomeKind::kUnavailable;
    outcome.message = "nothing changed: too many closings run already";
    outcome.reasons = {{"busy", "name the pool or the node instead, or close without a time"}};
    return answer(std::move(outcome));
  }
  run.stage = Stage::kClosing;
  run.published = base::monotonic_now();
  run.deadline = deadline_after(timing_.adoption_wait);
  run.asked = requests_.ask<proxy::CloseRelays>(
      [&] {
        auto request = std::make_unique<proxy::CloseRelays>();
        request->filter = filter_of(run.command, run.resolved);
        request->over = run.command.close_over.value_or(0);
        request->cause = proxy::CloseCause::kClosed;
        return request;
      },
      left_until(run.deadline),
      [this, number = run.number](const auto& requests, bool complete) {
        if (!running_ || running_->number != number) return;
        closed(matched_by(requests), complete);
      });
}

void Switchboard::count_connections() {
  Running& run = *running_;
  run.stage = Stage::kClosing;
  run.plan.outcome = outcome_for(model_, decisions_, run.resolved.app);
  run.plan.outcome.dry_run = true;
  run.deadline = deadline_after(timing_.adoption_wait);
  run.asked = requests_.ask<proxy::Survey>(
      [&] {
        auto request = std::make_unique<proxy::Survey>();
        request->filter = filter_of(run.command, run.resolved);
        request->oldest.assign(model_.slots, 0);
        return request;
      },
      left_until(run.deadline),
      [this, number = run.number](const auto& requests, bool complete) {
        if (!running_ || running_->number != number) return;
        closed(matched_by(requests), complete);
      });
}

// One connection that is not there is no fault where it once was: whoever wants it gone has it so.
// An id that nobody was given is a slip of the pen.
void Switchboard::closed(std::uint64_t matched, bool complete) {
  Outcome outcome = std::move(running_->plan.outcome);
  const std::uint64_t connection = running_->command.connection;
  if (connection != 0 && matched == 0 && complete) {
    const std::string id = std::to_string(connection);
    if (was_given(data_plane_, model_, connection)) {
      outcome.message = "app " + outcome.app + " has no established connection " + id +
                        ": it has ended, is still connecting, or is another app's";
    } else {
      outcome.kind = OutcomeKind::kNotFound;
      outcome.message = "there is no connection " + id + " and never was since the start";
      outcome.reasons = {{"connection", outcome.message}};
      outcome.next = {"shunt connections"};
    }
    return answer(std::move(outcome));
  }
  outcome.closed = matched;
  outcome.changed = matched != 0;
  const std::string number =
      std::to_string(matched) + (matched == 1 ? " connection" : " connections");
  outcome.message = outcome.dry_run ? "would close " + number : "closing " + number;
  const base::Duration over = running_->command.close_over.value_or(0);
  if (over != 0 && !outcome.dry_run && (matched != 0 || !complete)) {
    drains_.note_closing(filter_of(running_->command, running_->resolved), running_->published,
                         over);
  }
  if (over != 0) outcome.message += " over " + base::format_duration_brief(over);
  outcome.over = running_->command.close_over;
  if (!complete) outcome.message += "; not every worker has answered";
  answer(std::move(outcome));
}

}  // namespace shunt::control
