#include "src/control/loads.hpp"

namespace shunt::control {

NodeLoad& NodeLoad::operator+=(const NodeLoad& other) noexcept {
  established += other.established;
  connecting += other.connecting;
  connections += other.connections;
  connect_errors += other.connect_errors;
  return *this;
}

NodeLoad load_of(const proxy::DataPlane& data_plane, traffic::NodeSlot slot) noexcept {
  NodeLoad load;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    const proxy::NodeCounters& counters = data_plane.counters(worker).nodes[slot];
    load += {counters.established.get(), counters.connecting.get(), counters.connections.get(),
             counters.connect_errors.get()};
  }
  return load;
}

NodeLoad load_of(const proxy::DataPlane& data_plane, const traffic::Pool& pool) noexcept {
  NodeLoad load;
  for (const traffic::Node& node : pool.nodes) load += load_of(data_plane, node.slot);
  return load;
}

ServiceLoad service_load(const proxy::DataPlane& data_plane, traffic::ServiceId service) noexcept {
  ServiceLoad load;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    const proxy::ServiceCounters& counters = data_plane.counters(worker).services[service];
    load.accepted += counters.accepted.get();
    load.open += counters.open.get();
    load.refused += counters.refused.get();
  }
  return load;
}

std::uint64_t repointed_of(const proxy::DataPlane& data_plane, const traffic::App& app) noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    for (const traffic::ServiceId service : app.services) {
      sum += data_plane.counters(worker).services[service].repointed.get();
    }
  }
  return sum;
}

std::uint64_t relays_of(const proxy::DataPlane& data_plane) noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    sum += data_plane.counters(worker).relays.get();
  }
  return sum;
}

}  // namespace shunt::control
