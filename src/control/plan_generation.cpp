// Generations: what opens one, and what gives up a pool.
#include "shunt/base/units.hpp"
#include "src/control/decider.hpp"

namespace shunt::control {
namespace {

class GenerationDecider : Decider {
 public:
  GenerationDecider(const traffic::Model& model, const Decisions& decisions,
                    const HealthBoard& health, const Drains& drains, const Command& command,
                    const Resolved& resolved)
      : Decider(model, decisions, health, drains, command, resolved) {}

  Decided run() {
    if (command_.verb == Verb::kPrepare) return to_prepare();
    return command_.verb == Verb::kRetire ? to_retire() : to_settle();
  }

 private:
  Decided to_prepare() {
    const traffic::PoolId pool = resolved_.pool;
    const std::string& name = name_of(pool);
    const std::uint64_t left = left_on(pool);
    traffic::ReleaseState before = release_;
    if (is_empty(left)) before = emptied(before);  // a beat earlier than it would be by itself
    const traffic::ReleaseStep step = traffic::step(before, {.verb = traffic::ReleaseVerb::kPrepare,
                                                             .pool = pool,
                                                             .split = {},
                                                             .confirm_by = 0,
                                                             .version = command_.version});
    if (step.verdict == traffic::ReleaseVerdict::kAlready) {
      return close_besides(called(release_, pool) + " is prepared already");
    }
    if (step.verdict != traffic::ReleaseVerdict::kChange) return barred(step.verdict, pool);
    std::vector<Reason> failed;
    // What a worker that does not follow connects later, no closing that begins now reaches.
    if (!is_empty(left) && (left == 0 || !command_.close_over)) {
      failed.push_back(
          {std::string(kGateEmpty),
           left == 0 ? "a worker does not follow the last decision yet, and may connect to " +
                           called(release_, pool)
                     : connections(left) + " of " + called(release_, pool) +
                           (left == 1 ? " is left" : " are left")});
    }
    waive(failed);
    if (!failed.empty()) {
      const std::string again =
          "prepare " + name +
          (command_.version.empty() ? std::string() : " --version " + command_.version);
      return refused(name + " is not empty", std::move(failed),
                     {verb_line("wait drained " + name), verb_line(again),
                      verb_line(again) + " --close-over 30s"});
    }
    if (left != 0 && command_.close_over) closes(pool);
    take(step);
    const std::string whole = called(step.next, pool);
    return go(whole + " is prepared" + without_way_back(step.next),
              "would open " + whole + without_way_back(step.next));
  }

  Decided to_retire() {
    const traffic::PoolId pool = resolved_.pool;
    const std::string whole = called(release_, pool);
    const traffic::ReleaseVerb verb =
        command_.undo ? traffic::ReleaseVerb::kUnretire : traffic::ReleaseVerb::kRetire;
    traffic::ReleaseStep step = traffic::step(release_, {.verb = verb, .pool = pool});
    const std::string is = whole + " is ";
    if (step.verdict == traffic::ReleaseVerdict::kAlready) {
      return close_besides(is + std::string(traffic::to_string(traffic::state_of(release_, pool))) +
                           " already");
    }
    if (step.verdict != traffic::ReleaseVerdict::kChange) return barred(step.verdict, pool);
    const std::uint64_t left = left_on(pool);
    std::string becomes(traffic::to_string(traffic::state_of(step.next, pool)));
    if (command_.undo) {
      becomes += " again";
      // What the retire began to close stays; a drain that waits goes on as it is.
      if (drains_.status(resolved_.app, pool, base::monotonic_now()).closing) plan_.resumes = pool;
    } else if (is_empty(left)) {
      step.next = emptied(step.next);
      becomes = "retired";
    } else {
      becomes += ", " + connections(left) + " left";
      if (command_.close_over) closes(pool);
    }
    take(step);
    if (!command_.undo) becomes += without_way_back(step.next);
    return go(is + becomes, whole + " would be " + becomes);
  }

  Decided to_settle() {
    const traffic::ReleaseStep step =
        traffic::step(release_, {.verb = traffic::ReleaseVerb::kEmptied, .pool = resolved_.pool});
    const std::string whole = called(release_, resolved_.pool);
    if (step.verdict != traffic::ReleaseVerdict::kChange || !is_empty(left_on(resolved_.pool))) {
      return already(whole + " is not to be retired now");
    }
    take(step);
    return go(whole + " is empty and retired", {});
  }

  // A worker that still has the table of before may connect to it.
  [[nodiscard]] bool is_empty(std::uint64_t left) const { return left == 0 && decisions_.followed; }

  [[nodiscard]] traffic::ReleaseState emptied(const traffic::ReleaseState& state) const {
    return traffic::step(state, {.verb = traffic::ReleaseVerb::kEmptied, .pool = resolved_.pool})
        .next;
  }

  // A slip of a name at night must not go unseen.
  [[nodiscard]] std::string without_way_back(const traffic::ReleaseState& next) const {
    // A split hides it from rollback_target(), and ends.
    const traffic::PoolId back = release_.previous;
    const bool led =
        back == resolved_.pool && traffic::state_of(release_, back) == traffic::PoolState::kKept;
    const bool leads = next.previous == back &&
                       traffic::state_of(next, resolved_.pool) == traffic::PoolState::kKept;
    return led && !leads ? "; there is no rollback to " + name_of(back) + " any more" : "";
  }

  // The pool is what it is to be; what it has left may still be closed.
  Decided close_besides(std::string message) {
    const std::uint64_t left = left_on(resolved_.pool);
    if (!command_.close_over || left == 0) return already(std::move(message));
    closes(resolved_.pool);
    const std::string what = ", " + connections(left) + " left, closed over " +
                             base::format_duration(*command_.close_over);
    return go(message + what, message + what);
  }

  void closes(traffic::PoolId pool) {
    plan_.closes = pool;
    plan_.outcome.over = command_.close_over;
  }
};

}  // namespace

Decided decide_generation(const traffic::Model& model, const Decisions& decisions,
                          const HealthBoard& health, const Drains& drains, const Command& command,
                          const Resolved& resolved) {
  return GenerationDecider(model, decisions, health, drains, command, resolved).run();
}

}  // namespace shunt::control
