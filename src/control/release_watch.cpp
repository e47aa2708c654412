#include "src/control/release_watch.hpp"

#include <algorithm>
#include <utility>

#include "src/control/loads.hpp"

namespace shunt::control {

ReleaseWatch::ReleaseWatch(const traffic::Model& model, const proxy::DataPlane& data_plane,
                           Switchboard& switchboard, const HealthBoard& health, EventSink& events,
                           Ended ended)
    : model_(model),
      data_plane_(data_plane),
      switchboard_(switchboard),
      health_(health),
      events_(events),
      ended_(std::move(ended)),
      apps_(model.apps.size()) {}

void ReleaseWatch::tick(base::Instant now) {
  for (traffic::AppId app = 0; app < model_.apps.size(); ++app) end_trial(app, now);
  // These can wait: for commands, for a disk that fails, for a worker that may still connect.
  if (!switchboard_.adopted() || !switchboard_.ledger().trouble().empty()) return;
  for (traffic::AppId app = 0; app < model_.apps.size(); ++app) settle_retiring(app);
}

std::string ReleaseWatch::why_it_stays(traffic::AppId app) const {
  const App& known = apps_[app];
  const std::int64_t trial = switchboard_.decisions().apps[app].release.confirm_by;
  return trial != 0 && known.overdue == trial ? known.stays_because : std::string();
}

void ReleaseWatch::end_trial(traffic::AppId app, base::Instant now) {
  const RestoredApp& decided = switchboard_.decisions().apps[app];
  if (!traffic::in_trial(decided.release) || now < decided.trial_ends || apps_[app].given) return;
  // A node may pass and fail in turn for ever: then what is known of it by now has to do.
  const traffic::HealthOptions& checks = model_.apps[app].health;
  const base::Duration rounds =
      (checks.rise + checks.fall + 1) * (checks.interval + checks.timeout);
  const bool known =
      is_known(app, decided.release.active) && is_known(app, decided.release.previous);
  if (!known && now < decided.trial_ends + rounds) return;
  give(Verb::kExpired, app, traffic::kNoPool);
}

// Told once a trial, whatever else is decided meanwhile.
void ReleaseWatch::stays(traffic::AppId app, const Outcome& outcome) {
  App& known = apps_[app];
  known.stays_because = outcome.reasons.empty() ? outcome.message : outcome.reasons.front().message;
  const std::int64_t trial = switchboard_.decisions().apps[app].release.confirm_by;
  if (std::exchange(known.overdue, trial) == trial) return;
  Event event;
  event.level = EventLevel::kError;
  event.type = "trial_overdue";
  event.app = outcome.app;
  event.message = outcome.message + "; " + known.stays_because;
  for (const std::string& next : outcome.next) event.fields.emplace_back("next", next);
  events_.publish(std::move(event));
}

void ReleaseWatch::settle_retiring(traffic::AppId app) {
  const traffic::ReleaseState& release = switchboard_.decisions().apps[app].release;
  const auto& pools = model_.apps[app].pools;
  for (traffic::PoolId pool = 0; pool < pools.size(); ++pool) {
    if (!switchboard_.idle()) return;
    if (traffic::state_of(release, pool) != traffic::PoolState::kRetiring) continue;
    if (load_of(data_plane_, pools[pool]).held() == 0) give(Verb::kEmptied, app, pool);
  }
}

// Checks have said of every ready node how it is.
bool ReleaseWatch::is_known(traffic::AppId app, traffic::PoolId pool) const {
  const auto& nodes = model_.apps[app].pools[pool].nodes;
  const Decisions& decisions = switchboard_.decisions();
  return std::all_of(nodes.begin(), nodes.end(), [&](const traffic::Node& node) {
    return decisions.admin[node.slot] != traffic::AdminState::kReady ||
           health_.is_proven(node.slot) || health_.worst(node.slot) == traffic::Health::kDown;
  });
}

void ReleaseWatch::give(Verb verb, traffic::AppId app, traffic::PoolId pool) {
  Command command;
  command.verb = verb;
  command.app = model_.apps[app].name;
  if (pool != traffic::kNoPool) command.pool = model_.apps[app].pools[pool].name;
  command.actor = "shunt";
  // A disk that fails keeps no release live; after a crash the trial is over again.
  command.not_durable = verb == Verb::kExpired && !switchboard_.ledger().trouble().empty();
  apps_[app].given = true;
  switchboard_.apply(std::move(command), [this, verb, app](const Outcome& outcome) {
    apps_[app].given = false;
    if (verb == Verb::kExpired && outcome.kind == OutcomeKind::kRefused) stays(app, outcome);
    if (ended_) ended_(verb, outcome);
  });
}

}  // namespace shunt::control
