// What `busy_poll` says: whether workers watch their rings before they sleep.
#pragma once

#include <cstdint>

#include "shunt/base/clock.hpp"

namespace shunt::proxy {

enum class BusyPollMode : std::uint8_t {
  kOff,
  kAuto,    // where it pays and nobody else wants the CPU, at most kBusyPollSharePercent of it
  kAlways,  // before each sleep
};

struct BusyPollSetting {
  BusyPollMode mode = BusyPollMode::kAuto;
  base::Duration span = 0;  // kAlways: how long before each sleep; else 0
  friend bool operator==(const BusyPollSetting&, const BusyPollSetting&) = default;
};

}  // namespace shunt::proxy
