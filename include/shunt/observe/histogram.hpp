// Histogram: durations counted in fixed buckets. One writer, any readers, no locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/traffic/ids.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::observe {

class Histogram {
 public:
  // bounds: upper bounds (inclusive), rising; static storage. What lies above the last is counted
  // in a bucket of its own.
  explicit Histogram(std::span<const base::Duration> bounds)
      : bounds_(bounds),
        counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 2)) {}

  // The writer's thread only.
  void observe(base::Duration value) noexcept;

  struct Reading {
    std::span<const base::Duration> bounds;
    std::vector<std::uint64_t>
        cumulative;  // by bound: values <= bound; the last one is all of them
    double sum_seconds = 0;
  };
  // Any thread. Values that arrive meanwhile may be in the sum and not yet in the counts.
  [[nodiscard]] Reading read() const;

 private:
  std::span<const base::Duration> bounds_;
  // By bound, then what is above the last, then the sum in nanoseconds (584 years of connections).
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
};

// What connection ends are counted into: written by the access log's thread, read by metrics.
class ConnectionHistograms {
 public:
  explicit ConnectionHistograms(const traffic::Model& model);

  // Successful connects, by service and pool, so that green stands beside blue.
  [[nodiscard]] Histogram& connect(traffic::ServiceId service, traffic::PoolId pool) noexcept {
    return connect_[service][pool];
  }
  [[nodiscard]] const Histogram& connect(traffic::ServiceId service,
                                         traffic::PoolId pool) const noexcept {
    return connect_[service][pool];
  }
  // From accept to the end, by service.
  [[nodiscard]] Histogram& life(traffic::ServiceId service) noexcept { return life_[service]; }
  [[nodiscard]] const Histogram& life(traffic::ServiceId service) const noexcept {
    return life_[service];
  }

 private:
  std::vector<std::vector<Histogram>> connect_;  // by ServiceId, PoolId
  std::vector<Histogram> life_;                  // by ServiceId
};

}  // namespace shunt::observe
