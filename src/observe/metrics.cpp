#include "shunt/observe/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include "src/observe/metrics_collect.hpp"
#include "src/observe/metrics_set.hpp"

namespace shunt::observe {

class Metrics::Collector final : public prometheus::Collectable {
 public:
  explicit Collector(const MetricsSources& sources) : sources_(sources) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    const control::StatusSnapshot status = sources_.controller.status();
    const traffic::Model& model = sources_.controller.config().model;
    const proxy::DataPlane& data_plane = sources_.controller.data_plane();
    MetricsSet set;
    collect_process(set, sources_, status.process);
    collect_apps(set, status.apps);
    collect_connections(set, model, data_plane, sources_.connections);
    collect_nodes(set, model, data_plane);
    collect_workers(set, data_plane);
    collect_commands(set, sources_.commands);
    return set.take();
  }

 private:
  MetricsSources sources_;
};

Metrics::Metrics(const MetricsSources& sources)
    : collector_(std::make_unique<Collector>(sources)) {}

Metrics::~Metrics() = default;

std::string Metrics::scrape() const {
  const prometheus::Serializer& serializer = prometheus::TextSerializer();
  return serializer.Serialize(collector_->Collect());
}

}  // namespace shunt::observe
