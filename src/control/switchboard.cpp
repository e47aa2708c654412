#include "src/control/switchboard.hpp"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "src/control/announce.hpp"
#include "src/control/loads.hpp"
#include "src/control/operations.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

// Commands that may wait. Rollbacks are let in beyond that: the queue must not keep out the way
// back.
constexpr std::size_t kQueueMax = 64;
constexpr std::size_t kQueueWithRollbacksMax = 128;

bool goes_back(const Command& command) noexcept {
  return (command.verb == Verb::kRollback || command.verb == Verb::kAbort) && !command.dry_run;
}

}  // namespace

Switchboard::Switchboard(const ControlParts& parts, RestoredState restored, HealthBoard& health,
                         Drains& drains, WorkerRequests& requests)
    : model_(parts.config.model),
      data_plane_(parts.data_plane),
      persister_(parts.persister),
      events_(parts.events),
      timing_(parts.timing),
      health_(health),
      drains_(drains),
      requests_(requests),
      timer_(parts.io),
      rebuild_timer_(parts.io),
      decisions_{std::move(restored.apps), std::move(restored.admin)},
      ledger_(parts.io, parts.persister, parts.events, std::move(restored.document),
              timing_.persist_retry, timing_.settle),
      tables_(parts.data_plane.publication().current().tables),
      revision_(parts.data_plane.publication().current().revision),
      dirty_(model_.apps.size(), false) {
  const base::Instant now = base::monotonic_now();
  const std::int64_t wall_ms = base::wall_now_ms();
  for (RestoredApp& app : decisions_.apps) {
    if (traffic::in_trial(app.release)) app.trial_ends = now + trial_left(app, wall_ms);
  }
  const int fd = data_plane_.adoption_fd();
  if (fd < 0) return;
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return;  // out of descriptors: polling does as well, a little later
  news_.emplace(parts.io, own);
  await_news();
}

void Switchboard::stop() {
  if (!std::exchange(stopping_, true)) ledger_.flush();
}

LastWords Switchboard::finish_up() {
  if (running_ && running_->stage == Stage::kAdopting) record(*running_, running_->plan.outcome);
  return ledger_.finish(timing_.persist_wait);
}

// ---- The queue.

void Switchboard::apply(Command command, Done done) {
  const bool rollback = goes_back(command);
  if (queue_.size() >= (rollback ? kQueueWithRollbacksMax : kQueueMax)) {
    Outcome outcome;
    outcome.kind = OutcomeKind::kUnavailable;
    outcome.dry_run = command.dry_run;
    outcome.app = command.app;
    outcome.message = "busy: too many commands are waiting";
    outcome.reasons = {{"busy", std::to_string(queue_.size()) + " commands are waiting"}};
    tell_what_holds(outcome);
    return done(std::move(outcome));
  }
  queue_.push_back({std::move(command), std::move(done), base::monotonic_now()});
  if (running_ && running_->stage != Stage::kDeciding && rollback_waits()) {
    running_->deadline = std::min(running_->deadline, deadline_after(timing_.hurried_wait));
    if (running_->stage != Stage::kAdopting) call_at(running_->deadline, &Switchboard::on_deadline);
  }
  run_next();
}

void Switchboard::run_next() {
  if (std::exchange(busy_, true)) return;
  while (!running_ && !queue_.empty()) {
    Waiting next = std::move(queue_.front());
    queue_.pop_front();
    running_ = std::make_unique<Running>();
    running_->command = std::move(next.command);
    running_->done = std::move(next.done);
    running_->received = next.received;
    running_->number = ++commands_;
    begin();
  }
  busy_ = false;
}

void Switchboard::answer(Outcome outcome) {
  const std::unique_ptr<Running> run = std::move(running_);
  // Whatever it ends with: not counted, not announced, and its key is not used up.
  if (run->command.dry_run && !outcome.replayed) outcome.dry_run = true;
  ++wait_;  // whatever was awaited is late now
  const bool nested = std::exchange(busy_, true);
  const bool changed = run->stage == Stage::kAdopting;
  run->done(outcome);
  if (changed) {
    record(*run, outcome);
    ledger_.acknowledged(
        outcome.app,
        run->plan.from != traffic::kNoPool ? std::optional<Receipt>(outcome.receipt) : std::nullopt,
        operation(run->command, outcome));
  } else if (worth_remembering(run->command.key, outcome)) {
    ledger_.remember(
        {run->command.key, base::wall_now_ms(), fingerprint_of(run->command), outcome, {}});
  }
  announce_outcome(events_, run->command, outcome, persister_.syncs());
  drains_.tell();
  busy_ = nested;
  if (!nested) run_next();
}

// A rollback that waits behind the running command would undo it, so that must not take long. One
// of another app, one that only asks, and one behind a rollback that is running already undo
// nothing sooner by that.
bool Switchboard::rollback_waits() const noexcept {
  const Command& running = running_->command;
  if (running.verb == Verb::kExpired || goes_back(running)) return false;
  // Nobody asked for it, and it is found out again.
  if (running.verb == Verb::kEmptied && !queue_.empty()) return true;
  return std::any_of(queue_.begin(), queue_.end(), [&](const Waiting& waiting) {
    const Command& command = waiting.command;
    // With one app its name may be left out.
    const bool same_app = model_.apps.size() == 1 || command.app == running.app;
    return goes_back(command) && same_app;
  });
}

base::Instant Switchboard::deadline_after(base::Duration usual) const noexcept {
  const base::Duration most = rollback_waits() ? timing_.hurried_wait : usual;
  return base::monotonic_now() + std::min(usual, most);
}

void Switchboard::call_at(base::Instant when, void (Switchboard::*then)()) {
  const base::Instant now = base::monotonic_now();
  timer_.expires_after(std::chrono::nanoseconds(when > now ? when - now : 0));
  timer_.async_wait(
      lifetime_.guard([this, wait = ++wait_, then](const boost::system::error_code& error) {
        if (!error && wait == wait_) (this->*then)();
      }));
}

// ---- One command.

std::optional<Outcome> Switchboard::refuse_early() {
  Command& command = running_->command;
  if (auto unresolved = resolve(model_, command, running_->resolved)) {
    tell_what_holds(*unresolved);
    return unresolved;
  }
  const traffic::AppId app = running_->resolved.app;
  command.app = model_.apps[app].name;
  Outcome outcome = outcome_for(model_, decisions_, app);

  if (!command.key.empty()) {
    const OperationRecord* known =
        find_operation(ledger_.document(), command.key, base::wall_now_ms());
    if (known != nullptr && known->fingerprint == fingerprint_of(command)) {
      outcome = known->outcome;
      outcome.replayed = true;
      acknowledge_recovered(outcome);
      return outcome;
    }
    if (known != nullptr) {
      outcome.kind = OutcomeKind::kInvalid;
      outcome.message = "the operation id " + command.key + " was used for another command";
      outcome.reasons = {{"key", "it was answered: " + known->outcome.message}};
      return outcome;
    }
  }
  if (stopping_) {
    outcome.kind = OutcomeKind::kUnavailable;
    outcome.message = "nothing changed: shunt is stopping and takes no new connections any more";
    outcome.reasons = {
        {"stopping",
         "accepting has ended, and with it what a command could decide; after the start "
         "of the next process it can"}};
    return outcome;
  }
  if (command.if_epoch && *command.if_epoch != outcome.epoch) {
    outcome.kind = OutcomeKind::kEpochMoved;
    outcome.message = "the epoch is " + std::to_string(outcome.epoch) + ", not " +
                      std::to_string(*command.if_epoch) + "; nothing changed";
    outcome.reasons = {{"epoch", outcome.message}};
    outcome.next = {"shunt status"};
    return outcome;
  }
  return std::nullopt;
}

void Switchboard::begin() {
  if (auto outcome = refuse_early()) return answer(std::move(*outcome));
  Running& run = *running_;
  if (run.command.verb == Verb::kClose) {
    if (run.command.cancel) return cancel_closings();
    return run.command.dry_run ? count_connections() : close_connections();
  }
  const base::Instant before = base::monotonic_now();
  decisions_.followed = adopted();
  Decided decided = decide(model_, decisions_, health_, drains_, run.command, run.resolved);
  if (const std::string& trouble = ledger_.trouble();  // a dry run asks the disk nothing
      decided.outcome.changed && !run.command.not_durable && !trouble.empty()) {
    return not_persisted("decisions cannot be persisted now: " + trouble);
  }
  if (!decided.plan) {
    acknowledge_recovered(decided.outcome);
    return answer(std::move(decided.outcome));
  }
  run.plan = std::move(*decided.plan);
  run.plan.outcome.receipt.gates = base::monotonic_now() - before;
  stage();
}

void Switchboard::stage() {
  Running& run = *running_;
  Receipt& receipt = run.plan.outcome.receipt;
  receipt.wall_ms = base::wall_now_ms();
  if (run.command.not_durable) {
    // What a restart brings up until then is the decision before: the receipt says so.
    receipt.durable = false;
    ledger_.decided();
    commit();
    return;
  }
  receipt.durable = persister_.syncs();
  ledger_.stage(run.command.app, staged_record(run, receipt),
                operation(run.command, run.plan.outcome));
  run.recorded = true;
  run.stage = Stage::kPersisting;
  run.deadline = deadline_after(timing_.persist_wait);
  ledger_.write([this](const PersistResult& result) { on_written(result); });
  call_at(run.deadline, &Switchboard::on_deadline);
}

void Switchboard::on_written(const PersistResult& result) {
  if (!result.write.ok) {
    ledger_.take_back();
    return not_persisted("the decision could not be persisted: " + result.write.error);
  }
  running_->plan.outcome.receipt.persist = result.took;
  commit();
}

void Switchboard::on_deadline() {
  // A rollback waits: those who have not answered are not waited for, those who have are counted.
  if (running_->stage == Stage::kClosing) return requests_.give_up(running_->asked);
  if (rollback_waits()) {  // the disk may be well: it had less time than it is given otherwise
    ledger_.take_back();
    return not_persisted("a rollback waits, and the disk has not answered yet");
  }
  const std::string why = "the disk has not answered in time";
  ledger_.take_back(why);
  not_persisted(why);
}

void Switchboard::not_persisted(std::string why) {
  const Command& command = running_->command;
  Outcome outcome = outcome_for(model_, decisions_, running_->resolved.app);
  outcome.kind = OutcomeKind::kUnavailable;
  outcome.message = "nothing changed: " + why;
  outcome.reasons = {{"persist", std::move(why)}};
  outcome.next = {"shunt status"};
  if (command.verb != Verb::kSwitch) outcome.next.emplace_back("the same with --not-durable");
  answer(std::move(outcome));
}

void Switchboard::commit() {
  Running& run = *running_;
  const Plan& plan = run.plan;
  if (plan.release) {
    RestoredApp& app = decisions_.apps[plan.app];
    app.release = *plan.release;
    if (settles_mark(run)) app.recovered_unacknowledged = false;
    if (plan.trial != base::kOff) app.trial_ends = base::monotonic_now() + plan.trial;
  }
  for (const auto& [slot, state] : plan.admin) {
    decisions_.admin[slot] = state;
    if (on_admin_) on_admin_(slot, state);
  }
  run.repointed_before = repointed_of(data_plane_, model_.apps[plan.app]);
  run.stage = Stage::kAdopting;
  run.deadline = deadline_after(timing_.adoption_wait);
  if (plan.publishes) {
    build(plan.app);
    run.plan.outcome.receipt.store = publish();
    run.revision = revision_;
  }
  run.published = base::monotonic_now();
  if (run.recorded) ledger_.keep();
  cancel_drains(run);
  spin_for_adoption();
  poll_adoption();
}

void Switchboard::finish() {
  Running& run = *running_;
  Outcome outcome = std::move(run.plan.outcome);
  Receipt& receipt = outcome.receipt;
  std::vector<std::string> silent;
  if (run.revision != 0) {
    receipt.adoption = base::monotonic_now() - run.published;
    for (std::uint32_t worker = 0; worker < run.followed.size(); ++worker) {
      if (!run.followed[worker]) silent.push_back(std::to_string(worker));
    }
    receipt.adopted = silent.empty();
  }
  const bool moved = run.plan.from != traffic::kNoPool;
  if (moved) {
    const traffic::App& app = model_.apps[run.plan.app];
    receipt.left_behind = load_of(data_plane_, app.pools[run.plan.from]).established;
    receipt.repointed = repointed_of(data_plane_, app) - run.repointed_before;
  }
  if (run.command.not_durable) receipt.durable = ledger_.durable();
  if (!silent.empty()) {
    outcome.message += "; worker " + listed(silent) + " has not followed yet";
    Event event;
    event.level = EventLevel::kError;
    event.type = "adoption";
    event.app = outcome.app;
    event.message = "worker " + listed(silent) + " does not answer: it follows when it does";
    events_.publish(std::move(event));
  }
  receipt.wall_ms = base::wall_now_ms();
  receipt.total = base::monotonic_now() - run.received;
  if (moved) decisions_.apps[run.plan.app].last_receipt = receipt;
  begin_drains(run);
  answer(std::move(outcome));
}

}  // namespace shunt::control
