#include "src/control/plan.hpp"

#include <algorithm>
#include <string_view>

#include "shunt/base/check.hpp"
#include "shunt/base/units.hpp"
#include "src/control/gates.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

class Decider {
 public:
  Decider(const traffic::Model& model, const Decisions& decisions, const HealthBoard& health,
          const Drains& drains, const Command& command, const Resolved& resolved)
      : model_(model),
        decisions_(decisions),
        health_(health),
        drains_(drains),
        command_(command),
        resolved_(resolved),
        app_(model.apps[resolved.app]),
        release_(decisions.apps[resolved.app].release) {
    plan_.app = resolved.app;
    plan_.outcome = outcome_for(model, decisions, resolved.app);
    plan_.outcome.receipt.epoch = release_.epoch;
  }

  Decided run() {
    switch (command_.verb) {
      case Verb::kSwitch:
        return to_switch();
      case Verb::kRollback:
        return to_roll_back();
      case Verb::kAdmin:
        return to_administer();
      case Verb::kClose:
        break;
    }
    SHUNT_CHECK(!"close has no plan");
    return {};
  }

 private:
  // "--app web" where a command without it would not be understood.
  [[nodiscard]] std::string verb_line(const std::string& verb) const {
    return "shunt " + verb + (model_.apps.size() > 1 ? " --app " + app_.name : "");
  }
  [[nodiscard]] const std::string& name_of(traffic::PoolId pool) const {
    return app_.pools[pool].name;
  }

  // What lets the nodes of a pool that has no ready one take connections. A pool has one at least.
  [[nodiscard]] std::string ready_line(traffic::PoolId pool) const {
    constexpr std::size_t kNodesMost = 16;
    std::string line = "ready";
    const auto& nodes = app_.pools[pool].nodes;
    for (std::size_t node = 0; node < nodes.size() && node < kNodesMost; ++node) {
      line += ' ' + nodes[node].name;
    }
    return verb_line(line) + (nodes.size() > kNodesMost ? " …" : "") + " --wait healthy";
  }

  Decided already(std::string message) {
    plan_.outcome.message = std::move(message);
    return {std::move(plan_.outcome), std::nullopt};
  }

  Decided refused(std::string message, std::vector<Reason> reasons, std::vector<std::string> next) {
    Outcome& outcome = plan_.outcome;
    outcome.kind = OutcomeKind::kRefused;
    outcome.message = std::move(message);
    for (Reason& waived : outcome.reasons) reasons.push_back(std::move(waived));  // of a dry run
    outcome.reasons = std::move(reasons);
    outcome.next = std::move(next);
    return {std::move(outcome), std::nullopt};
  }

  // Removes from `failed` what the command waives and notes it in the receipt.
  void waive(std::vector<Reason>& failed) {
    std::erase_if(failed, [&](const Reason& reason) {
      const auto& skip = command_.skip;
      if (!command_.force && std::find(skip.begin(), skip.end(), reason.gate) == skip.end()) {
        return false;
      }
      plan_.outcome.receipt.skipped.push_back(reason.gate);
      if (command_.dry_run) {
        plan_.outcome.reasons.push_back({reason.gate, "waived: " + reason.message});
      }
      return true;
    });
  }

  Decided go(std::string message, const std::string& conditional) {
    plan_.outcome.changed = true;
    if (command_.dry_run) {
      plan_.outcome.dry_run = true;
      plan_.outcome.message = conditional;
      return {std::move(plan_.outcome), std::nullopt};
    }
    plan_.outcome.message = std::move(message);
    return {{}, std::move(plan_)};
  }

  void take(const traffic::ReleaseStep& step) {
    plan_.release = step.next;
    plan_.from = step.from;
    plan_.publishes = true;
    plan_.outcome.receipt.from = name_of(step.from);
    plan_.outcome.receipt.to = name_of(step.next.active);
    if (command_.dry_run) return;  // a dry run tells what is
    plan_.outcome.receipt.epoch = step.next.epoch;
    plan_.outcome.active = name_of(step.next.active);
    plan_.outcome.epoch = step.next.epoch;
  }

  Decided to_switch() {
    const std::string& target = name_of(resolved_.pool);
    const traffic::ReleaseStep step =
        traffic::step(release_, {.verb = traffic::ReleaseVerb::kSwitch, .pool = resolved_.pool});
    if (step.verdict == traffic::ReleaseVerdict::kAlready)
      return already(target + " is live already");
    if (step.verdict != traffic::ReleaseVerdict::kChange) return barred(step.verdict, target);
    const PoolFitness fitness =
        fitness_of(model_, decisions_, health_, resolved_.app, resolved_.pool);
    std::vector<Reason> failed = failed_switch_gates(fitness);
    waive(failed);
    if (!failed.empty()) {
      std::vector<std::string> next{verb_line("status")};
      if (fitness.ready == 0) next = {ready_line(resolved_.pool), verb_line("switch " + target)};
      std::string skip;
      for (const std::string& gate : plan_.outcome.receipt.skipped) skip += " --skip " + gate;
      for (const Reason& reason : failed) skip += " --skip " + reason.gate;
      next.push_back(verb_line("switch " + target) + skip + " --reason …");
      return refused(target + " is not ready to take traffic", std::move(failed), std::move(next));
    }
    take(step);
    return go(target + " is live", "would make " + target + " live");
  }

  Decided to_roll_back() {
    const traffic::ReleaseStep step =
        traffic::step(release_, {.verb = traffic::ReleaseVerb::kRollback, .pool = resolved_.pool});
    switch (step.verdict) {
      case traffic::ReleaseVerdict::kChange:
        break;
      case traffic::ReleaseVerdict::kAlready:
        return already(name_of(release_.active) + " is live already");
      default:
        return barred(step.verdict, app_.name);
      case traffic::ReleaseVerdict::kNothingKept:
        return refused("there is nothing to roll back to",
                       {{"kept", "no pool is kept: " + name_of(release_.active) +
                                     " is live since the start of its history"}},
                       {verb_line("status"), verb_line("switch POOL")});
      case traffic::ReleaseVerdict::kNotKept: {
        const std::string& target = name_of(resolved_.pool);
        return refused("there is no rollback to " + target,
                       {{"kept", "pool " + target + " is not kept" + kept_names()}},
                       {verb_line("switch " + target)});
      }
    }
    const std::string& target = name_of(step.next.active);
    const PoolFitness fitness =
        fitness_of(model_, decisions_, health_, resolved_.app, step.next.active);
    std::vector<Reason> failed = failed_rollback_gates(fitness);
    waive(failed);
    if (!failed.empty()) {
      const std::string again =
          verb_line("rollback") + (command_.pool.empty() ? "" : " --to " + target);
      std::vector<std::string> next{verb_line("status")};
      if (fitness.ready == 0) {
        next = {ready_line(step.next.active), again};
      }
      next.push_back(again + " --force --reason …");
      return refused(target + " cannot take traffic", std::move(failed), std::move(next));
    }
    take(step);
    return go(target + " is live again", "would make " + target + " live again");
  }

  // By the states of pools.
  Decided barred(traffic::ReleaseVerdict verdict, const std::string& of) {
    const std::string why = of + " " + std::string(traffic::to_string(verdict));
    return refused(why, {{"state", why}}, {verb_line("status")});
  }

  [[nodiscard]] std::string kept_names() const {
    if (release_.kept.empty()) return ", and none is";
    std::vector<std::string> names;
    names.reserve(release_.kept.size());
    for (const traffic::PoolId pool : release_.kept) names.push_back(name_of(pool));
    return "; kept: " + listed(names);
  }

  Decided to_administer() {
    const std::string wanted(traffic::to_string(command_.admin));
    std::vector<std::string> all;
    for (const traffic::NodeSlot slot : resolved_.nodes) {
      const NodePlace& place = health_.place(slot);
      all.push_back(place.node->name);
      const bool changes = decisions_.admin[slot] != command_.admin;
      const bool sets = command_.deadline || (command_.no_deadline && drains_.has_deadline(slot));
      if (changes) {
        plan_.admin.emplace_back(slot, command_.admin);
        plan_.publishes |= place.pool == release_.active;
      }
      if (changes || sets) plan_.outcome.nodes.push_back(place.node->name);
      if (command_.admin != traffic::AdminState::kReady && (changes || sets)) {
        plan_.drains.push_back(slot);
      }
    }
    const std::string are = all.size() == 1 ? " is " : " are ";
    const std::string terms = set_terms();
    if (plan_.admin.empty() && plan_.drains.empty()) {
      return already(listed(all) + are + wanted + " already" + terms);
    }
    if (const char* lacking = left_without(); lacking != nullptr) {
      std::vector<Reason> failed{
          {std::string(kGateLastNode), std::string(lacking) + " would be left in " +
                                           name_of(release_.active) + ", which is live"}};
      waive(failed);
      if (!failed.empty()) {
        return refused_without_node(wanted, std::move(failed));
      }
    }
    const bool only_terms = plan_.admin.empty();
    return go(listed(all) + are + wanted + (only_terms ? "" : " now") + terms,
              (only_terms ? "would leave " : "would make ") + listed(all) + " " + wanted + terms);
  }

  // What a drain says about the connections that are left, in the outcome and in words; empty:
  // nothing, what was said before stands.
  std::string set_terms() {
    if (command_.no_deadline) return without_deadline();
    if (!command_.deadline) return {};
    const base::Duration over = app_.drain.close_over;
    plan_.outcome.deadline = command_.deadline;
    plan_.outcome.over = over;
    return ": what is left is closed " +
           (*command_.deadline == 0 ? "now"
                                    : "after " + base::format_duration(*command_.deadline)) +
           (over == 0 ? "" : ", over " + base::format_duration(over));
  }

  // Their own deadlines are all that it takes back.
  [[nodiscard]] std::string without_deadline() const {
    const auto& nodes = resolved_.nodes;
    const bool had = std::any_of(nodes.begin(), nodes.end(), [&](traffic::NodeSlot slot) {
      return drains_.has_deadline(slot);
    });
    const bool one = nodes.size() == 1;
    std::string terms = one ? ": no deadline of its own" : ": no deadlines of their own";
    if (had) terms = one ? ": its deadline is taken back" : ": their deadlines are taken back";
    const std::string besides = drains_.closed_besides(nodes);
    return terms + (besides.empty() ? ", nothing is closed" : "; still closed by " + besides);
  }

  // Which kind of node the live pool would have none of, and has now; nullptr: neither. Where no
  // node is usable any more, a command for one of them takes nothing away.
  [[nodiscard]] const char* left_without() const {
    if (command_.admin == traffic::AdminState::kReady || !plan_.publishes) return nullptr;
    const auto is_ready = [](traffic::AdminState state) {
      return state == traffic::AdminState::kReady;
    };
    bool usable_now = false;
    bool ready_then = false;
    bool usable_then = false;
    for (const traffic::Node& node : app_.pools[release_.active].nodes) {
      const auto planned =
          std::find_if(plan_.admin.begin(), plan_.admin.end(),
                       [&](const auto& entry) { return entry.first == node.slot; });
      const traffic::AdminState now = decisions_.admin[node.slot];
      const bool ready = is_ready(planned == plan_.admin.end() ? now : planned->second);
      const bool usable = health_.is_usable(node.slot);
      usable_now = usable_now || (usable && is_ready(now));
      ready_then = ready_then || ready;
      usable_then = usable_then || (usable && ready);
    }
    if (!ready_then) return "no ready node";
    return usable_now && !usable_then ? "no ready node that is up" : nullptr;
  }

  // Whoever drains a whole pool most likely wants another one.
  Decided refused_without_node(const std::string& wanted, std::vector<Reason> failed) {
    std::vector<std::string> next;
    const traffic::PoolId back = traffic::rollback_target(release_);
    for (traffic::PoolId pool = 0; pool < app_.pools.size(); ++pool) {
      if (pool == release_.active) continue;
      next.insert(pool == back ? next.begin() : next.end(), verb_line("switch " + name_of(pool)));
    }
    std::string message = "that would leave the live pool without a node";
    if (!next.empty()) message += "; did you mean " + next.front() + "?";
    std::string again = wanted;
    for (const std::string& node : command_.nodes) again += " " + node;
    next.push_back(verb_line(again) + " --force --reason …");
    return refused(std::move(message), std::move(failed), std::move(next));
  }

  const traffic::Model& model_;
  const Decisions& decisions_;
  const HealthBoard& health_;
  const Drains& drains_;
  const Command& command_;
  const Resolved& resolved_;
  const traffic::App& app_;
  const traffic::ReleaseState& release_;
  Plan plan_;
};

}  // namespace

Outcome outcome_for(const traffic::Model& model, const Decisions& decisions, traffic::AppId app) {
  Outcome outcome;
  const traffic::ReleaseState& release = decisions.apps[app].release;
  outcome.app = model.apps[app].name;
  outcome.active = model.apps[app].pools[release.active].name;
  outcome.epoch = release.epoch;
  return outcome;
}

Decided decide(const traffic::Model& model, const Decisions& decisions, const HealthBoard& health,
               const Drains& drains, const Command& command, const Resolved& resolved) {
  return Decider(model, decisions, health, drains, command, resolved).run();
}

}  // namespace shunt::control
