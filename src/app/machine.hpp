// What the machine has to say to a configuration that is right in itself. Pure but for the
// functions that ask the kernel, which are handed in so that tests can stand in for it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shunt/base/endpoint.hpp"
#include "shunt/control/config.hpp"

namespace shunt::app {

// True where a socket can be bound to the address now (also by net.ipv4.ip_nonlocal_bind).
[[nodiscard]] bool can_bind(const base::Endpoint& address);

// The source addresses that are not this machine's: connects from them would fail, one by one. In
// the form of errors of the file. It is no error: an address that moves between machines may come
// later.
[[nodiscard]] std::vector<control::ConfigError> missing_sources(
    const control::Config& config, const std::function<bool(const base::Endpoint&)>& bindable);

}  // namespace shunt::app
