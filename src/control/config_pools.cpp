#include <algorithm>
#include <map>
#include <utility>

#include "src/control/config_model.hpp"

namespace shunt::control {
namespace {

constexpr std::uint32_t kWeightMax = 256;  // keeps unrolled schedules small (traffic/table.hpp)

const TreeNode* find_port(const TreeNode* ports, std::string_view service) {
  if (ports == nullptr || ports->kind != TreeNode::Kind::kMapping) return nullptr;
  for (const TreeEntry& entry : ports->entries) {
    if (entry.key.text == service) return &entry.value;
  }
  return nullptr;
}

// Two nodes of a pool that are one and the same host for some service would take a double share and
// be drained one at a time.
void report_same_addresses(Report& report, const std::vector<const TreeNode*>& origins,
                           const std::string& path, const traffic::Pool& pool) {
  std::map<std::pair<std::size_t, std::string>, const traffic::Node*> taken;
  for (std::size_t i = 0; i < pool.nodes.size(); ++i) {
    const traffic::Node& node = pool.nodes[i];
    for (std::size_t position = 0; position < node.addresses.size(); ++position) {
      const std::string address = node.addresses[position].to_string();
      const auto [first, fresh] = taken.emplace(std::pair(position, address), &node);
      if (fresh) continue;
      report.add(*origins[i],
                 path + ": the nodes " + quoted(first->second->name) + " and " + quoted(node.name) +
                     " have the same address " + address,
                 "use weight for a larger share");
      break;
    }
  }
}

}  // namespace

void ModelReader::read_pools(const Section& section, traffic::App& app) {
  const std::string path = section.path("pools");
  const TreeNode* pools = section.find("pools");
  if (pools == nullptr) {
    report_.add(*section.node(), path + " is missing",
                "write pools: {blue: [\"10.0.0.1:80\"], green: [\"10.0.0.2:80\"]}");
    return;
  }
  if (pools->kind != TreeNode::Kind::kMapping || pools->entries.empty()) {
    report_.add(*pools,
                path + ": expected a mapping of names to pools, with one at least, got " +
                    (pools->kind == TreeNode::Kind::kMapping ? "an empty one" : describe(*pools)));
    return;
  }
  if (pools->entries.size() > base::kPoolsPerAppMax) {
    report_.add(*pools, path + ": more than " + std::to_string(base::kPoolsPerAppMax) + " pools");
    return;
  }
  for (const TreeEntry& entry : pools->entries) {
    read_pool(entry.key, entry.value, path, app);
  }
}

void ModelReader::read_pool(const TreeNode& name, const TreeNode& value, const std::string& pools,
                            traffic::App& app) {
  traffic::Pool pool;
  pool.name = check_name(name, "a pool");
  const std::string path = pools + "." + pool.name;
  const TreeNode* nodes = &value;
  bool later = false;
  if (value.kind == TreeNode::Kind::kMapping) {
    const Section section(report_, &value, path, kPoolKeys);
    pool.labels = read_labels(report_, section.find("labels"), section.path("labels"));
    nodes = section.find("nodes");
    later = section.find("nodes_from") != nullptr;  // reported as not supported
  }
  const bool absent = nodes == nullptr || nodes->kind == TreeNode::Kind::kNull;
  if (!absent && nodes->kind != TreeNode::Kind::kSequence) {
    report_.add(*nodes, path + ": expected a list of nodes, got " + describe(*nodes),
                "write [\"10.0.0.1:80\"], or {labels: {}, nodes: [\"10.0.0.1:80\"]}");
  } else if (absent || nodes->items.empty()) {
    if (!later) {
      report_.add(name, path + " has no nodes", "give it one node at least, or leave the pool out");
    }
  } else {
    std::vector<const TreeNode*> origins;
    for (std::size_t i = 0; i < nodes->items.size(); ++i) {
      read_node(nodes->items[i], path + "[" + std::to_string(i) + "]", app, pool);
      if (origins.size() < pool.nodes.size()) origins.push_back(&nodes->items[i]);
    }
    report_same_addresses(report_, origins, path, pool);
  }
  app.pools.push_back(std::move(pool));
}

void ModelReader::read_node(const TreeNode& value, const std::string& path, const traffic::App& app,
                            traffic::Pool& pool) {
  if (model_.slots >= base::kNodeSlotsMax) {
    if (!std::exchange(slots_full_, true)) {
      report_.add(value, "more than " + std::to_string(base::kNodeSlotsMax) + " nodes in all apps");
    }
    return;
  }
  traffic::Node node;
  node.defined_at = file_ + ":" + std::to_string(value.line);
  node.labels = pool.labels;
  const TreeNode* address = &value;
  const TreeNode* name = nullptr;
  const TreeNode* ports = nullptr;
  if (value.kind == TreeNode::Kind::kMapping) {
    const Section section(report_, &value, path, kNodeKeys);
    address = section.find("address");
    name = section.find("name");
    ports = section.find("ports");
    section.read("weight", node.weight, 1, kWeightMax);
    const traffic::Labels own =
        read_labels(report_, section.find("labels"), section.path("labels"));
    for (const auto& [key, text] : own) {
      const auto [of_pool, fresh] = node.labels.emplace(key, text);
      if (!fresh) {
        section.wrong("labels",
                      quoted(key) + " is a label of the pool (" + quoted(of_pool->second) +
                          "), which a node cannot override",
                      "remove it here or at the pool");
      }
    }
    if (address == nullptr) {
      report_.add(value, path + ".address is missing", "write {name: node1, address: 10.0.0.1}");
    }
  } else if (value.kind != TreeNode::Kind::kScalar) {
    report_.add(value,
                path + ": expected an address, or a mapping with one, got " + describe(value));
    return;
  }

  // Whatever is wrong with one of them, the others are looked at: all errors at once.
  read_node_addresses(address, path, ports, app, node);
  if (name != nullptr) {
    if (name->kind != TreeNode::Kind::kScalar || !is_node_name(name->text)) {
      report_.add(*name, path + ".name: " + describe(*name) + " is not a name",
                  std::string(kNodeNameRule));
      return;
    }
    node.name = name->text;
  } else if (node.addresses.empty()) {
    return;
  } else {
    node.name = address->text;
    if (node.addresses.front().is_unix() && !is_node_name(node.name)) {
      report_.add(*address, path + ": " + quoted(node.name) + " cannot serve as the node's name",
                  "give it one: {name: node1, address: …}; " + std::string(kNodeNameRule));
      return;
    }
  }
  const auto [used, fresh] = node_names_.emplace(node.name, value.line);
  if (!fresh) {
    report_.add(name != nullptr ? *name : value,
                path + ": the name " + quoted(node.name) + " is already used in line " +
                    std::to_string(used->second),
                "a node's name is unique in its app; {name: node1, address: …} gives one");
  }
  if (node.addresses.empty()) return;
  node.slot = model_.slots++;
  pool.nodes.push_back(std::move(node));
}

// One address a service: the port of `ports`, else the address's own, else the service's
// target_port.
void ModelReader::read_node_addresses(const TreeNode* at, const std::string& path,
                                      const TreeNode* ports, const traffic::App& app,
                                      traffic::Node& node) {
  std::optional<base::Endpoint> address;
  if (at != nullptr) address = read_address(report_, *at, path, AddressUse::kNode);
  std::vector<std::string_view> services;
  for (const traffic::ServiceId id : app.services) services.push_back(model_.services[id].name);

  if (ports != nullptr && ports->kind != TreeNode::Kind::kMapping) {
    report_.add(*ports,
                path + ".ports: expected a mapping such as {http: 8081}, got " + describe(*ports));
  } else if (ports != nullptr) {
    for (const TreeEntry& entry : ports->entries) {
      if (std::find(services.begin(), services.end(), entry.key.text) != services.end()) continue;
      const std::string_view nearest = nearest_word(entry.key.text, services);
      report_.add(entry.key, path + ".ports: there is no service " + quoted(entry.key.text),
                  nearest.empty() ? "" : "did you mean '" + std::string(nearest) + "'?");
    }
    if (address && address->is_unix()) {
      report_.add(*ports, path + ".ports: a Unix socket has no ports");
    }
  }

  // Without a service, which is reported, the names and addresses of nodes are still compared.
  std::vector<base::Endpoint> addresses;
  if (app.services.empty() && address) addresses.push_back(*address);
  bool complete = address.has_value();
  for (const traffic::ServiceId id : app.services) {
    const traffic::Service& service = model_.services[id];
    std::optional<std::uint16_t> port = 0;
    const TreeNode* own = find_port(ports, service.name);
    if (own != nullptr) port = read_port(report_, *own, path + ".ports." + service.name);
    if (own != nullptr && port && own->in_quotes) {
      report_.add(*own,
                  path + ".ports." + service.name + ": " + quoted(own->text) +
                      " in quotes is text, not a port from 1 to 65535",
                  "write it without quotes");
    }
    complete = complete && port;
    if (!address || !port) continue;
    if (own == nullptr) port = address->port() != 0 ? address->port() : service.target_port;
    if (*port == 0 && !address->is_unix()) {
      complete = false;
      report_.add(
          *at,
          path + ": " + quoted(at->text) + " has no port, and the service " + quoted(service.name) +
              " no target_port",
          "write " +
              (address->family() == AF_INET6 ? "[" + address->host() + "]" : address->host()) +
              ":PORT here, or target_port at the service");
      continue;
    }
    addresses.push_back(address->with_port(*port));
    targets_.push_back({addresses.back(), at, path});
  }
  if (complete) node.addresses = std::move(addresses);
}

}  // namespace shunt::control
