// Sockets that were opened by a supervisor and handed over (systemd.socket(5), sd_listen_fds(3)).
#pragma once

#include <string>
#include <vector>

#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::app {

struct PassedSocket {
  base::UniqueFd fd;
  std::string name;  // FileDescriptorName=; "unknown" where none was given
};

// Takes over what LISTEN_FDS announces to this process (LISTEN_PID), and clears those variables so
// that no child takes it too. Empty when started without a supervisor. Once, at start, before other
// threads run. An error where the variables make no sense.
[[nodiscard]] base::Result<std::vector<PassedSocket>> take_passed_sockets();

// Pairs each socket with the address of a service. All that is wrong is one error of kConflict that
// names every offending socket and the way out: not a listening stream socket, an address that no
// service listens on, the same address twice, an IPv6 wildcard socket that also takes IPv4 while a
// service listens there itself.
[[nodiscard]] base::Result<std::vector<proxy::InheritedListener>> match_listeners(
    const traffic::Model& model, std::vector<PassedSocket> sockets);

}  // namespace shunt::app
