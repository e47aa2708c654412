// What a command does to drains: which end with it, and which begin.
#include "src/control/loads.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {

// After the store: where many orders overlap, taking marks back takes milliseconds.
void Switchboard::cancel_drains(const Running& run) {
  const Plan& plan = run.plan;
  if (plan.from != traffic::kNoPool) {
    drains_.cancel_pool(plan.app, plan.release->active,
                        run.command.verb == Verb::kSwitch ? "switch" : "rollback", run.published);
  }
  if (plan.joins != traffic::kNoPool) {
    drains_.cancel_pool(plan.app, plan.joins, "split", run.published);
  }
  if (plan.resumes != traffic::kNoPool) {
    drains_.cancel_pool(plan.app, plan.resumes, "retire --undo", run.published);
  }
  for (const auto& [slot, state] : plan.admin) {
    if (state == traffic::AdminState::kReady) drains_.cancel_node(slot, "ready", run.published);
  }
  drains_.bring_in_line();
}

void Switchboard::begin_drains(const Running& run) {
  const traffic::DrainOptions& options = model_.apps[run.plan.app].drain;
  const Command& command = run.command;
  const base::Instant now = base::monotonic_now();
  const base::Instant usual = options.deadline == base::kOff ? 0 : run.published + options.deadline;
  if (run.plan.resumes != traffic::kNoPool) {
    drains_.begin_pool(run.plan.app, run.plan.resumes, run.published, usual, options.close_over,
                       now);
  }
  if (run.plan.leaves != traffic::kNoPool) {
    drains_.begin_pool(run.plan.app, run.plan.leaves, run.published,
                       command.close_over ? now : usual,
                       command.close_over.value_or(options.close_over), now);
  }
  // Of a trial: until now nothing was to take the way back away.
  if (run.plan.settles != traffic::kNoPool && usual != 0 &&
      load_of(data_plane_, model_.apps[run.plan.app].pools[run.plan.settles]).held() != 0) {
    drains_.begin_pool(run.plan.app, run.plan.settles, run.published, usual, options.close_over,
                       now);
  }
  if (run.plan.closes != traffic::kNoPool) {
    drains_.begin_pool(run.plan.app, run.plan.closes, run.published, now, *command.close_over, now);
  }
  if (run.plan.from != traffic::kNoPool) {
    base::Instant deadline = run.plan.trial == base::kOff ? usual : 0;
    if (command.close_over) deadline = now;
    drains_.begin_pool(run.plan.app, run.plan.from, run.published, deadline,
                       command.close_over.value_or(options.close_over), now);
  }
  std::optional<base::Instant> deadline;  // none: one that was set before stands
  if (command.deadline) deadline = run.published + *command.deadline;
  if (command.no_deadline) deadline = 0;
  for (const traffic::NodeSlot slot : run.plan.drains) {
    drains_.begin_node(slot, deadline, options.close_over, now);
  }
  drains_.bring_in_line();
}

}  // namespace shunt::control
