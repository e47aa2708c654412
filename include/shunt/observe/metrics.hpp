// Metrics: the Prometheus text of everything that docs/metrics.md lists. Numbers are read when they
// are asked for: the data path pays nothing for them.
#pragma once

#include <memory>
#include <string>

#include "shunt/control/controller.hpp"
#include "shunt/observe/access_log.hpp"
#include "shunt/observe/command_meter.hpp"
#include "shunt/observe/histogram.hpp"
#include "shunt/observe/logging.hpp"

namespace shunt::observe {

// All borrowed; they outlive Metrics.
struct MetricsSources {
  const control::Controller& controller;
  const ConnectionHistograms& connections;
  const CommandMeter& commands;
  const AccessLog& access_log;
  const Logger& logger;
};

class Metrics {
 public:
  explicit Metrics(const MetricsSources& sources);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Text format 0.0.4. Control thread only: it takes a status snapshot. Takes 20 to 50 us a node,
  // which other work of that thread waits for.
  [[nodiscard]] std::string scrape() const;

 private:
  class Collector;  // prometheus-cpp lives here
  std::unique_ptr<Collector> collector_;
};

}  // namespace shunt::observe
