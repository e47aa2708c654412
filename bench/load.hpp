// Open-loop load on one thread: new connections, and requests on keep-alive connections, at set
// rates with exponential gaps. A request has a scheduled time, and its latency counts from there,
// so a stall of the proxy (or of this generator) cannot hide the requests that it delayed
// (coordinated omission).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/net.hpp"
#include "shunt/base/clock.hpp"

namespace shunt::bench {

using base::Duration;
using base::Instant;

enum class Failure : std::uint8_t {
  kNone,
  kConnect,   // refused, unreachable, no local port
  kReset,     // reset before the whole answer
  kEnd,       // closed before the whole answer
  kAnswer,    // not a 200 with a known colour
  kTimeout,   // no whole answer in time
  kOverload,  // too much in flight: never sent
};
inline constexpr std::size_t kFailures = 7;
[[nodiscard]] const char* to_string(Failure failure) noexcept;

// One request's life. Times are CLOCK_MONOTONIC nanoseconds.
struct Sample {
  Instant scheduled = 0;
  Instant begun = 0;       // before connect() for a new connection, before send() else
  Instant answered = 0;    // the answer's last byte was read; or the failure was seen
  std::uint8_t color = 0;  // index into LoadOptions::colors; only where failure is kNone
  bool keep_alive = false;
  Failure failure = Failure::kNone;
};

struct LoadOptions {
  Endpoint target;
  double connections_per_s = 100;  // each: connect, one GET, read the answer, close
  double requests_per_s = 0;       // on the keep-alive connections together
  std::uint32_t keep_alive = 0;    // how many of them
  Duration timeout = 10 * base::kSecond;
  std::uint32_t in_flight_max = 8192;
  std::uint64_t seed = 1;
  std::vector<std::string> colors{"blue", "green"};
};

// Runs until stop is true or the clock passes end (0: never), then waits for what is in flight.
// on_end is called on this thread, once for each request. Throws std::system_error where it cannot
// start; refused and broken connections are samples.
void generate_load(const LoadOptions& options, const std::atomic<bool>& stop, Instant end,
                   const std::function<void(const Sample&)>& on_end);

}  // namespace shunt::bench
