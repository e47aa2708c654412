// Sums of the workers' counters, as status and receipts need them. Reads of relaxed numbers: each
// is exact, together they are a moment's blur.
#pragma once

#include <cstdint>

#include "shunt/proxy/data_plane.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::control {

struct NodeLoad {
  std::uint64_t established = 0;
  std::uint64_t connecting = 0;
  std::uint64_t connections = 0;
  std::uint64_t connect_errors = 0;

  NodeLoad& operator+=(const NodeLoad& other) noexcept;
  [[nodiscard]] std::uint64_t held() const noexcept { return established + connecting; }
};

struct ServiceLoad {
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;
  std::uint64_t refused = 0;
};

[[nodiscard]] NodeLoad load_of(const proxy::DataPlane& data_plane, traffic::NodeSlot slot) noexcept;
// Of one worker.
[[nodiscard]] NodeLoad load_of(const proxy::DataPlane& data_plane, std::uint32_t worker,
                               traffic::NodeSlot slot) noexcept;
[[nodiscard]] NodeLoad load_of(const proxy::DataPlane& data_plane,
                               const traffic::Pool& pool) noexcept;
[[nodiscard]] ServiceLoad service_load(const proxy::DataPlane& data_plane,
                                       traffic::ServiceId service) noexcept;
// Attempts of the app's connections that were taken back by a switch, since the start.
[[nodiscard]] std::uint64_t repointed_of(const proxy::DataPlane& data_plane,
                                         const traffic::App& app) noexcept;
// Whether a worker has given this id to a connection since the start (open, ended or turned away).
[[nodiscard]] bool was_given(const proxy::DataPlane& data_plane, const traffic::Model& model,
                             std::uint64_t connection) noexcept;
// Relays in all, now.
[[nodiscard]] std::uint64_t relays_of(const proxy::DataPlane& data_plane) noexcept;

}  // namespace shunt::control
