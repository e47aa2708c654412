#include "src/observe/metrics_set.hpp"

#include <limits>

#include "shunt/base/check.hpp"

namespace shunt::observe {
namespace {

prometheus::MetricType to_prometheus(MetricType type) noexcept {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

std::vector<std::string_view> split(std::string_view words) {
  std::vector<std::string_view> parts;
  while (!words.empty()) {
    const std::size_t space = words.find(' ');
    parts.push_back(words.substr(0, space));
    words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
  }
  return parts;
}

}  // namespace

MetricsSet::MetricsSet() {
  families_.reserve(kMetrics);
  for (const MetricText& text : kMetricTexts) {
    families_.push_back({.name = std::string(text.name),
                         .help = std::string(text.help),
                         .type = to_prometheus(text.type),
                         .metric = {}});
    label_names_.push_back(split(text.labels));
  }
}

prometheus::ClientMetric& MetricsSet::add_series(Metric metric, Labels labels) {
  const auto index = static_cast<std::size_t>(metric);
  const std::vector<std::string_view>& names = label_names_[index];
  SHUNT_CHECK(labels.size() <= names.size());
  prometheus::ClientMetric& series = families_[index].metric.emplace_back();
  series.label.reserve(names.size());
  std::size_t i = 0;
  for (const std::string_view value : labels) {
    series.label.push_back({std::string(names[i++]), std::string(value)});
  }
  return series;
}

void MetricsSet::add(Metric metric, Labels labels, double value) {
  prometheus::ClientMetric& series = add_series(metric, labels);
  SHUNT_CHECK(series.label.size() == label_names_[static_cast<std::size_t>(metric)].size());
  if (text_of(metric).type == MetricType::kCounter) {
    series.counter.value = value;
  } else {
    series.gauge.value = value;
  }
}

void MetricsSet::add(Metric metric, Labels labels, const Histogram& histogram) {
  const Histogram::Reading reading = histogram.read();
  prometheus::ClientMetric::Histogram& out = add_series(metric, labels).histogram;
  out.sample_count = reading.cumulative.back();
  out.sample_sum = reading.sum_seconds;
  for (std::size_t i = 0; i < reading.bounds.size(); ++i) {
    out.bucket.push_back({reading.cumulative[i], static_cast<double>(reading.bounds[i]) / 1e9});
  }
  out.bucket.push_back({out.sample_count, std::numeric_limits<double>::infinity()});
}

void MetricsSet::add_states(Metric metric, Labels labels,
                            std::initializer_list<std::string_view> states,
                            std::string_view current) {
  const std::string_view name = label_names_[static_cast<std::size_t>(metric)].back();
  for (const std::string_view state : states) {
    prometheus::ClientMetric& series = add_series(metric, labels);
    series.label.push_back({std::string(name), std::string(state)});
    series.gauge.value = state == current ? 1 : 0;
  }
}

}  // namespace shunt::observe
