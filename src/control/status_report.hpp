// Puts a StatusSnapshot together from what is in force, health, drains and the workers' counters.
#pragma once

#include "shunt/control/config.hpp"
#include "shunt/control/status.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "src/control/drains.hpp"
#include "src/control/health_board.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {

class ReleaseWatch;

struct StatusSources {
  const Config& config;
  const proxy::DataPlane& data_plane;
  const Switchboard& switchboard;
  const HealthBoard& health;
  const Drains& drains;
  const ReleaseWatch& releases;
};

[[nodiscard]] AppStatus app_status(const StatusSources& sources, traffic::AppId app,
                                   base::Instant now);

// What busy_poll is set to, and what holds workers off: "others use the CPU (1 of 2 workers)".
void describe_busy_poll(const proxy::BusyPollSetting& setting, const proxy::DataPlane& data_plane,
                        ProcessStatus& process);

}  // namespace shunt::control
