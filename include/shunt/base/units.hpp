// Durations, sizes and percentages as people write them in files and on command lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/base/clock.hpp"
#include "shunt/base/result.hpp"

namespace shunt::base {

// "250ms", "5s", "10m", "2h", "3d", "50us"; a unit is required, fractions ("1.5s") are allowed.
// Error of kInvalid: says what was given and what is expected. "off" and "none" are not durations.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// The shortest exact form that parse_duration takes back: "1m30s" is given as "90s".
[[nodiscard]] std::string format_duration(Duration duration);
// For people, two parts at most: "3h12m", "1m48s", "250ms", "12us".
[[nodiscard]] std::string format_duration_brief(Duration duration);

// "16KiB", "1MiB", "2GiB", "512" (bytes).
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(std::uint64_t bytes);

// "90%" gives 90. 0 to 100, whole numbers.
[[nodiscard]] Result<std::uint32_t> parse_percent(std::string_view text);

// "5%", "0.5%", "100%" in millionths: 50000, 5000, 1000000. At most four decimals.
[[nodiscard]] Result<std::uint32_t> parse_share(std::string_view text);
[[nodiscard]] std::string format_share(std::uint32_t millionths);

// "2026-11-23T10:00:00.123Z" from milliseconds since 1970.
[[nodiscard]] std::string format_wall_time(std::int64_t milliseconds);

}  // namespace shunt::base
