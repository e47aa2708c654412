// What a command leaves behind: its record in the ledger, and what it is told of the app.
#include <utility>

#include "src/control/announce.hpp"
#include "src/control/operations.hpp"
#include "src/control/phrases.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {
namespace {

// "n1, n2 are drain"
std::string in_words(const std::vector<std::string>& nodes, traffic::AdminState state) {
  constexpr std::size_t kNodesTold = 8;
  return listed(nodes, kNodesTold) + (nodes.size() == 1 ? " is " : " are ") +
         std::string(traffic::to_string(state));
}

// "n1, n2 more are drain" of "n1, n2 and 3 more are drain": an outcome that is kept for repeats
// does not name all of many nodes.
std::string without_count(std::string words) {
  if (const std::size_t count = words.find(" and "); count != std::string::npos) {
    words.erase(count, words.find(" more") - count);
  }
  return words;
}

}  // namespace

// What is not durable is written down with the acknowledgement: before, it would take this CPU from
// the workers that are waited for, and time from the client.
void Switchboard::record(Running& run, const Outcome& outcome) {
  if (std::exchange(run.recorded, true)) return;
  ledger_.stage(run.command.app, staged_record(run, outcome.receipt),
                operation(run.command, outcome));
  ledger_.keep();
}

AppDocument Switchboard::staged_record(const Running& run, const Receipt& receipt) const {
  const Plan& plan = run.plan;
  const traffic::App& app = model_.apps[plan.app];
  AppDocument record = ledger_.document().apps.at(app.name);
  if (plan.release) {
    record.epoch = plan.release->epoch;
    record.active = app.pools[plan.release->active].name;
    record.kept.clear();
    for (const traffic::PoolId pool : plan.release->kept)
      record.kept.push_back(app.pools[pool].name);
    record.last = plan.release->last;
    record.receipt = receipt;
    record.pending = true;
    record.recovered = false;
  }
  if (!plan.admin.empty()) {
    record.pending_nodes = in_words(plan.outcome.nodes, plan.admin.front().second);
    record.recovered_nodes.clear();
  }
  for (const auto& [slot, state] : plan.admin) {
    const std::string& node = health_.place(slot).node->name;
    if (state == traffic::AdminState::kReady) {
      record.admin.erase(node);
    } else {
      record.admin[node] = state;
    }
  }
  return record;
}

// A restart marked what it could not know to have been answered. Whoever asks for the same again is
// answered now, so the mark has served its purpose. A repeat by its key is answered for the command
// that it was then: that says nothing of another one.
void Switchboard::acknowledge_recovered(Outcome& outcome) {
  const Command& command = running_->command;
  if (outcome.kind != OutcomeKind::kDone || command.dry_run) return;
  RestoredApp& app = decisions_.apps[running_->resolved.app];
  const AppDocument& document = ledger_.document().apps.at(outcome.app);
  std::string what;
  if (command.verb == Verb::kAdmin) {
    const std::string& recovered = document.recovered_nodes;
    const bool same =
        without_count(in_words(outcome.nodes, command.admin)) == without_count(recovered);
    if (same || !outcome.replayed) what = recovered;
  } else if (command.verb != Verb::kClose && app.recovered_unacknowledged &&
             outcome.epoch == app.release.epoch && outcome.active == document.active) {
    what = document.active + " is live";
    app.recovered_unacknowledged = false;
  }
  if (what.empty()) return;
  ledger_.settle_recovered(outcome.app, command.verb == Verb::kAdmin);
  if (!outcome.replayed) outcome.message += "; recovered, unacknowledged before, acknowledged now";
  announce_acknowledged(events_, command, outcome.app, what);
}

void Switchboard::tell_what_holds(Outcome& outcome) const {
  const traffic::App* app = outcome.app.empty() && model_.apps.size() == 1
                                ? &model_.apps.front()
                                : model_.find_app(outcome.app);
  if (app == nullptr) return;
  const Outcome holds =
      outcome_for(model_, decisions_, static_cast<traffic::AppId>(app - model_.apps.data()));
  outcome.app = holds.app;
  outcome.active = holds.active;
  outcome.epoch = holds.epoch;
}

std::optional<OperationRecord> Switchboard::operation(const Command& command,
                                                      const Outcome& outcome) {
  if (command.key.empty()) return std::nullopt;
  return OperationRecord{
      command.key, outcome.receipt.wall_ms, fingerprint_of(command), outcome, {}};
}

}  // namespace shunt::control
