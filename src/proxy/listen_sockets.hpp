// The listening sockets of the data plane: one SO_REUSEPORT socket a worker and address, or a
// shared one where the socket was handed to the process.
#pragma once

#include <vector>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::proxy {

struct OwnedListener {
  base::UniqueFd fd;
  traffic::ServiceId service = 0;
};

struct ListenSockets {
  std::vector<std::vector<OwnedListener>> by_worker;
  std::vector<std::vector<base::Endpoint>> listening;  // by ServiceId, with real ports
};

// Opens all listeners of the model for `workers` workers. Every error names the address and the way
// out; what was opened before is closed again.
[[nodiscard]] base::Result<ListenSockets> open_listen_sockets(
    const traffic::Model& model, std::uint32_t workers, std::vector<InheritedListener> inherited);

}  // namespace shunt::proxy
