// ReleaseWatch: what becomes of releases without a command. A retiring pool that has run empty is
// retired; a trial that was not confirmed in time goes back. Both are commands that shunt gives
// itself, persisted and told like any other. Control thread only.
//
// The end of a trial is a wall time on disk, and an instant of the monotonic clock in the process
// that began it, so that a clock that is set moves no trial. A start takes what is left of it, at
// most its whole time. One that ended meanwhile goes back when the checks have said how both pools
// are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shunt/control/controller.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {

class ReleaseWatch {
 public:
  // Of each command that was given here and done or refused.
  using Ended = std::function<void(Verb, const Outcome&)>;

  // ended: may be empty.
  ReleaseWatch(const traffic::Model& model, const proxy::DataPlane& data_plane,
               Switchboard& switchboard, const HealthBoard& health, EventSink& events, Ended ended);

  // Called every 100 ms or so.
  void tick(base::Instant now);

  // Why the app's trial is over and has not gone back; empty: it runs, or is not judged yet.
  [[nodiscard]] std::string why_it_stays(traffic::AppId app) const;

 private:
  struct App {
    bool given = false;         // a command of ours waits or runs
    std::int64_t overdue = 0;   // ReleaseState::confirm_by of the trial that was told to stay
    std::string stays_because;  // of that one
  };

  void end_trial(traffic::AppId app, base::Instant now);
  void stays(traffic::AppId app, const Outcome& outcome);
  void settle_retiring(traffic::AppId app);
  [[nodiscard]] bool is_known(traffic::AppId app, traffic::PoolId pool) const;
  void give(Verb verb, traffic::AppId app, traffic::PoolId pool);

  const traffic::Model& model_;
  const proxy::DataPlane& data_plane_;
  Switchboard& switchboard_;
  const HealthBoard& health_;
  EventSink& events_;
  const Ended ended_;
  std::vector<App> apps_;  // by AppId
};

}  // namespace shunt::control
