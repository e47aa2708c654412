// What a command leaves behind: its record in the ledger, and what it is told of the app.
#include <utility>

#include "src/control/announce.hpp"
#include "src/control/decider.hpp"
#include "src/control/operations.hpp"
#include "src/control/phrases.hpp"
#include "src/control/release_document.hpp"
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

bool moves_traffic(Verb verb) {
  return verb == Verb::kSwitch || verb == Verb::kRollback || verb == Verb::kAbort;
}
// By shunt itself: nobody asked for it.
bool is_own(Verb verb) {
  return verb == Verb::kEmptied || verb == Verb::kExpired;
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
    write_release(app, *plan.release, record);
  }
  if (plan.from != traffic::kNoPool) {
    record.receipt = receipt;
    record.pending = true;
  }
  if (settles_mark(run)) record.recovered = false;
  // What is found out is found out again.
  if (plan.release && plan.from == traffic::kNoPool && run.command.verb != Verb::kEmptied) {
    record.pending_nodes = plan.outcome.message;
    record.recovered_nodes.clear();
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

// The outcome says that the live pool is what the client wants.
bool Switchboard::says_what_is(const Command& command, const Outcome& outcome,
                               const RestoredApp& app) const {
  if (outcome.active != ledger_.document().apps.at(outcome.app).active) return false;
  if (outcome.replayed) return app.last_receipt && app.last_receipt->epoch == outcome.epoch;
  // An abort that finds nothing to do was not meant for what is live, unless that was gone back to.
  return command.verb != Verb::kAbort || app.release.last == traffic::DecisionKind::kRollback;
}

// A restart marked what it could not know to have been answered. Whoever asks for the same again is
// answered now, so the mark has served its purpose. A repeat by its key is answered for the command
// that it was then: that says nothing of another one.
void Switchboard::acknowledge_recovered(Outcome& outcome) {
  const Command& command = running_->command;
  if (outcome.kind != OutcomeKind::kDone || command.dry_run) return;
  if (is_own(command.verb)) return;
  RestoredApp& app = decisions_.apps[running_->resolved.app];
  const AppDocument& document = ledger_.document().apps.at(outcome.app);
  // A confirm is about what is live, and moves nothing.
  const bool of_split = document.recovered_nodes.find(kNoShareAnyMore) != std::string::npos &&
                        traffic::canary_of(app.release) == traffic::kNoPool &&
                        (command.undo || command.verb != Verb::kSplit);
  const bool of_live = (moves_traffic(command.verb) && !of_split) ||
                       (command.verb == Verb::kConfirm && app.recovered_unacknowledged);
  std::string what;
  if (!of_live) {
    const std::string& recovered = document.recovered_nodes;
    const std::string words =
        command.verb == Verb::kAdmin ? in_words(outcome.nodes, command.admin) : outcome.message;
    // "green#3 1.3.0 is prepared already"
    const std::string clause = recovered.substr(0, recovered.find(';'));
    const bool confirmed = command.verb == Verb::kConfirm && clause.ends_with(" is confirmed");
    // Whichever verb ended the split, none of them finds one.
    const bool ended = of_split && (moves_traffic(command.verb) || command.verb == Verb::kSplit);
    const bool same = without_count(words) == without_count(recovered) || confirmed || ended ||
                      (!clause.empty() && words.starts_with(clause));
    if (same || (!outcome.replayed && command.verb == Verb::kAdmin)) what = recovered;
  } else if (app.recovered_unacknowledged && says_what_is(command, outcome, app)) {
    what = document.active + " is live";
    app.recovered_unacknowledged = false;
  }
  if (what.empty()) return;
  ledger_.settle_recovered(outcome.app, !of_live);
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
