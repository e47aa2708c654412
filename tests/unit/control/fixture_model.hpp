// A small model for tests: app `web` with pools blue and green, two services.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shunt/traffic/model.hpp"

namespace shunt::control::test {

struct PoolPlan {
  std::string name;
  std::vector<std::string> nodes;
};

inline void add_app(traffic::Model& model, const std::string& name,
                    const std::vector<std::string>& services, const std::vector<PoolPlan>& pools) {
  const auto id = static_cast<traffic::AppId>(model.apps.size());
  traffic::App app;
  app.name = name;
  for (const std::string& service_name : services) {
    traffic::Service service;
    service.id = static_cast<traffic::ServiceId>(model.services.size());
    service.app = id;
    service.name = service_name;
    service.target_port = 80;
    service.listen = {*base::Endpoint::parse("127.0.0.1:80")};
    app.services.push_back(service.id);
    model.services.push_back(std::move(service));
  }
  for (const PoolPlan& plan : pools) {
    traffic::Pool pool;
    pool.name = plan.name;
    for (const std::string& node_name : plan.nodes) {
      traffic::Node node;
      node.slot = model.slots++;
      node.name = node_name;
      node.addresses.assign(services.size(), *base::Endpoint::parse("127.0.0.1:81"));
      pool.nodes.push_back(std::move(node));
    }
    app.pools.push_back(std::move(pool));
  }
  model.apps.push_back(std::move(app));
}

inline traffic::Model web_model() {
  traffic::Model model;
  add_app(model, "web", {"http", "https"}, {{"blue", {"b1", "b2"}}, {"green", {"g1", "g2"}}});
  return model;
}

}  // namespace shunt::control::test
