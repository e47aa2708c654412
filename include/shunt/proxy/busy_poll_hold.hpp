// What holds a worker off from watching before it sleeps, where `busy_poll` is auto. One row yields
// the enum, the label of the metric and the words of the status.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt::proxy {

// clang-format off
// The first rows hold for as long as the process runs, the last two change with the CPU's use.
#define SHUNT_BUSY_POLL_HOLDS(ROW)                                                       \
  ROW(kNone,        "none",         "")                                                  \
  ROW(kCpuQuota,    "cpu_quota",    "a control group limits the CPU time")               \
  ROW(kManyWorkers, "many_workers", "workers are more than CPUs")                        \
  ROW(kCpuUnknown,  "cpu_unknown",  "it is not known yet whether others use the CPU")    \
  ROW(kCpuShared,   "cpu_shared",   "others use the CPU")
// clang-format on

enum class BusyPollHold : std::uint8_t {
#define SHUNT_ROW(name, label, words) name,
  SHUNT_BUSY_POLL_HOLDS(SHUNT_ROW)
#undef SHUNT_ROW
};

struct BusyPollHoldText {
  std::string_view label;  // metric
  std::string_view words;  // status
};

inline constexpr BusyPollHoldText kBusyPollHoldTexts[] = {
#define SHUNT_ROW(name, label, words) {label, words},
    SHUNT_BUSY_POLL_HOLDS(SHUNT_ROW)
#undef SHUNT_ROW
};

inline constexpr std::size_t kBusyPollHolds =
    sizeof(kBusyPollHoldTexts) / sizeof(kBusyPollHoldTexts[0]);

}  // namespace shunt::proxy
