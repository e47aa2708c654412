// Time as plain nanoseconds. Pure code takes an Instant as an argument; only loops read the clock,
// once a turn, so that time stands still within a turn and tests are deterministic.
#pragma once

#include <cstdint>
#include <ctime>

namespace shunt::base {

// Nanoseconds of CLOCK_MONOTONIC since an arbitrary start.
using Instant = std::uint64_t;
// A span in nanoseconds.
using Duration = std::uint64_t;

inline constexpr Duration kMicrosecond = 1'000;
inline constexpr Duration kMillisecond = 1'000'000;
inline constexpr Duration kSecond = 1'000'000'000;

// A Duration that stands for "off": no limit, never.
inline constexpr Duration kOff = 0;

[[nodiscard]] inline Instant monotonic_now() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Instant>(now.tv_sec) * kSecond + static_cast<Instant>(now.tv_nsec);
}

// Milliseconds since 1970 in UTC, for records that people read.
[[nodiscard]] inline std::int64_t wall_now_ms() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

// Microseconds since 1970 in UTC.
[[nodiscard]] inline std::uint64_t wall_now_us() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

}  // namespace shunt::base
