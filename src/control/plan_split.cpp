// Splits: a share of new connections for a pool that is not live.
#include <algorithm>

#include "shunt/base/units.hpp"
#include "src/control/decider.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

using traffic::ReleaseVerb;
using traffic::ReleaseVerdict;

class SplitDecider : Decider {
 public:
  SplitDecider(const traffic::Model& model, const Decisions& decisions, const HealthBoard& health,
               const Drains& drains, const Command& command, const Resolved& resolved)
      : Decider(model, decisions, health, drains, command, resolved) {}

  Decided run() { return command_.undo ? to_end() : to_split(); }

 private:
  Decided to_split() {
    const traffic::PoolId pool = resolved_.pool;
    const traffic::ShareTerms terms = wanted(pool);
    if (terms.empty()) {
      return refused("that leaves " + name_of(pool) + " no share and no client",
                     {{"share", "a share above 0%, or sources"}}, {verb_line("split off")});
    }
    const traffic::ReleaseStep step =
        traffic::step(release_, {.verb = ReleaseVerb::kSplit, .pool = pool, .split = terms});
    const std::string what = called(release_, pool) + " takes " + words(terms);
    if (step.verdict == ReleaseVerdict::kAlready) return already(what + " already");
    if (step.verdict != ReleaseVerdict::kChange) return barred(step.verdict, pool);
    std::vector<Reason> failed;
    if (takes_more(terms)) {
      failed = failed_switch_gates(fitness_of(model_, decisions_, health_, resolved_.app, pool));
      add_old_connections(pool, failed);
    }
    waive(failed);
    if (!failed.empty()) {
      std::string skip;
      for (const std::string& gate : plan_.outcome.receipt.skipped) skip += " --skip " + gate;
      for (const Reason& reason : failed) skip += " --skip " + reason.gate;
      return refused(
          name_of(pool) + " is not ready to take traffic", std::move(failed),
          {verb_line("status"), verb_line("split " + name_of(pool)) + " …" + skip + " --reason …"});
    }
    if (traffic::canary_of(release_) == traffic::kNoPool) plan_.joins = pool;
    take(step);
    plan_.publishes = true;
    return go(what, "would let " + called(release_, pool) + " take " + words(terms));
  }

  // Terms that are not given stay what they are: another share alone must not move the clients that
  // were told where they go.
  [[nodiscard]] traffic::ShareTerms wanted(traffic::PoolId pool) const {
    traffic::ShareTerms terms;
    if (traffic::canary_of(release_) == pool) terms = release_.split;
    if (command_.share) terms.share = *command_.share;
    if (command_.sticky) terms.sticky = *command_.sticky;
    if (command_.sources) terms.sources = resolved_.sources;
    if (terms.share == 0) terms.sticky = false;
    return terms;
  }

  // A share that shrinks, and clients that are taken away, need no gate.
  [[nodiscard]] bool takes_more(const traffic::ShareTerms& terms) const {
    const traffic::ShareTerms& has = release_.split;
    const bool others =
        std::any_of(terms.sources.begin(), terms.sources.end(), [&](const std::string& source) {
          return std::find(has.sources.begin(), has.sources.end(), source) == has.sources.end();
        });
    return others || terms.share > has.share || terms.sticky != has.sticky;
  }

  static std::string words(const traffic::ShareTerms& terms) {
    std::string text;
    if (terms.share != 0) {
      text = base::format_share(terms.share) + " of new connections" +
             (terms.sticky ? ", by client address" : "");
    }
    if (terms.sources.empty()) return text;
    constexpr std::size_t kSourcesTold = 4;
    return text + (text.empty() ? "" : ", and ") + "those from " +
           listed(terms.sources, kSourcesTold);
  }

  Decided to_end() {
    const traffic::ReleaseStep step = traffic::step(release_, {.verb = ReleaseVerb::kSplitOff});
    if (step.verdict != ReleaseVerdict::kChange) return already("no pool takes a share");
    return end_split(step);
  }
};

}  // namespace

Decided decide_split(const traffic::Model& model, const Decisions& decisions,
                     const HealthBoard& health, const Drains& drains, const Command& command,
                     const Resolved& resolved) {
  return SplitDecider(model, decisions, health, drains, command, resolved).run();
}

}  // namespace shunt::control
