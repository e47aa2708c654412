#include "src/control/plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "shunt/base/check.hpp"
#include "shunt/base/units.hpp"
#include "src/control/decider.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

// Traffic and nodes.
class TrafficDecider : Decider {
 public:
  TrafficDecider(const traffic::Model& model, const Decisions& decisions, const HealthBoard& health,
                 const Drains& drains, const Command& command, const Resolved& resolved)
      : Decider(model, decisions, health, drains, command, resolved) {}

  Decided run() {
    switch (command_.verb) {
      case Verb::kSwitch:
        return to_switch();
      case Verb::kRollback:
        return to_roll_back();
      case Verb::kAdmin:
        return to_administer();
      default:
        break;
    }
    SHUNT_CHECK(!"not about traffic or nodes");
    return {};
  }

 private:
  Decided to_switch() {
    const std::string& target = name_of(resolved_.pool);
    const base::Duration within = command_.confirm_within.value_or(app_.release.confirm_within);
    const std::int64_t confirm_by =
        within == base::kOff
            ? 0
            : base::wall_now_ms() + static_cast<std::int64_t>(within / base::kMillisecond);
    const traffic::ReleaseStep step =
        traffic::step(release_, {.verb = traffic::ReleaseVerb::kSwitch,
                                 .pool = resolved_.pool,
                                 .split = {},
                                 .confirm_by = confirm_by});
    if (step.verdict == traffic::ReleaseVerdict::kAlready) return live_already(target, within);
    if (step.verdict != traffic::ReleaseVerdict::kChange)
      return barred(step.verdict, resolved_.pool);
    if (command_.close_over && within != base::kOff) {
      Decided wrong = refused("what is left stays until the trial is confirmed", {}, {});
      wrong.outcome.kind = OutcomeKind::kInvalid;
      wrong.outcome.reasons = {{"close_over",
                                "close it after that (shunt close), or switch without a trial: "
                                "--confirm-within off"}};
      return wrong;
    }
    const PoolFitness fitness =
        fitness_of(model_, decisions_, health_, resolved_.app, resolved_.pool);
    std::vector<Reason> failed = failed_switch_gates(fitness);
    add_old_connections(resolved_.pool, failed);
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
    plan_.trial = within;
    if (within != base::kOff) plan_.outcome.confirm_within = within;
    const std::string trial =
        within == base::kOff ? "" : ", in trial for " + base::format_duration(within);
    return go(target + " is live" + trial, "would make " + target + " live" + trial);
  }

  // A trial that runs has the time that it has: who asks for another one, or for none, must not
  // take "already" for a yes.
  Decided live_already(const std::string& target, base::Duration within) {
    if (!traffic::in_trial(release_)) return already(target + " is live already");
    const RestoredApp& app = decisions_.apps[resolved_.app];
    const base::Instant now = base::monotonic_now();
    const std::string left =
        base::format_duration_brief(app.trial_ends > now ? app.trial_ends - now : 0);
    const std::string is = target + " is live already, in trial, " + left + " left";
    // When the command came: the receipt is made at its end.
    const std::int64_t begun =
        app.last_receipt
            ? app.last_receipt->wall_ms -
                  static_cast<std::int64_t>(app.last_receipt->total / base::kMillisecond)
            : 0;
    const std::int64_t has = release_.confirm_by - begun;
    const auto asked = static_cast<std::int64_t>(within / base::kMillisecond);
    constexpr std::int64_t kSameMs = 1000;  // the receipt is made a little later
    if (!command_.confirm_within || (within != base::kOff && std::abs(has - asked) <= kSameMs)) {
      return already(is);
    }
    return refused(is, {{"trial", "it has the time that it began with"}},
                   {verb_line("confirm " + target), verb_line("rollback")});
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
        return no_rollback();
    }
    if (step.from == traffic::kNoPool) return end_split(step);
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
      if (traffic::in_trial(release_)) {
        next.push_back(verb_line("confirm " + name_of(release_.active)));
      }
      next.push_back(again + " --force --reason …");
      return refused(target + " cannot take traffic", std::move(failed), std::move(next));
    }
    take(step);
    // On its way it ends a split.
    if (traffic::canary_of(step.next) == traffic::kNoPool) {
      plan_.leaves = traffic::canary_of(release_);
    }
    return go(target + " is live again", "would make " + target + " live again");
  }

  [[nodiscard]] std::vector<std::string> kept_names() const {
    std::vector<std::string> names;
    for (const traffic::PoolId pool : release_.kept) {
      if (traffic::state_of(release_, pool) == traffic::PoolState::kKept) {
        names.push_back(name_of(pool));
      }
    }
    return names;
  }
  // What leads on from a rollback that is not possible: an operator in trouble reads this.
  Decided no_rollback() {
    const std::vector<std::string> kept = kept_names();
    const traffic::PoolId pool =
        resolved_.pool == traffic::kNoPool ? release_.previous : resolved_.pool;
    std::vector<std::string> next;
    const bool retiring = pool != traffic::kNoPool &&
                          traffic::state_of(release_, pool) == traffic::PoolState::kRetiring;
    if (retiring) next.push_back(verb_line("retire " + name_of(pool) + " --undo"));
    for (const std::string& name : kept) next.push_back(verb_line("rollback --to " + name));
    if (pool != traffic::kNoPool) {
      const std::string& target = name_of(pool);
      if (traffic::state_of(release_, pool) == traffic::PoolState::kStandby) {
        next.push_back(verb_line("switch " + target));
      }
      return refused(
          "there is no rollback to " + target,
          {{"kept", "pool " + target + (retiring ? " is retiring" : " is not kept") +
                        (kept.empty() ? ", and none is kept" : "; kept: " + listed(kept))}},
          std::move(next));
    }
    next.insert(next.begin(), verb_line("status"));
    if (kept.empty()) next.push_back(verb_line("switch POOL"));
    const bool begun = release_.last == traffic::DecisionKind::kInitial;
    return refused(
        "there is nothing to roll back to",
        {{"kept", begun ? "no pool is kept: " + name_of(release_.active) +
                              " is live since the start of its history"
                        : "the pool that the last switch left was retired or prepared anew" +
                              (kept.empty() ? std::string() : "; kept: " + listed(kept))}},
        std::move(next));
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
        plan_.publishes |= traffic::takes_traffic(release_, place.pool);
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
    std::vector<Reason> failed;
    if (const char* lacking = left_without(release_.active); lacking != nullptr) {
      failed.push_back({std::string(kGateLastNode), std::string(lacking) + " would be left in " +
                                                        name_of(release_.active) +
                                                        ", which is live"});
    } else if (traffic::in_trial(release_)) {
      // Without it the trial would not go back by itself.
      lacking = left_without(release_.previous);
      if (lacking != nullptr) {
        failed.push_back({std::string(kGateLastNode), std::string(lacking) + " would be left in " +
                                                          name_of(release_.previous) +
                                                          ", the way back of the trial"});
      }
    }
    waive(failed);
    if (!failed.empty()) return refused_without_node(wanted, std::move(failed));
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

  // Which kind of node a pool would have none of, and has now; nullptr: neither. Where no node is
  // usable any more, a command for one of them takes nothing away.
  [[nodiscard]] const char* left_without(traffic::PoolId pool) const {
    if (command_.admin == traffic::AdminState::kReady) return nullptr;
    const auto is_ready = [](traffic::AdminState state) {
      return state == traffic::AdminState::kReady;
    };
    bool touched = false;
    bool usable_now = false;
    bool ready_then = false;
    bool usable_then = false;
    for (const traffic::Node& node : app_.pools[pool].nodes) {
      const auto planned =
          std::find_if(plan_.admin.begin(), plan_.admin.end(),
                       [&](const auto& entry) { return entry.first == node.slot; });
      touched = touched || planned != plan_.admin.end();
      const traffic::AdminState now = decisions_.admin[node.slot];
      const bool ready = is_ready(planned == plan_.admin.end() ? now : planned->second);
      const bool usable = health_.is_usable(node.slot);
      usable_now = usable_now || (usable && is_ready(now));
      ready_then = ready_then || ready;
      usable_then = usable_then || (usable && ready);
    }
    if (!touched) return nullptr;
    if (!ready_then) return "no ready node";
    return usable_now && !usable_then ? "no ready node that is up" : nullptr;
  }

  // Whoever drains a whole pool most likely wants another one.
  Decided refused_without_node(const std::string& wanted, std::vector<Reason> failed) {
    std::vector<std::string> next;
    if (traffic::in_trial(release_)) next.push_back(verb_line("rollback"));
    const traffic::PoolId back = traffic::rollback_target(release_);
    for (traffic::PoolId pool = 0; pool < app_.pools.size(); ++pool) {
      const auto verdict =
          traffic::step(release_, {.verb = traffic::ReleaseVerb::kSwitch, .pool = pool}).verdict;
      if (verdict != traffic::ReleaseVerdict::kChange) continue;
      next.insert(pool == back ? next.begin() : next.end(), verb_line("switch " + name_of(pool)));
    }
    const bool of_way_back = left_without(release_.active) == nullptr;
    std::string message = of_way_back ? "that would leave the trial without a way back"
                                      : "that would leave the live pool without a node";
    if (of_way_back) next = {verb_line("confirm " + name_of(release_.active))};
    if (!next.empty() && !of_way_back) message += "; did you mean " + next.front() + "?";
    std::string again = wanted;
    for (const std::string& node : command_.nodes) again += " " + node;
    next.push_back(verb_line(again) + " --force --reason …");
    return refused(std::move(message), std::move(failed), std::move(next));
  }
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
  switch (command.verb) {
    case Verb::kPrepare:
    case Verb::kRetire:
    case Verb::kEmptied:
      return decide_generation(model, decisions, health, drains, command, resolved);
    case Verb::kSplit:
      return decide_split(model, decisions, health, drains, command, resolved);
    case Verb::kConfirm:
    case Verb::kAbort:
    case Verb::kExpired:
      return decide_trial(model, decisions, health, drains, command, resolved);
    default:
      return TrafficDecider(model, decisions, health, drains, command, resolved).run();
  }
}

}  // namespace shunt::control
