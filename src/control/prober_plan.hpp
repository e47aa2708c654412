// What is checked, and when within its interval. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::control {

struct ProbeTarget {
  traffic::NodeSlot slot = traffic::kNoSlot;
  std::uint32_t position = 0;  // of the service in App::services
  base::Endpoint address;
  std::vector<base::Endpoint> sources;  // those of the address's family
  base::Duration interval = 0;
  base::Duration timeout = 0;
  base::Duration phase = 0;  // the first check, from the start on; < interval
};

// Every node and service of the apps whose checks are on, in the order of the model. Phases are
// even over the interval, or over kProbeSpacing a target where that is less: a thousand nodes never
// fire together, and four nodes need not wait for seconds.
inline constexpr base::Duration kProbeSpacing = 10 * base::kMillisecond;
[[nodiscard]] std::vector<ProbeTarget> plan_probes(const traffic::Model& model);

// The next time of a check whose last one was due at `due`, after `now`: a check that came late
// keeps its phase and skips the times it missed.
[[nodiscard]] constexpr base::Instant next_due(base::Instant due, base::Duration interval,
                                               base::Instant now) noexcept {
  if (now < due) return due;
  return due + ((now - due) / interval + 1) * interval;
}

}  // namespace shunt::control
