// Metrics of decisions, health and the process, from status and commands.
#include "shunt/traffic/health.hpp"
#include "shunt/traffic/model.hpp"
#include "shunt/traffic/release.hpp"
#include "src/observe/metrics_collect.hpp"

namespace shunt::observe {
namespace {

double one_if(bool condition) noexcept {
  return condition ? 1 : 0;
}

double to_seconds(base::Duration duration) noexcept {
  return static_cast<double>(duration) / 1e9;
}

void collect_node(MetricsSet& set, const std::string& app, const std::string& pool,
                  const control::NodeStatus& node) {
  using traffic::AdminState;
  using traffic::Health;
  using traffic::to_string;
  set.add_states(Metric::kNodeHealth, {app, pool, node.name},
                 {to_string(Health::kUp), to_string(Health::kDown), to_string(Health::kAssumed),
                  to_string(Health::kUnproven)},
                 to_string(node.health));
  set.add_states(
      Metric::kNodeAdmin, {app, pool, node.name},
      {to_string(AdminState::kReady), to_string(AdminState::kDrain), to_string(AdminState::kMaint)},
      to_string(node.admin));
}

void collect_pool(MetricsSet& set, const std::string& app, const control::PoolStatus& pool) {
  using traffic::PoolState;
  using traffic::to_string;
  set.add_states(Metric::kPoolState, {app, pool.name},
                 {to_string(PoolState::kRetired), to_string(PoolState::kStandby),
                  to_string(PoolState::kCanary), to_string(PoolState::kTrial),
                  to_string(PoolState::kActive), to_string(PoolState::kKept),
                  to_string(PoolState::kRejected), to_string(PoolState::kRetiring)},
                 to_string(pool.state));
  set.add(Metric::kPoolActive, {app, pool.name},
          one_if(pool.state == PoolState::kActive || pool.state == PoolState::kTrial));
  set.add(Metric::kPoolNodes, {app, pool.name}, std::uint64_t{pool.nodes});
  set.add(Metric::kPoolNodesReady, {app, pool.name}, std::uint64_t{pool.ready});
  set.add(Metric::kPoolNodesHealthy, {app, pool.name}, std::uint64_t{pool.healthy});
  set.add(Metric::kPoolNodesUsable, {app, pool.name}, std::uint64_t{pool.usable});
  set.add(Metric::kPoolDrainOldest, {app, pool.name}, to_seconds(pool.drain.oldest));
  for (const control::NodeStatus& node : pool.node_list) collect_node(set, app, pool.name, node);
}

}  // namespace

void collect_process(MetricsSet& set, const MetricsSources& sources,
                     const control::ProcessStatus& process) {
  set.add(Metric::kBuildInfo, {process.version}, 1.0);
  set.add(Metric::kProcessStart, {}, static_cast<double>(process.started_wall_ms) / 1e3);
  set.add(Metric::kReady, {}, one_if(sources.controller.not_ready_because().empty()));
  set.add(Metric::kDegraded, {}, one_if(process.phase == "degraded"));
  set.add(Metric::kStateDurable, {}, one_if(process.durable));
  set.add(Metric::kCapacity, {}, std::uint64_t{process.capacity});
  set.add(Metric::kRevision, {}, process.revision);
  set.add(Metric::kRetainedRoots, {}, std::uint64_t{process.retained_roots});
  set.add(Metric::kAccessLogLines, {}, sources.access_log.written());
  set.add(Metric::kAccessLogDropped, {}, sources.access_log.dropped());
  set.add(Metric::kLogDropped, {}, sources.logger.dropped());
}

void collect_apps(MetricsSet& set, const std::vector<control::AppStatus>& apps) {
  for (const control::AppStatus& app : apps) {
    set.add(Metric::kEpoch, {app.name}, app.epoch);
    set.add(Metric::kTrialRemaining, {app.name}, to_seconds(app.trial_ends_in.value_or(0)));
    set.add(Metric::kTrialOverdue, {app.name}, one_if(!app.trial_stays_because.empty()));
    const double share = app.split ? app.split->share / 1e6 : 0;
    for (const control::PoolStatus& pool : app.pools) {
      const bool takes = app.split && app.split->pool == pool.name;
      const double rest = pool.name == app.active ? 1 - share : 0;
      set.add(Metric::kPoolShare, {app.name, pool.name}, takes ? share : rest);
    }
    set.add(Metric::kDrift, {app.name}, app.drift.size());
    for (const control::ServiceStatus& service : app.services) {
      set.add(Metric::kPanic, {app.name, service.name}, one_if(service.panic));
    }
    for (const control::PoolStatus& pool : app.pools) collect_pool(set, app.name, pool);
  }
}

void collect_commands(MetricsSet& set, const CommandMeter& commands) {
  for (const CommandMeter::App& app : commands.apps()) {
    for (std::size_t kind = 0; kind < CommandMeter::kKinds.size(); ++kind) {
      for (std::size_t outcome = 0; outcome < CommandMeter::kOutcomes.size(); ++outcome) {
        set.add(Metric::kSwitches,
                {app.name, CommandMeter::kKinds[kind], CommandMeter::kOutcomes[outcome]},
                app.counts[kind][outcome]);
      }
    }
    if (app.name.empty()) continue;  // nothing can be switched there
    for (std::size_t part = 0; part < CommandMeter::kParts.size(); ++part) {
      set.add(Metric::kSwitchSeconds, {app.name, CommandMeter::kParts[part]}, app.parts[part]);
    }
    for (std::size_t pool = 0; pool < app.pools.size(); ++pool) {
      set.add(Metric::kDrainSeconds, {app.name, app.pools[pool]}, app.drains[pool]);
    }
  }
}

}  // namespace shunt::observe
