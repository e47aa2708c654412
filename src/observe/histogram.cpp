#include "shunt/observe/histogram.hpp"

#include <algorithm>
#include <array>

namespace shunt::observe {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;

// From a node on this host to one at its connect deadline.
constexpr std::array<base::Duration, 15> kConnectBounds = {
    50 * kMicrosecond,  100 * kMicrosecond,   250 * kMicrosecond,  500 * kMicrosecond,
    1 * kMillisecond,   2'500 * kMicrosecond, 5 * kMillisecond,    10 * kMillisecond,
    25 * kMillisecond,  50 * kMillisecond,    100 * kMillisecond,  250 * kMillisecond,
    500 * kMillisecond, 1 * kSecond,          2'500 * kMillisecond};

// From one request to a session of days.
constexpr std::array<base::Duration, 12> kLifeBounds = {
    1 * kMillisecond, 10 * kMillisecond, 100 * kMillisecond, 1 * kSecond,
    5 * kSecond,      15 * kSecond,      60 * kSecond,       300 * kSecond,
    1'800 * kSecond,  3'600 * kSecond,   21'600 * kSecond,   86'400 * kSecond};

}  // namespace

void Histogram::observe(base::Duration value) noexcept {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  // One writer: a load and a store are enough.
  const auto add = [](std::atomic<std::uint64_t>& number, std::uint64_t n) {
    number.store(number.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  };
  add(counts_[bounds_.size() + 1], value);
  add(counts_[static_cast<std::size_t>(at)], 1);
}

Histogram::Reading Histogram::read() const {
  Reading reading{.bounds = bounds_, .cumulative = {}, .sum_seconds = 0};
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    reading.cumulative.push_back(total);
  }
  reading.sum_seconds =
      static_cast<double>(counts_[bounds_.size() + 1].load(std::memory_order_relaxed)) / 1e9;
  return reading;
}

ConnectionHistograms::ConnectionHistograms(const traffic::Model& model) {
  connect_.resize(model.services.size());
  life_.reserve(model.services.size());
  for (const traffic::Service& service : model.services) {
    const std::size_t pools = model.apps[service.app].pools.size();
    for (std::size_t pool = 0; pool < pools; ++pool) {
      connect_[service.id].emplace_back(kConnectBounds);
    }
    life_.emplace_back(kLifeBounds);
  }
}

}  // namespace shunt::observe
