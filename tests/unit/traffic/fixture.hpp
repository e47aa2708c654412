// A small model to build tables from: one app "web", services "http" and "https", pools of nodes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shunt/traffic/model.hpp"

namespace shunt::traffic {

inline base::Endpoint loopback(std::uint16_t port) {
  return base::Endpoint::parse("127.0.0.1").value().with_port(port);
}

// Node of slot n listens on 10000 + n for the first service and on 20000 + n for the second.
inline Node make_node(NodeSlot slot, std::uint32_t weight = 1, Labels labels = {}) {
  Node node;
  node.slot = slot;
  node.name = "node" + std::to_string(slot);
  node.labels = std::move(labels);
  node.weight = weight;
  node.addresses = {loopback(static_cast<std::uint16_t>(10000 + slot)),
                    loopback(static_cast<std::uint16_t>(20000 + slot))};
  return node;
}

inline Model make_model(std::uint32_t blue_nodes, std::uint32_t green_nodes) {
  Model model;
  App app;
  app.name = "web";
  app.services = {0, 1};
  app.pools.resize(2);
  app.pools[0].name = "blue";
  app.pools[1].name = "green";
  for (std::uint32_t i = 0; i < blue_nodes; ++i) {
    app.pools[0].nodes.push_back(make_node(model.slots++));
  }
  for (std::uint32_t i = 0; i < green_nodes; ++i) {
    app.pools[1].nodes.push_back(make_node(model.slots++));
  }
  model.apps.push_back(std::move(app));
  model.services.resize(2);
  model.services[0].name = "http";
  model.services[1].id = 1;
  model.services[1].name = "https";
  return model;
}

}  // namespace shunt::traffic
