// Decider: one command against what is in force. What all verbs have in common; those about traffic
// and nodes are in plan.cpp, those about generations in plan_generation.cpp. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "shunt/base/clock.hpp"
#include "src/control/gates.hpp"
#include "src/control/plan.hpp"

namespace shunt::control {

// What is said of a pool whose split ended.
inline constexpr std::string_view kNoShareAnyMore = " no share any more, ";

class Decider {
 protected:
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

  // What a prepared pool holds is of the generation before: it would be taken for the new one's.
  void add_old_connections(traffic::PoolId pool, std::vector<Reason>& failed) const {
    const std::uint64_t left = left_on(pool);
    if (!release_.pools[pool].fresh || left == 0) return;
    failed.push_back({std::string(kGateEmpty), connections(left) + " of the generation before " +
                                                   (left == 1 ? "is left" : "are left")});
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
    if (step.from != traffic::kNoPool) {
      plan_.publishes = true;
      plan_.outcome.receipt.from = name_of(step.from);
      plan_.outcome.receipt.to = name_of(step.next.active);
    }
    if (command_.dry_run) return;  // a dry run tells what is
    plan_.outcome.receipt.epoch = step.next.epoch;
    plan_.outcome.active = name_of(step.next.active);
    plan_.outcome.epoch = step.next.epoch;
    // Of a confirm without a name it is the live one as well.
    const bool live = step.from != traffic::kNoPool || resolved_.pool == traffic::kNoPool;
    const traffic::PoolId about = live ? step.next.active : resolved_.pool;
    const traffic::PoolRecord& record = step.next.pools[about];
    plan_.outcome.pool = PoolName{name_of(about), record.generation, record.version};
  }

  // The split is all that the step ends; the live pool has everything again.
  Decided end_split(const traffic::ReleaseStep& step) {
    const traffic::PoolId canary = traffic::canary_of(release_);
    plan_.leaves = canary;
    take(step);
    plan_.publishes = true;
    if (!command_.dry_run) {
      const traffic::PoolRecord& record = step.next.pools[canary];
      plan_.outcome.pool = PoolName{name_of(canary), record.generation, record.version};
    }
    const std::string what =
        std::string(kNoShareAnyMore) + name_of(release_.active) + " is live alone";
    return go(called(release_, canary) + " takes" + what,
              "would let " + called(release_, canary) + " take" + what);
  }

  // "green#12 1.3.0"
  [[nodiscard]] std::string called(const traffic::ReleaseState& release,
                                   traffic::PoolId pool) const {
    const traffic::PoolRecord& record = release.pools[pool];
    return name_of(pool) + (record.generation == 0 ? "" : "#" + std::to_string(record.generation)) +
           (record.version.empty() ? "" : " " + record.version);
  }
  [[nodiscard]] std::uint64_t left_on(traffic::PoolId pool) const {
    return drains_.status(resolved_.app, pool, base::monotonic_now()).remaining;
  }
  static std::string connections(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " connection" : " connections");
  }

  // By the states of pools.
  Decided barred(traffic::ReleaseVerdict verdict, traffic::PoolId pool) {
    const bool of_another = verdict == traffic::ReleaseVerdict::kOtherInTrial ||
                            verdict == traffic::ReleaseVerdict::kOtherTakesShare;
    const std::string why =
        (of_another ? "" : called(release_, pool) + " ") + std::string(traffic::to_string(verdict));
    std::vector<std::string> next{verb_line("status")};
    if (verdict == traffic::ReleaseVerdict::kIsRetiring) {
      next.push_back(verb_line("retire " + name_of(pool) + " --undo"));
    } else if (verdict == traffic::ReleaseVerdict::kIsRetired ||
               verdict == traffic::ReleaseVerdict::kIsRejected ||
               verdict == traffic::ReleaseVerdict::kIsKept) {
      next.push_back(verb_line("prepare " + name_of(pool)));
    } else if (verdict == traffic::ReleaseVerdict::kTakesShare ||
               verdict == traffic::ReleaseVerdict::kOtherTakesShare) {
      next.push_back(verb_line("split off"));
    } else if (traffic::in_trial(release_)) {
      next.push_back(verb_line("confirm " + name_of(release_.active)));
      next.push_back(verb_line("rollback"));
    }
    return refused(why, {{"state", why}}, std::move(next));
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

// For kPrepare, kRetire and kEmptied.
[[nodiscard]] Decided decide_generation(const traffic::Model& model, const Decisions& decisions,
                                        const HealthBoard& health, const Drains& drains,
                                        const Command& command, const Resolved& resolved);

// For kSplit.
[[nodiscard]] Decided decide_split(const traffic::Model& model, const Decisions& decisions,
                                   const HealthBoard& health, const Drains& drains,
                                   const Command& command, const Resolved& resolved);
// For kConfirm, kAbort and kExpired.
[[nodiscard]] Decided decide_trial(const traffic::Model& model, const Decisions& decisions,
                                   const HealthBoard& health, const Drains& drains,
                                   const Command& command, const Resolved& resolved);

}  // namespace shunt::control
