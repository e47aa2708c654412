// From recordings to the figures of the table.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/quantiles.hpp"
#include "bench/switch/recording.hpp"

namespace shunt::bench {

// Nanoseconds.
struct Spread {
  std::size_t count = 0;
  std::uint64_t p50 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t max = 0;
};
[[nodiscard]] Spread spread_of(std::vector<std::uint64_t> values);

// Latencies of requests that were scheduled within kNear of a switch, beside all others.
inline constexpr base::Duration kNear = 5 * base::kMillisecond;
inline constexpr std::array<double, 3> kQuantiles{0.5, 0.99, 0.999};
struct Disturbance {
  std::array<std::uint64_t, 3> near{};
  std::array<std::uint64_t, 3> steady{};
  std::array<Ratio, 3> ratio{};
};

struct Figures {
  std::size_t switches = 0;
  Spread round_trip;  // not durable, or of the only kind
  Spread round_trip_durable;
  // From receipts: the whole command where it is not durable, and persist where it is.
  Spread inside, persist, store, adoption;
  Spread first_new;  // command sent to the first answer from the new pool
  std::uint64_t never_new =
      0;  // switches after which no new connection reached the new pool in time
  // Connections that began after acknowledgement k and were answered by the other colour before
  // command k + 1 was sent; and how long after the acknowledgement the last of them began.
  std::uint64_t late = 0;
  base::Duration latest = 0;
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;  // on kept connections, wrk's included
  std::uint64_t errors = 0;
  std::array<std::uint64_t, kFailures> failures{};
  Disturbance fresh;  // of new connections
  Disturbance kept;   // of requests on kept connections
};

// with_disturbance: the slices are switched often enough for quantiles near a switch.
[[nodiscard]] Figures analyse(const std::vector<Slice>& slices, bool with_disturbance);

}  // namespace shunt::bench
