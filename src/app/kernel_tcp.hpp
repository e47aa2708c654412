// What the kernel's TCP has to say to the socket options of services. Pure but for the functions
// that ask the kernel, which are handed in so that tests can stand in for it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/config.hpp"

namespace shunt::app {

// What TCP_CONGESTION with this name gives on a socket of this process: 0 or errno. With
// CAP_NET_ADMIN the kernel loads a module for it.
[[nodiscard]] int try_congestion(const std::string& name);
// The same for a check, which loads nothing: ENOENT for what the kernel does not list.
[[nodiscard]] int look_up_congestion(const std::string& name);
[[nodiscard]] std::string available_congestion();  // "reno bbr"; empty where it cannot be read
[[nodiscard]] std::string allowed_congestion();    // the same, of those for everybody

// The names that this process cannot use, in the form of errors of the file. An error of the start,
// so that no connect has to find out; a warning of a check, which may be made elsewhere.
[[nodiscard]] std::vector<control::ConfigError> refused_congestion(
    const control::Config& config, const std::function<int(const std::string&)>& ask);

// net.ipv4.tcp_fastopen, of IPv6 too; nothing where it cannot be read.
[[nodiscard]] std::optional<unsigned> tcp_fastopen();
// The services with `fast_open: on`, where the kernel does not open fast for servers: their
// connections open as ever. In the same form; it is no error.
[[nodiscard]] std::vector<control::ConfigError> idle_fast_open(
    const control::Config& config, std::optional<unsigned> tcp_fastopen);

}  // namespace shunt::app
