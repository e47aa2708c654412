#include "src/control/watchdog.hpp"

#include <memory>

namespace shunt::control {
namespace {

// Answers are waited for without end: a second ping to a stuck worker would say nothing new.
constexpr base::Duration kWithoutEnd = 365ULL * 24 * 60 * 60 * base::kSecond;

}  // namespace

void Watchdog::tick(base::Instant now) {
  if (waiting_ || (asked_ != 0 && now - asked_ < interval_)) return;
  asked_ = now;
  waiting_ = true;
  pings_.clear();
  requests_.ask<proxy::Ping>(
      [&] {
        auto ping = std::make_unique<proxy::Ping>();
        pings_.push_back(ping.get());
        return ping;
      },
      kWithoutEnd, [this](const auto&, bool) { waiting_ = false; });
}

std::optional<std::uint32_t> Watchdog::silent(base::Instant now) const {
  if (!waiting_ || now - asked_ < bound_) return std::nullopt;
  for (std::uint32_t worker = 0; worker < pings_.size(); ++worker) {
    if (data_plane_.ended(worker)) continue;
    if (!pings_[worker]->done.load(std::memory_order_acquire)) return worker;
  }
  return std::nullopt;
}

}  // namespace shunt::control
