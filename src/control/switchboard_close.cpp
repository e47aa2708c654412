// The verb close: connections are marked on every worker; no decision, nothing to persist.
#include <memory>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/control/loads.hpp"
#include "src/control/phrases.hpp"
#include "src/control/relay_filters.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {
namespace {

proxy::RelayFilter filter_of(const Command& command, const Resolved& resolved) {
  proxy::RelayFilter filter = filter_of_pool(resolved.app, resolved.pool);
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

template <class Requests>
std::vector<std::uint32_t> missed_by(const Requests& requests) {
  std::vector<std::uint32_t> missed;
  for (std::uint32_t worker = 0; worker < requests.size(); ++worker) {
    if (!requests[worker]->done.load(std::memory_order_acquire)) missed.push_back(worker);
  }
  return missed;
}

std::string words_for(const Command& command) {
  if (command.connection != 0) return "connection " + std::to_string(command.connection);
  return command.pool.empty() ? "node " + command.nodes.front() : "pool " + command.pool;
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
  const base::Duration over = run.command.close_over.value_or(0);
  // An order from now on: whatever ends it from here reaches a worker that takes it late.
  const auto closing =
      drains_.begin_closing(filter_of(run.command, run.resolved), base::monotonic_now(), over);
  if (!closing) {
    Outcome outcome = std::move(run.plan.outcome);
    outcome.kind = OutcomeKind::kUnavailable;
    outcome.message = "nothing changed: too many closings run already";
    std::string why = over == 0 ? "see shunt status"
                                : "name the pool or the node instead, or close without a time";
    if (const auto worker = drains_.awaited(base::monotonic_now())) {
      why = "worker " + std::to_string(*worker) +
            " does not answer, and closings stay until it does; " + why;
    }
    outcome.reasons = {{"busy", std::move(why)}};
    return answer(std::move(outcome));
  }
  run.stage = Stage::kClosing;
  run.deadline = deadline_after(timing_.adoption_wait);
  run.asked = requests_.ask<proxy::CloseRelays>(
      [&] {
        auto request = std::make_unique<proxy::CloseRelays>();
        request->order = closing->order;
        return request;
      },
      left_until(run.deadline),
      [this, closing = *closing, number = run.number](const auto& requests, bool complete) {
        drains_.closing_asked(closing, matched_by(requests), missed_by(requests));
        if (!running_ || running_->number != number) return;
        closed(matched_by(requests), complete);
      });
}

// What ends is control's knowledge; the workers learn of it without being waited for.
void Switchboard::cancel_closings() {
  const Running& run = *running_;
  Outcome outcome = outcome_for(model_, decisions_, run.resolved.app);
  outcome.dry_run = run.command.dry_run;
  const proxy::RelayFilter target = filter_of(run.command, run.resolved);
  const auto left = drains_.closing_left(target);
  outcome.changed = left.has_value();
  const std::string what = "closing of " + words_for(run.command);
  if (!left) {
    outcome.message = "no " + what + " runs";
  } else if (run.command.dry_run) {
    outcome.message = "would cancel the " + what + ": " + connections(*left) + " would remain";
  } else {
    outcome.message =
        what + " cancelled: " + connections(*left) + (*left == 1 ? " remains" : " remain");
    drains_.cancel_closing(target, base::monotonic_now());
  }
  answer(std::move(outcome));
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
  outcome.message = (outcome.dry_run ? "would close " : "closing ") + connections(matched);
  const base::Duration over = running_->command.close_over.value_or(0);
  if (over != 0) outcome.message += " over " + base::format_duration_brief(over);
  outcome.over = running_->command.close_over;
  if (!complete) outcome.message += "; not every worker has answered";
  answer(std::move(outcome));
}

}  // namespace shunt::control
