// MetricsSet: one scrape while it is put together. Included by metrics*.cpp only (prometheus-cpp).
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "shunt/observe/histogram.hpp"
#include "src/observe/metric_families.hpp"

namespace shunt::observe {

class MetricsSet {
 public:
  MetricsSet();

  // labels: values in the order of the metric's label names.
  using Labels = std::initializer_list<std::string_view>;
  void add(Metric metric, Labels labels, double value);
  void add(Metric metric, Labels labels, std::uint64_t value) {
    add(metric, labels, static_cast<double>(value));
  }
  void add(Metric metric, Labels labels, const Histogram& histogram);
  // One series for each of `states`, 1 for the one that is `current`: a set that alerts can match
  // by name and that sums up over nodes.
  void add_states(Metric metric, Labels labels, std::initializer_list<std::string_view> states,
                  std::string_view current);

  [[nodiscard]] std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& add_series(Metric metric, Labels labels);

  std::vector<prometheus::MetricFamily> families_;  // by Metric
  std::vector<std::vector<std::string_view>> label_names_;
};

}  // namespace shunt::observe
