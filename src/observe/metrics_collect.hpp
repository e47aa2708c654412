// What a scrape gathers, by source. Included by metrics*.cpp only.
#pragma once

#include <vector>

#include "shunt/control/status.hpp"
#include "shunt/observe/command_meter.hpp"
#include "shunt/observe/histogram.hpp"
#include "shunt/observe/metrics.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "shunt/traffic/model.hpp"
#include "src/observe/metrics_set.hpp"

namespace shunt::observe {

// metrics_control.cpp: from status and commands.
void collect_process(MetricsSet& set, const MetricsSources& sources,
                     const control::ProcessStatus& process);
void collect_apps(MetricsSet& set, const std::vector<control::AppStatus>& apps);
void collect_commands(MetricsSet& set, const CommandMeter& commands);

// metrics_traffic.cpp: from the workers' counters.
void collect_connections(MetricsSet& set, const traffic::Model& model,
                         const proxy::DataPlane& data_plane,
                         const ConnectionHistograms& histograms);
void collect_nodes(MetricsSet& set, const traffic::Model& model,
                   const proxy::DataPlane& data_plane);
void collect_workers(MetricsSet& set, const proxy::DataPlane& data_plane);

}  // namespace shunt::observe
