// The end of a ledger: the last write, and what is told where the disk does not take it.
#include <utility>

#include "src/control/ledger.hpp"

namespace shunt::control {
namespace {

std::string live_of(const AppDocument& app) {
  return app.active + " is live, epoch " + std::to_string(app.epoch);
}

Event lost(const std::string& app, const AppDocument& in_force, const AppDocument* held,
           const LastWrite& last) {
  const std::string why = last.in_time ? last.write.error : "the disk has not answered in time";
  const bool sure = last.in_time && !last.write.unknown;
  const std::string brings = std::string("the next start ") + (sure ? "brings" : "may bring") +
                             " up the decision before: ";
  Event event;
  event.level = EventLevel::kError;
  event.type = "decision_lost";
  event.app = app;
  if (held != nullptr && held->epoch == in_force.epoch) {
    event.message = "the last command about nodes is not on disk (" + why + "): the next start " +
                    (sure ? "brings" : "may bring") + " up the states before it; see shunt status";
  } else if (held != nullptr && held->active == in_force.active && held->confirm_by != 0 &&
             in_force.confirm_by == 0) {
    event.message = "the confirm of " + in_force.active + " is not on disk (" + why +
                    "): the next start " + (sure ? "takes" : "may take") +
                    " its trial up again, and goes back unless it is confirmed";
  } else if (held != nullptr && held->active == in_force.active && held->kept == in_force.kept &&
             held->last == in_force.last) {
    event.message = "the last command about pools is not on disk (" + why + "): the next start " +
                    (sure ? "brings" : "may bring") +
                    " up their states before it; see shunt status";
  } else {
    event.message = live_of(in_force) + ", and that is not on disk (" + why + "): " + brings +
                    (held == nullptr ? "`initial` is live" : live_of(*held)) +
                    "; once the disk takes it: shunt switch " + in_force.active;
  }
  event.fields = {{"live", in_force.active}, {"epoch", std::to_string(in_force.epoch)}};
  if (held != nullptr) {
    event.fields.emplace_back("next_live", held->active);
    event.fields.emplace_back("next_epoch", std::to_string(held->epoch));
  }
  return event;
}

}  // namespace

LastWords Ledger::finish(base::Duration bound) {
  // What is staged was handed over already, and is nobody's decision yet: but what is under it may
  // be not on disk either.
  if (!staged_ && persisted() && !flush_wanted_ && !background_running_) return {};
  const LastWrite last = persister_.finish(serialize(document_), bound);
  LastWords words;
  words.disk_answers = last.in_time;
  words.kept = (last.in_time && last.write.ok) || !tell_lost(last);
  return words;
}

// True where something is.
bool Ledger::tell_lost(const LastWrite& last) {
  const auto held = parse_state_document(last.held);
  bool any = false;
  for (const auto& [name, document] : document_.apps) {
    const AppDocument& in_force = staged_ && staged_->app == name ? staged_->before : document;
    const AppDocument* on_disk = nullptr;
    if (held) {
      const auto found = held->apps.find(name);
      if (found != held->apps.end()) on_disk = &found->second;
    }
    // Of an app that never decided anything the file says what it is again.
    if (on_disk == nullptr && in_force.last == traffic::DecisionKind::kInitial &&
        in_force.admin.empty()) {
      continue;
    }
    if (on_disk != nullptr && on_disk->epoch == in_force.epoch &&
        on_disk->admin == in_force.admin) {
      continue;
    }
    events_.publish(lost(name, in_force, on_disk, last));
    any = true;
  }
  return any;
}

}  // namespace shunt::control
