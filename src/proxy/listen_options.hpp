// What is set on a listening socket: how it accepts, and what the connections that it accepts
// inherit, which saves calls for every one of them.
#pragma once

#include "shunt/base/endpoint.hpp"
#include "shunt/base/result.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::proxy {

// handed_over: the socket lives longer than this process, so what the file has off is turned off,
// whatever an earlier run or the socket unit left on; a congestion control that the file does not
// name stays. An error names the option and the address.
[[nodiscard]] base::Status set_listen_options(int fd, const base::Endpoint& address,
                                              const traffic::Service& service,
                                              const traffic::Keepalive& keepalive,
                                              bool handed_over);

// After listen(2), of a socket that was not handed over: what that turns on unasked is off again.
[[nodiscard]] base::Status set_options_of_listening(int fd, const base::Endpoint& address,
                                                    const traffic::Service& service);

}  // namespace shunt::proxy
