// Reads how the sockets of a service are opened: defer_accept, fast_open, congestion.
#pragma once

#include <vector>

#include "shunt/control/config.hpp"
#include "shunt/traffic/model.hpp"
#include "src/control/config_section.hpp"

namespace shunt::control {

// Where the file asks for what only the machine can tell whether it is to be had.
struct SocketPlaces {
  std::vector<PlacedName> fast_open;
  std::vector<PlacedName> congestion;
};

[[nodiscard]] traffic::SocketOptions read_socket_options(const Section& service,
                                                         SocketPlaces& places);

}  // namespace shunt::control
