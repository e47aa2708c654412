// Trials: what confirms the live pool, and what takes a release back that is not through yet.
#include "shunt/base/units.hpp"
#include "src/control/decider.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

using traffic::ReleaseVerb;
using traffic::ReleaseVerdict;

class TrialDecider : Decider {
 public:
  TrialDecider(const traffic::Model& model, const Decisions& decisions, const HealthBoard& health,
               const Drains& drains, const Command& command, const Resolved& resolved)
      : Decider(model, decisions, health, drains, command, resolved) {}

  Decided run() {
    if (command_.verb == Verb::kConfirm) return to_confirm();
    return command_.verb == Verb::kAbort ? to_abort() : to_expire();
  }

 private:
  Decided to_confirm() {
    if (const auto moved_on = another_generation()) {
      return refused(*moved_on, {{"generation", *moved_on}}, {verb_line("status")});
    }
    const traffic::ReleaseStep step =
        traffic::step(release_, {.verb = ReleaseVerb::kConfirm, .pool = resolved_.pool});
    const std::string live = called(release_, release_.active);
    switch (step.verdict) {
      case ReleaseVerdict::kChange:
        break;
      case ReleaseVerdict::kAlready:
        return already(live + " is live, and in no trial");
      case ReleaseVerdict::kNothingInTrial:
        return refused("no pool is in trial",
                       {{"trial", live + (release_.last == traffic::DecisionKind::kInitial
                                              ? " is live since the start of its history"
                                              : " is live, and the last switch was rolled back")}},
                       {verb_line("status")});
      default:
        return barred(step.verdict, resolved_.pool);
    }
    plan_.settles = release_.previous;
    take(step);
    return go(live + " is confirmed", "would confirm " + live);
  }

  // "green#12" of a trial that ended, while green is in another one.
  [[nodiscard]] std::optional<std::string> another_generation() const {
    if (resolved_.generation == 0) return std::nullopt;
    const traffic::Generation now = release_.pools[resolved_.pool].generation;
    if (now == resolved_.generation) return std::nullopt;
    return name_of(resolved_.pool) + " is " + called(release_, resolved_.pool) + " now, not #" +
           std::to_string(resolved_.generation);
  }

  Decided to_abort() {
    const traffic::ReleaseStep step = traffic::step(release_, {.verb = ReleaseVerb::kAbort});
    if (step.verdict != ReleaseVerdict::kChange) {
      return already("nothing to abort: no pool is in trial, none takes a share");
    }
    if (step.from == traffic::kNoPool) return end_split(step);
    const std::string& target = name_of(step.next.active);
    std::vector<Reason> failed = failed_rollback_gates(
        fitness_of(model_, decisions_, health_, resolved_.app, step.next.active));
    waive(failed);
    if (!failed.empty()) {
      return refused(target + " cannot take traffic", std::move(failed),
                     {verb_line("status"), verb_line("abort") + " --force --reason …"});
    }
    const std::string tried = called(release_, release_.active);
    take(step);
    return go(target + " is live again, the trial of " + tried + " is aborted",
              "would make " + target + " live again");
  }

  // By itself shunt goes back only to a pool that is at least as healthy. Of the pool that serves
  // now, what nobody has found fault with counts; of the other one only what has proved itself.
  Decided to_expire() {
    if (base::monotonic_now() < decisions_.apps[resolved_.app].trial_ends) {
      return already("the trial is not over");  // another one than when this was given
    }
    const traffic::ReleaseStep step = traffic::step(release_, {.verb = ReleaseVerb::kExpired});
    if (step.verdict != ReleaseVerdict::kChange) return already("no trial runs");
    const PoolFitness live =
        fitness_of(model_, decisions_, health_, resolved_.app, release_.active);
    const PoolFitness back =
        fitness_of(model_, decisions_, health_, resolved_.app, step.next.active);
    const std::string tried = called(release_, release_.active);
    const std::string& target = name_of(step.next.active);
    std::string why;
    if (!back.without_node.empty()) {
      why = target + " has no usable node for " + listed(back.without_node);
    } else if (std::uint64_t{back.healthy} * live.nodes < std::uint64_t{live.usable} * back.nodes) {
      const auto share = [](std::uint32_t good, std::uint32_t all) {
        return std::to_string(good) + " of " + std::to_string(all);
      };
      why = target + " is less healthy: " + share(back.healthy, back.nodes) + ", " + tried + " " +
            share(live.usable, live.nodes);
    }
    if (!why.empty()) {
      return refused(tried + " was not confirmed in time and stays live", {{"healthy", why}},
                     {verb_line("confirm " + name_of(release_.active)),
                      verb_line("rollback") + " --force --reason …"});
    }
    take(step);
    return go(target + " is live again: " + tried + " was not confirmed in time", {});
  }
};

}  // namespace

Decided decide_trial(const traffic::Model& model, const Decisions& decisions,
                     const HealthBoard& health, const Drains& drains, const Command& command,
                     const Resolved& resolved) {
  return TrialDecider(model, decisions, health, drains, command, resolved).run();
}

}  // namespace shunt::control
