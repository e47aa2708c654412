// What the micro benchmarks are run on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "shunt/traffic/table.hpp"

namespace shunt::bench {

// One app with one pool of that many nodes, of weights 1 to 4.
[[nodiscard]] inline traffic::Model make_model(std::uint32_t nodes, traffic::Balance balance) {
  traffic::Model model;
  model.services.emplace_back();
  traffic::App app;
  app.name = "web";
  app.services = {0};
  app.balance = balance;
  app.pools.resize(1);
  for (std::uint32_t i = 0; i < nodes; ++i) {
    traffic::Node node;
    node.slot = model.slots++;
    node.name = "node" + std::to_string(i);
    node.weight = 1 + i % 4;
    node.addresses = {base::Endpoint::parse("10.0." + std::to_string(i / 256) + "." +
                                            std::to_string(i % 256) + ":80")
                          .value()};
    app.pools[0].nodes.push_back(std::move(node));
  }
  model.apps.push_back(std::move(app));
  return model;
}

// Every node is up and ready.
[[nodiscard]] inline std::unique_ptr<const traffic::RoutingRoot> make_root(
    const traffic::Model& model, traffic::Revision revision,
    std::optional<traffic::SplitTerms> split = std::nullopt) {
  auto table = traffic::build_table(
      model, 0, {.active = 0, .epoch = revision, .split = std::move(split)},
      [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
      [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
  return traffic::build_root(revision, {std::move(table)}, 1);
}

}  // namespace shunt::bench
