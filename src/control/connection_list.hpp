// What `shunt connections` shows: the workers' surveys with names in the place of numbers.
#pragma once

#include <functional>

#include "shunt/control/controller.hpp"
#include "src/control/worker_requests.hpp"

namespace shunt::control {

// Calls done once, possibly at once: with an error when a name is unknown or a worker is silent.
void list_connections(const traffic::Model& model, WorkerRequests& requests,
                      const ConnectionsQuery& query, base::Duration bound,
                      std::function<void(base::Result<ConnectionsAnswer>)> done);

}  // namespace shunt::control
