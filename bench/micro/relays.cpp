// What a worker keeps of connections: their slab, and their timers.
#include <benchmark/benchmark.h>

#include "shunt/base/limits.hpp"
#include "shunt/traffic/balance.hpp"
#include "src/proxy/relay_slab.hpp"
#include "src/proxy/timer_wheel.hpp"

namespace shunt::bench {
namespace {

using proxy::RelaySlab;
using Wheel = proxy::TimerWheel<RelaySlab>;

constexpr std::uint32_t kTimers = 10'000;
constexpr base::Duration kSpan = 60 * base::kSecond;  // deadlines lie within it

// 10,000 relays, each with a timer that is set.
struct Timers {
  Timers() {
    for (std::uint32_t i = 0; i < kTimers; ++i) wheel.set(slab.acquire(), deadline());
  }
  base::Instant deadline() { return now + random.below(1'000'000) * (kSpan / 1'000'000); }

  RelaySlab slab{kTimers};
  base::Instant now = base::kSecond;
  traffic::Random random;
  Wheel wheel{slab, now};
};

void set(benchmark::State& state) {
  Timers timers;
  for (auto _ : state) timers.wheel.set(timers.random.below(kTimers), timers.deadline());
}
BENCHMARK(set)->Name("timer_set");

// As for each send: the timer stands at an earlier time already.
void set_at_latest(benchmark::State& state) {
  Timers timers;
  for (auto _ : state) {
    timers.wheel.set_at_latest(timers.random.below(kTimers), timers.now + 2 * kSpan);
  }
}
BENCHMARK(set_at_latest)->Name("timer_set_at_latest");

void cancel_and_set(benchmark::State& state) {
  Timers timers;
  for (auto _ : state) {
    const std::uint32_t slot = timers.random.below(kTimers);
    timers.wheel.cancel(slot);
    timers.wheel.set(slot, timers.deadline());
  }
}
BENCHMARK(cancel_and_set)->Name("timer_cancel_and_set");

// A turn of the loop, some time after the last one; what fires is set anew, so that there are
// always as many.
void advance(benchmark::State& state) {
  Timers timers;
  const base::Duration step = static_cast<base::Duration>(state.range(0)) * base::kMicrosecond;
  std::int64_t fired = 0;
  for (auto _ : state) {
    timers.now += step;
    timers.wheel.advance(timers.now, base::kWalkPerTurn, [&](std::uint32_t slot) {
      ++fired;
      timers.wheel.set(slot, timers.deadline());
    });
    benchmark::DoNotOptimize(timers.wheel.until_next(timers.now));
  }
  state.counters["fired"] =
      benchmark::Counter(static_cast<double>(fired), benchmark::Counter::kAvgIterations);
}
BENCHMARK(advance)->Name("timer_advance")->ArgName("us")->Arg(20)->Arg(1000);

// A connection comes and goes while others stay.
void acquire_and_release(benchmark::State& state) {
  RelaySlab slab(kTimers);
  for (std::uint32_t i = 0; i < kTimers / 2; ++i) static_cast<void>(slab.acquire());
  for (auto _ : state) {
    const std::uint32_t slot = slab.acquire();
    slab.at(slot).state = proxy::RelayState::kClosing;
    slab.release(slot);
  }
}
BENCHMARK(acquire_and_release)->Name("slab_acquire_and_release");

// As for each completion, of connections in no order.
void find(benchmark::State& state) {
  const auto relays = static_cast<std::uint32_t>(state.range(0));
  RelaySlab slab(relays);
  for (std::uint32_t i = 0; i < relays; ++i) {
    slab.at(slab.acquire()).state = proxy::RelayState::kEstablished;
  }
  traffic::Random random;
  for (auto _ : state) benchmark::DoNotOptimize(slab.find(random.below(relays), 1));
}
BENCHMARK(find)->Name("slab_find")->Arg(64)->Arg(100'000);

}  // namespace
}  // namespace shunt::bench
