// LimitWatch: an event where connections met a limit. Told at once, then summed up: a flood of
// refused connections is one event a cause and interval. Control thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "shunt/base/clock.hpp"
#include "shunt/control/event.hpp"
#include "shunt/proxy/data_plane.hpp"

namespace shunt::control {

class LimitWatch {
 public:
  LimitWatch(const proxy::DataPlane& data_plane, EventSink& events, base::Duration interval)
      : data_plane_(data_plane), events_(events), interval_(interval) {}

  // Looks at the workers' counters. Called every 100 ms or so.
  void tick(base::Instant now);

 private:
  // close causes that are limits, accepts that failed, receives without a buffer, lost records
  static constexpr std::size_t kLimits = 8;
  struct Limit {
    std::uint64_t told = 0;     // of the count
    base::Instant told_at = 0;  // 0: never
  };

  const proxy::DataPlane& data_plane_;
  EventSink& events_;
  const base::Duration interval_;
  std::array<Limit, kLimits> limits_{};
};

}  // namespace shunt::control
