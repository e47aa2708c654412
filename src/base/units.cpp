#include "shunt/base/units.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace shunt::base {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, so that formatting finds the shortest exact form.
constexpr std::array<Unit, 7> kDurationUnits = {{{"d", 86'400 * kSecond},
                                                 {"h", 3'600 * kSecond},
                                                 {"m", 60 * kSecond},
                                                 {"s", kSecond},
                                                 {"ms", kMillisecond},
                                                 {"us", kMicrosecond},
                                                 {"ns", 1}}};
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"", 1}}};

// Splits "1.5s" into 1.5 and "s".
bool split_number(std::string_view text, double& number, std::string_view& unit) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number >= 0)) return false;
  // ".5" and "5." are numbers to from_chars, and slips of the pen to people.
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!is_digit(text.front()) || !is_digit(*(end - 1))) return false;
  unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return true;
}

template <class Units>
Result<std::uint64_t> parse_with(std::string_view text, const Units& units, std::string_view what,
                                 std::string_view expected) {
  double number = 0;
  std::string_view unit;
  if (split_number(text, number, unit)) {
    for (const Unit& known : units) {
      if (known.name != unit) continue;
      const double value = number * static_cast<double>(known.factor);
      if (value > 9.2e18) break;
      return static_cast<std::uint64_t>(std::llround(value));
    }
  }
  return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' is not a " + std::string(what),
              std::string(expected));
}

template <class Units>
std::string format_with(std::uint64_t value, const Units& units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(value);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  return parse_with(text, kDurationUnits, "duration",
                    "write a number and a unit: 250ms, 5s, 10m, 2h");
}

std::string format_duration(Duration duration) {
  return format_with(duration, kDurationUnits, "0s");
}

std::string format_duration_brief(Duration duration) {
  for (std::size_t i = 0; i < kDurationUnits.size(); ++i) {
    const Unit& unit = kDurationUnits[i];
    if (duration < unit.factor) continue;
    std::string text = std::to_string(duration / unit.factor) + std::string(unit.name);
    if (unit.factor > kSecond) {
      const Unit& next = kDurationUnits[i + 1];
      const std::uint64_t rest = duration % unit.factor / next.factor;
      if (rest != 0) text += std::to_string(rest) + std::string(next.name);
    }
    return text;
  }
  return "0s";
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_with(text, kSizeUnits, "size", "write bytes or 16KiB, 1MiB, 2GiB");
}

std::string format_size(std::uint64_t bytes) {
  return format_with(bytes, kSizeUnits, "0");
}

Result<std::uint32_t> parse_percent(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || std::string_view(end, text.data() + text.size()) != "%" ||
      value > 100) {
    return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' is not a percentage",
                "write a whole number from 0% to 100%");
  }
  return value;
}

Result<std::uint32_t> parse_share(std::string_view text) {
  constexpr double kMillionthsPerPercent = 10'000;
  double number = 0;
  std::string_view unit;
  if (split_number(text, number, unit) && unit == "%" && number <= 100) {
    const double millionths = number * kMillionthsPerPercent;
    if (std::abs(millionths - std::round(millionths)) < 1e-6) {
      return static_cast<std::uint32_t>(std::lround(millionths));
    }
  }
  return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' is not a share",
              "write 0% to 100%, with four decimals at most: 5%, 0.5%");
}

std::string format_share(std::uint32_t millionths) {
  std::string text = std::to_string(millionths / 10'000);
  if (std::uint32_t rest = millionths % 10'000; rest != 0) {
    std::string decimals = std::to_string(10'000 + rest).substr(1);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    text += '.' + decimals;
  }
  return text + '%';
}

// By the calendar's arithmetic alone: a switch's receipt is written on a busy CPU, where the C
// library's formatting of a date costs more in cold code than deciding and publishing.
std::string format_wall_time(std::int64_t milliseconds) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::milliseconds> time{
      std::chrono::milliseconds(milliseconds)};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  auto rest = static_cast<std::uint64_t>((time - day).count());
  std::string text = "0000-00-00T00:00:00.000Z";
  // Right to left, each part behind its separator.
  const auto put = [&text](std::size_t end, std::size_t digits, std::uint64_t value) {
    for (; digits > 0; --digits, value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(23, 3, rest % 1000), rest /= 1000;
  put(19, 2, rest % 60), rest /= 60;
  put(16, 2, rest % 60), rest /= 60;
  put(13, 2, rest);
  put(10, 2, static_cast<unsigned>(date.day()));
  put(7, 2, static_cast<unsigned>(date.month()));
  put(4, 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  return text;
}

}  // namespace shunt::base
