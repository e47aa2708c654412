// Watchdog: asks every worker for a sign of life. A sleeping worker wakes and answers; one that is
// stuck does not. Control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "shunt/proxy/data_plane.hpp"
#include "src/control/worker_requests.hpp"

namespace shunt::control {

class Watchdog {
 public:
  Watchdog(proxy::DataPlane& data_plane, WorkerRequests& requests, base::Duration interval,
           base::Duration bound)
      : data_plane_(data_plane), requests_(requests), interval_(interval), bound_(bound) {}

  void tick(base::Instant now);
  // The first worker that has not answered for longer than the bound.
  [[nodiscard]] std::optional<std::uint32_t> silent(base::Instant now) const;

 private:
  proxy::DataPlane& data_plane_;
  WorkerRequests& requests_;
  const base::Duration interval_;
  const base::Duration bound_;
  base::Instant asked_ = 0;  // the last ping
  bool waiting_ = false;     // for its answers
  // Of the ping that is waited for; owned by requests_ and alive while waiting_.
  std::vector<const proxy::Ping*> pings_;
};

}  // namespace shunt::control
