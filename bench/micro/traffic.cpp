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

// The way of a worker to a node's table (Shard::table_of), with half of the connections to another
// pool, and the pick. Of two pools that have so many nodes each.
void pick_in_split(benchmark::State& state, bool sticky) {
  traffic::Model model =
      make_model(static_cast<std::uint32_t>(state.range(0)), traffic::Balance::kRoundRobin);
  model.apps[0].pools.push_back(model.apps[0].pools[0]);
  traffic::SplitTerms terms;
  terms.pool = 1;
  terms.share = traffic::kTickets / 2;
  terms.sticky = sticky;
  terms.seed = traffic::seed_of("web");
  const auto root = make_root(model, 1, terms);
  const traffic::ServiceTable& live = *root->services[0];
  traffic::LiveCounts counts(model.slots);
  traffic::PickState cursors[2];
  traffic::Random random;
  std::uint64_t id = 0;
  std::uint8_t client[16] = {10, 0, 0, 1};
  for (auto _ : state) {
    client[3] = static_cast<std::uint8_t>(++id);
    const bool share = traffic::takes(live.split->terms, id, base::address_from(false, client));
    const traffic::ServiceTable& table = share ? live.split->table : live;
    benchmark::DoNotOptimize(traffic::pick(table, cursors[share ? 1 : 0], random, counts, {}));
  }
}
BENCHMARK_CAPTURE(pick_in_split, by_chance, false)->Arg(2)->Arg(500);
BENCHMARK_CAPTURE(pick_in_split, sticky, true)->Arg(2)->Arg(500);

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
