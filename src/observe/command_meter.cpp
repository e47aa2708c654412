#include "shunt/observe/command_meter.hpp"

#include <algorithm>
#include <utility>

namespace shunt::observe {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;

// From the pointer exchange alone (below 1 us) to a stuck disk.
constexpr std::array<base::Duration, 17> kSwitchBounds = {250,
                                                          500,
                                                          1 * kMicrosecond,
                                                          5 * kMicrosecond,
                                                          10 * kMicrosecond,
                                                          25 * kMicrosecond,
                                                          50 * kMicrosecond,
                                                          100 * kMicrosecond,
                                                          250 * kMicrosecond,
                                                          500 * kMicrosecond,
                                                          1 * kMillisecond,
                                                          2'500 * kMicrosecond,
                                                          5 * kMillisecond,
                                                          10 * kMillisecond,
                                                          50 * kMillisecond,
                                                          250 * kMillisecond,
                                                          1 * kSecond};

// From a pool of short requests to one with sessions of days; looked at every 100 ms.
constexpr std::array<base::Duration, 11> kDrainBounds = {
    250 * kMillisecond, 1 * kSecond,      5 * kSecond,      15 * kSecond,
    60 * kSecond,       300 * kSecond,    1'800 * kSecond,  3'600 * kSecond,
    21'600 * kSecond,   86'400 * kSecond, 604'800 * kSecond};

// Position in CommandMeter::kOutcomes.
std::size_t outcome_index(const control::Outcome& outcome) noexcept {
  switch (outcome.kind) {
    case control::OutcomeKind::kDone:
      return outcome.changed ? 0 : 1;
    case control::OutcomeKind::kRefused:
      return 2;
    case control::OutcomeKind::kEpochMoved:
      return 3;
    case control::OutcomeKind::kNotFound:
      return 4;
    case control::OutcomeKind::kInvalid:
      return 5;
    case control::OutcomeKind::kUnavailable:
      return 6;
  }
  return 5;
}

}  // namespace

CommandMeter::App::App(std::string app_name, const std::vector<traffic::Pool>& app_pools)
    : name(std::move(app_name)) {
  for (const traffic::Pool& pool : app_pools) {
    pools.push_back(pool.name);
    drains.emplace_back(kDrainBounds);
  }
  for (std::size_t i = 0; i < kParts.size(); ++i) parts.emplace_back(kSwitchBounds);
}

CommandMeter::CommandMeter(const traffic::Model& model) {
  for (const traffic::App& app : model.apps) apps_.emplace_back(app.name, app.pools);
  apps_.emplace_back("", std::vector<traffic::Pool>{});
}

void CommandMeter::drained(traffic::AppId app, traffic::PoolId pool, base::Duration took) {
  apps_[app].drains[pool].observe(took);
}

void CommandMeter::record(control::Verb verb, const control::Outcome& outcome) {
  // What shunt does by itself is told every time that it looks where it cannot be done.
  if (verb == control::Verb::kExpired && !outcome.changed) return;
  const bool expired = verb == control::Verb::kExpired;
  const bool back = verb == control::Verb::kRollback || verb == control::Verb::kAbort || expired;
  if (verb != control::Verb::kSwitch && !back) return;
  if (outcome.dry_run || outcome.replayed) return;
  // A name that a client made up must not become a label.
  const auto known = std::find_if(apps_.begin(), apps_.end() - 1,
                                  [&](const App& app) { return app.name == outcome.app; });
  const std::size_t kind = expired ? 2 : back ? 1 : 0;
  ++known->counts[kind][outcome_index(outcome)];
  if (outcome.kind != control::OutcomeKind::kDone || !outcome.changed) return;
  const control::Receipt& receipt = outcome.receipt;
  known->parts[0].observe(receipt.gates);
  known->parts[1].observe(receipt.persist);
  known->parts[2].observe(receipt.store);
  known->parts[3].observe(receipt.adoption);
  known->parts[4].observe(receipt.total);
}

void MeteredController::apply(control::Command command,
                              std::function<void(control::Outcome)> done) {
  const control::Verb verb = command.verb;
  inner_.apply(std::move(command),
               [&meter = meter_, verb, done = std::move(done)](control::Outcome outcome) {
                 meter.record(verb, outcome);
                 done(std::move(outcome));
               });
}

}  // namespace shunt::observe
