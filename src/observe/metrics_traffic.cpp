// Metrics of connections, nodes and workers, from the workers' counters. A sum over workers is read
// while they count on: each number is right, and two of them may be a moment apart.
#include <string>

#include "shunt/proxy/busy_poll_hold.hpp"
#include "shunt/proxy/close_cause.hpp"
#include "shunt/proxy/counters.hpp"
#include "src/observe/metrics_collect.hpp"

namespace shunt::observe {
namespace {

template <class Read>
std::uint64_t sum_over_workers(const proxy::DataPlane& data_plane, Read&& read) {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    const proxy::Count& count = read(data_plane.counters(worker));
    sum += count.get();
  }
  return sum;
}

}  // namespace

void collect_connections(MetricsSet& set, const traffic::Model& model,
                         const proxy::DataPlane& data_plane,
                         const ConnectionHistograms& histograms) {
  for (const traffic::Service& service : model.services) {
    const traffic::App& app = model.apps[service.app];
    const auto add = [&](Metric metric, proxy::Count proxy::ServiceCounters::* count) {
      set.add(metric, {app.name, service.name},
              sum_over_workers(data_plane, [&](const proxy::WorkerCounters& counters) -> auto& {
                return counters.services[service.id].*count;
              }));
    };
    add(Metric::kAccepted, &proxy::ServiceCounters::accepted);
    add(Metric::kOpen, &proxy::ServiceCounters::open);
    add(Metric::kRefused, &proxy::ServiceCounters::refused);
    add(Metric::kRetried, &proxy::ServiceCounters::retried);
    add(Metric::kRepointed, &proxy::ServiceCounters::repointed);
    for (traffic::PoolId pool = 0; pool < app.pools.size(); ++pool) {
      set.add(Metric::kConnectSeconds, {app.name, service.name, app.pools[pool].name},
              histograms.connect(service.id, pool));
    }
    set.add(Metric::kConnectionSeconds, {app.name, service.name}, histograms.life(service.id));
  }
  for (std::size_t cause = 0; cause < proxy::kCloseCauses; ++cause) {
    set.add(Metric::kClosed, {proxy::kCloseCauseTexts[cause].label},
            sum_over_workers(data_plane, [&](const proxy::WorkerCounters& counters) -> auto& {
              return counters.closed[cause];
            }));
  }
}

void collect_nodes(MetricsSet& set, const traffic::Model& model,
                   const proxy::DataPlane& data_plane) {
  for (const traffic::App& app : model.apps) {
    for (const traffic::Pool& pool : app.pools) {
      for (const traffic::Node& node : pool.nodes) {
        const auto sum = [&](proxy::Count proxy::NodeCounters::* count) {
          return sum_over_workers(data_plane, [&](const proxy::WorkerCounters& counters) -> auto& {
            return counters.nodes[node.slot].*count;
          });
        };
        using Counters = proxy::NodeCounters;
        const MetricsSet::Labels labels = {app.name, pool.name, node.name};
        set.add(Metric::kNodeEstablished, labels, sum(&Counters::established));
        set.add(Metric::kNodeConnecting, labels, sum(&Counters::connecting));
        set.add(Metric::kNodeConnections, labels, sum(&Counters::connections));
        set.add(Metric::kNodeConnectErrors, labels, sum(&Counters::connect_errors));
        set.add(Metric::kNodeBytes, {app.name, pool.name, node.name, "up"},
                sum(&Counters::bytes_up));
        set.add(Metric::kNodeBytes, {app.name, pool.name, node.name, "down"},
                sum(&Counters::bytes_down));
      }
    }
  }
}

void collect_workers(MetricsSet& set, const proxy::DataPlane& data_plane) {
  for (std::uint32_t index = 0; index < data_plane.workers(); ++index) {
    const proxy::WorkerCounters& counters = data_plane.counters(index);
    const std::string worker = std::to_string(index);
    set.add(Metric::kWorkerTurns, {worker}, counters.turns.get());
    set.add(Metric::kWorkerEnters, {worker}, counters.enters.get());
    set.add(Metric::kWorkerCompletions, {worker}, counters.completions.get());
    set.add(Metric::kWorkerStale, {worker}, counters.stale_completions.get());
    set.add(Metric::kWorkerStarved, {worker}, counters.buffer_starved.get());
    set.add(Metric::kWorkerAcceptErrors, {worker}, counters.accept_errors.get());
    set.add(Metric::kWorkerHandedOver, {worker}, counters.handed_over.get());
    set.add(Metric::kWorkerRecordsDropped, {worker}, counters.records_dropped.get());
    set.add(Metric::kWorkerBusyPoll, {worker},
            static_cast<double>(counters.watched_ns.get()) / 1e9);
    const auto held = static_cast<std::size_t>(data_plane.busy_poll_hold(index));
    for (std::size_t hold = 1; hold < proxy::kBusyPollHolds; ++hold) {
      set.add(Metric::kWorkerBusyPollHeld, {worker, proxy::kBusyPollHoldTexts[hold].label},
              std::uint64_t{hold == held});
    }
    set.add(Metric::kWorkerRelays, {worker}, counters.relays.get());
  }
}

}  // namespace shunt::observe
