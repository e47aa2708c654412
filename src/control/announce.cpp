#include "src/control/announce.hpp"

#include <string>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

std::string type_of(Verb verb) {
  switch (verb) {
    case Verb::kSwitch:
      return "switch";
    case Verb::kRollback:
      return "rollback";
    case Verb::kAdmin:
      return "node_admin";
    case Verb::kClose:
      return "close";
    case Verb::kPrepare:
      return "prepare";
    case Verb::kRetire:
      return "retire";
    case Verb::kSplit:
      return "split";
    case Verb::kConfirm:
      return "confirm";
    case Verb::kAbort:
      return "abort";
    case Verb::kEmptied:
      return "retired";
    case Verb::kExpired:
      return "rollback";
  }
  return {};
}

Event event_of(const Command& command, const Outcome& outcome) {
  Event event;
  event.type = command.cancel ? "close_cancelled" : type_of(command.verb);
  event.app = outcome.app;
  event.message = outcome.message;
  event.actor = command.actor;
  event.reason = command.reason;
  return event;
}

void announce_refusal(EventSink& events, const Command& command, const Outcome& outcome) {
  Event event = event_of(command, outcome);
  event.level = EventLevel::kWarn;
  event.fields = {{"verb", std::exchange(event.type, "refused")}};
  for (const Reason& reason : outcome.reasons) {
    event.fields.emplace_back(reason.gate, reason.message);
  }
  events.publish(std::move(event));
}

void announce_change(EventSink& events, const Command& command, const Outcome& outcome) {
  Event event = event_of(command, outcome);
  const Receipt& receipt = outcome.receipt;
  event.fields = {{"epoch", std::to_string(outcome.epoch)}};
  const auto add = [&](const char* name, std::string value) {
    event.fields.emplace_back(name, std::move(value));
  };
  if (!receipt.to.empty()) {
    add("from", receipt.from);
    add("to", receipt.to);
    add("total", base::format_duration_brief(receipt.total));
    add("repointed", std::to_string(receipt.repointed));
    add("left_behind", std::to_string(receipt.left_behind));
  }
  if (outcome.pool) {
    add("pool", outcome.pool->name);
    add("generation", std::to_string(outcome.pool->generation));
    if (!outcome.pool->version.empty()) add("version", outcome.pool->version);
  }
  if (command.undo) add("undo", "true");
  if (command.verb == Verb::kSplit && !command.undo) {
    if (command.share) add("share", base::format_share(*command.share));
    if (command.sticky) add("sticky", *command.sticky ? "true" : "false");
    if (command.sources) add("sources", listed(*command.sources));
  }
  if (!outcome.nodes.empty()) {
    add("nodes", listed(outcome.nodes));
    add("admin", std::string(traffic::to_string(command.admin)));
  }
  if (outcome.deadline) add("deadline", base::format_duration(*outcome.deadline));
  if (command.no_deadline) add("deadline", "none");
  if (outcome.over) add("over", base::format_duration(*outcome.over));
  if (command.verb == Verb::kClose) {
    if (!command.pool.empty()) add("pool", command.pool);
    if (!command.nodes.empty()) add("node", listed(command.nodes));
    if (command.connection != 0) add("connection", std::to_string(command.connection));
    if (command.cancel) {
      add("by", "close");
    } else {
      add("closed", std::to_string(outcome.closed));
    }
  }
  if (outcome.confirm_within) {
    add("confirm_within", base::format_duration(*outcome.confirm_within));
  }
  if (command.verb == Verb::kExpired) event.level = EventLevel::kWarn;
  if (!receipt.skipped.empty()) {
    event.level = EventLevel::kWarn;
    add("skipped", listed(receipt.skipped));
  }
  if (!receipt.durable) add("durable", "false");
  events.publish(std::move(event));
}

}  // namespace

void announce_outcome(EventSink& events, const Command& command, const Outcome& outcome,
                      bool syncs) {
  if (outcome.replayed || outcome.dry_run) return;
  // shunt's own, which tries again.
  const bool own = command.verb == Verb::kEmptied || command.verb == Verb::kExpired;
  if (own && outcome.kind != OutcomeKind::kDone) return;
  if (outcome.kind == OutcomeKind::kRefused || outcome.kind == OutcomeKind::kUnavailable) {
    return announce_refusal(events, command, outcome);
  }
  if (outcome.kind != OutcomeKind::kDone || !outcome.changed) return;
  announce_change(events, command, outcome);
  if (outcome.receipt.durable || !syncs || command.verb == Verb::kClose) return;
  Event event = event_of(command, outcome);
  event.level = EventLevel::kWarn;
  event.fields = {{"verb", std::exchange(event.type, "not_durable")}};
  event.message = outcome.message + ", acknowledged before it was on disk";
  events.publish(std::move(event));
}

void announce_acknowledged(EventSink& events, const Command& command, const std::string& app,
                           const std::string& what) {
  Event event;
  event.type = "acknowledged";
  event.app = app;
  event.message = what + ": recovered, unacknowledged before, acknowledged now";
  event.actor = command.actor;
  event.reason = command.reason;
  events.publish(std::move(event));
}

void announce_panic(EventSink& events, const traffic::Model& model,
                    const traffic::RoutingTable& before, const traffic::RoutingTable& after) {
  for (std::size_t position = 0; position < after.services.size(); ++position) {
    const bool panic = after.services[position].panic;
    const bool was = before.services[position].panic;
    const bool moved = after.active != before.active;
    if (panic == was && !(panic && moved)) continue;
    const std::string& service = model.services[after.services[position].service].name;
    const std::string& pool = model.apps[after.app].pools[after.active].name;
    Event event;
    event.level = panic ? EventLevel::kError : EventLevel::kInfo;
    event.type = "panic";
    event.app = model.apps[after.app].name;
    event.message = panic ? "too few usable nodes in " + pool + " for " + service +
                                ": all ready ones are tried regardless of health"
                    : moved ? "panic in " + model.apps[after.app].pools[before.active].name +
                                  " for " + service + " is over: " + pool + " is live"
                            : pool + " has usable nodes for " + service + " again";
    event.fields = {{"pool", pool}, {"service", service}, {"panic", panic ? "true" : "false"}};
    events.publish(std::move(event));
  }
}

void announce_share(EventSink& events, const traffic::Model& model,
                    const traffic::RoutingTable& before, const traffic::RoutingTable& after) {
  const traffic::PoolId canary = after.canary;
  if (canary == traffic::kNoPool) return;
  const traffic::App& app = model.apps[after.app];
  for (std::size_t position = 0; position < after.services.size(); ++position) {
    const bool returned = after.services[position].split == nullptr;
    // By a decision it begins with what its nodes are now.
    const bool had = before.canary == canary;
    const bool was = had && before.services[position].split == nullptr;
    if (returned == was) continue;
    const std::string& service = model.services[after.services[position].service].name;
    Event event;
    event.level = returned ? EventLevel::kWarn : EventLevel::kInfo;
    event.type = "share";
    event.app = app.name;
    if (returned) {
      event.message = "no node of " + app.pools[canary].name + " is usable for " + service +
                      ": its share goes to " + app.pools[after.active].name;
    } else if (had) {
      event.message = app.pools[canary].name + " takes its share of " + service + " again";
    } else {
      continue;  // the command that began it is told
    }
    event.fields = {{"pool", app.pools[canary].name},
                    {"service", service},
                    {"returned", returned ? "true" : "false"}};
    events.publish(std::move(event));
  }
}

}  // namespace shunt::control
