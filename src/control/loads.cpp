#include "src/control/loads.hpp"

namespace shunt::control {

NodeLoad& NodeLoad::operator+=(const NodeLoad& other) noexcept {
  established += other.established;
  connecting += other.connecting;
  connections += other.connections;
  connect_errors += other.connect_errors;
  return *this;
}

NodeLoad load_of(const proxy::DataPlane& data_plane, std::uint32_t worker,
                 traffic::NodeSlot slot) noexcept {
  const proxy::NodeCounters& counters = data_plane.counters(worker).nodes[slot];
  return {counters.established.get(), counters.connecting.get(), counters.connections.get(),
          counters.connect_errors.get()};
}

NodeLoad load_of(const proxy::DataPlane& data_plane, traffic::NodeSlot slot) noexcept {
  NodeLoad load;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    load += load_of(data_plane, worker, slot);
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

bool was_given(const proxy::DataPlane& data_plane, const traffic::Model& model,
               std::uint64_t connection) noexcept {
  const std::uint64_t worker = connection >> 48;  // proxy/records.hpp
  const std::uint64_t count = connection & ((std::uint64_t{1} << 48) - 1);
  if (worker >= data_plane.workers() || count == 0) return false;
  std::uint64_t accepted = 0;
  const proxy::WorkerCounters& counters = data_plane.counters(static_cast<std::uint32_t>(worker));
  for (std::size_t service = 0; service < model.services.size(); ++service) {
    accepted += counters.services[service].accepted.get();
  }
  return count <= accepted;
}

std::uint64_t relays_of(const proxy::DataPlane& data_plane) noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < data_plane.workers(); ++worker) {
    sum += data_plane.counters(worker).relays.get();
  }
  return sum;
}

}  // namespace shunt::control
