// What a new connection costs the balancer, and what a switch costs in tables.
#include <benchmark/benchmark.h>

#include <array>

#include "bench/micro/model.hpp"
#include "shunt/proxy/publication.hpp"
#include "shunt/traffic/balance.hpp"

namespace shunt::bench {
namespace {

// With the reservation of the node, and the release of the one that was picked 64 picks ago, where
// the balancer has them: 64 connections are open.
void pick(benchmark::State& state, traffic::Balance balance) {
  const traffic::Model model = make_model(static_cast<std::uint32_t>(state.range(0)), balance);
  const auto root = make_root(model, 1);
  const traffic::ServiceTable& table = *root->services[0];
  traffic::LiveCounts live(model.slots);
  traffic::PickState cursor;
  traffic::Random random;
  std::array<const traffic::Candidate*, 64> open{};
  std::size_t next = 0;
  const bool counts = traffic::needs_live_counts(balance);
  for (auto _ : state) {
    const traffic::Candidate* picked = traffic::pick(table, cursor, random, live, {});
    benchmark::DoNotOptimize(picked);
    if (!counts) continue;
    live.reserve(picked->slot);
    if (open[next] != nullptr) live.release(open[next]->slot);
    open[next] = picked;
    next = (next + 1) % open.size();
  }
}
BENCHMARK_CAPTURE(pick, round_robin, traffic::Balance::kRoundRobin)->Arg(2)->Arg(16)->Arg(256);
BENCHMARK_CAPTURE(pick, least_connections, traffic::Balance::kLeastConnections)
    ->Arg(2)
    ->Arg(16)
    ->Arg(256);
BENCHMARK_CAPTURE(pick, random_two, traffic::Balance::kRandomTwo)->Arg(2)->Arg(16)->Arg(256);

void build(benchmark::State& state) {
  const traffic::Model model =
      make_model(static_cast<std::uint32_t>(state.range(0)), traffic::Balance::kRoundRobin);
  for (auto _ : state) benchmark::DoNotOptimize(make_root(model, 1));
}
BENCHMARK(build)->Name("table_build")->Arg(2)->Arg(100)->Arg(1000)->Arg(4096);

// Build, publish, and free the one before: a switch without disk and workers.
void build_and_publish(benchmark::State& state) {
  const traffic::Model model =
      make_model(static_cast<std::uint32_t>(state.range(0)), traffic::Balance::kRoundRobin);
  traffic::Revision revision = 1;
  proxy::Publication publication(1, make_root(model, revision));
  for (auto _ : state) {
    publication.publish(make_root(model, ++revision));
    benchmark::DoNotOptimize(publication.reclaim());
  }
}
BENCHMARK(build_and_publish)
    ->Name("table_build_and_publish")
    ->Arg(2)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(4096);

}  // namespace
}  // namespace shunt::bench
