// Reads `apps` into the model.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shunt/control/config.hpp"
#include "shunt/traffic/model.hpp"
#include "src/control/config_address.hpp"
#include "src/control/config_report.hpp"
#include "src/control/config_section.hpp"
#include "src/control/config_sockets.hpp"

namespace shunt::control {

// What apps start from where they say nothing themselves.
struct AppDefaults {
  traffic::Timeouts timeouts;
  traffic::Keepalive keepalive;
  std::vector<base::Endpoint> sources;
};

// The three settings that exist at the top level and in an app alike. Each changes only what its
// section names.
void read_timeouts(const Section& parent, traffic::Timeouts& timeouts);
void read_keepalive(const Section& parent, traffic::Keepalive& keepalive);
void read_source(const Section& parent, std::vector<base::Endpoint>& sources,
                 std::vector<PlacedEndpoint>& placed);

class ModelReader {
 public:
  // listeners: those that exist besides the apps' (admin.http). sources: the apps' are added to it.
  ModelReader(Report& report, std::string file, AppDefaults defaults,
              std::vector<PlacedAddress> listeners, std::vector<PlacedEndpoint>& sources)
      : report_(report),
        file_(std::move(file)),
        defaults_(std::move(defaults)),
        listeners_(std::move(listeners)),
        sources_(sources) {}

  // Reports everything that is wrong; the model is complete only where nothing was.
  [[nodiscard]] traffic::Model read(const Section& top);
  // After read(): all of them.
  [[nodiscard]] const std::vector<PlacedAddress>& listeners() const noexcept { return listeners_; }
  [[nodiscard]] SocketPlaces take_socket_places() { return std::move(socket_places_); }

 private:
  void read_app(const TreeNode& name, const TreeNode& value);
  void read_options(const Section& section, traffic::App& app);
  void read_services(const Section& section, traffic::App& app);
  void add_service(const Section& section, const std::string& name, traffic::App& app);
  void read_pools(const Section& section, traffic::App& app);
  // pools: the path of all of them.
  void read_pool(const TreeNode& name, const TreeNode& value, const std::string& pools,
                 traffic::App& app);
  void read_node(const TreeNode& value, const std::string& path, const traffic::App& app,
                 traffic::Pool& pool);
  // at: null where the node has no address, which is reported.
  void read_node_addresses(const TreeNode* at, const std::string& path, const TreeNode* ports,
                           const traffic::App& app, traffic::Node& node);
  void read_initial(const Section& section, traffic::App& app);
  [[nodiscard]] std::string check_name(const TreeNode& name, const std::string& what);

  Report& report_;
  std::string file_;
  AppDefaults defaults_;
  std::vector<PlacedAddress> listeners_;
  std::vector<PlacedEndpoint>& sources_;
  std::vector<PlacedAddress> targets_;  // the addresses of all nodes
  SocketPlaces socket_places_;
  traffic::Model model_;
  bool services_full_ = false, slots_full_ = false;  // reported once
  // Of the app that is being read: the line where each node name was first used.
  std::unordered_map<std::string, int> node_names_;
};

}  // namespace shunt::control
