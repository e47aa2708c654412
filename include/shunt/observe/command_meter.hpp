// What commands came to, and the drains after them, counted for metrics. Control thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/command.hpp"
#include "shunt/control/controller.hpp"
#include "shunt/observe/histogram.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::observe {

class CommandMeter {
 public:
  static constexpr std::array<std::string_view, 3> kKinds = {"switch", "rollback", "trial_expired"};
  static constexpr std::array<std::string_view, 7> kOutcomes = {
      "done", "unchanged", "refused", "epoch_moved", "not_found", "invalid", "unavailable"};
  static constexpr std::array<std::string_view, 5> kParts = {"gates", "persist", "store",
                                                             "adoption", "total"};

  // Apps are counted by name; whatever names none of the model's apps is counted under "".
  explicit CommandMeter(const traffic::Model& model);

  // Counts a switch or rollback and, where it changed something, its durations. Dry runs and
  // repeats by operation id are not counted.
  void record(control::Verb verb, const control::Outcome& outcome);

  // The last connection that a switch had left on this pool is gone, so long after the switch.
  void drained(traffic::AppId app, traffic::PoolId pool, base::Duration took);

  struct App {
    App(std::string app_name, const std::vector<traffic::Pool>& app_pools);
    std::string name;
    std::vector<std::string> pools;  // by PoolId
    std::vector<Histogram> drains;   // by PoolId
    std::array<std::array<std::uint64_t, kOutcomes.size()>, kKinds.size()> counts{};
    std::vector<Histogram> parts;  // by kParts
  };
  [[nodiscard]] const std::vector<App>& apps() const noexcept { return apps_; }

 private:
  std::vector<App> apps_;  // the model's, then ""
};

// A Controller that passes everything on and counts what commands came to. Both outlive it.
class MeteredController final : public control::Controller {
 public:
  MeteredController(control::Controller& inner, CommandMeter& meter)
      : inner_(inner), meter_(meter) {}

  void apply(control::Command command, std::function<void(control::Outcome)> done) override;
  [[nodiscard]] control::StatusSnapshot status() const override { return inner_.status(); }
  void connections(const control::ConnectionsQuery& query,
                   std::function<void(base::Result<control::ConnectionsAnswer>)> done) override {
    inner_.connections(query, std::move(done));
  }
  [[nodiscard]] std::string not_ready_because() const override {
    return inner_.not_ready_because();
  }
  [[nodiscard]] std::string degraded_because() const override { return inner_.degraded_because(); }
  [[nodiscard]] bool alive() const override { return inner_.alive(); }
  [[nodiscard]] const control::Config& config() const override { return inner_.config(); }
  [[nodiscard]] const proxy::DataPlane& data_plane() const override { return inner_.data_plane(); }

 private:
  control::Controller& inner_;
  CommandMeter& meter_;
};

}  // namespace shunt::observe
