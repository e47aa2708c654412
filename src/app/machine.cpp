#include "src/app/machine.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "shunt/base/unique_fd.hpp"

namespace shunt::app {

bool can_bind(const base::Endpoint& address) {
  const base::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Any other failure says nothing about the address.
  return !fd || ::bind(fd.get(), address.address(), address.length()) == 0 ||
         errno != EADDRNOTAVAIL;
}

std::vector<control::ConfigError> missing_sources(
    const control::Config& config, const std::function<bool(const base::Endpoint&)>& bindable) {
  std::vector<control::ConfigError> missing;
  for (const control::PlacedSource& source : config.sources) {
    if (bindable(source.address)) continue;
    missing.push_back({config.path, source.line, source.column,
                       source.key + ": " + source.address.host() +
                           " is not an address of this machine: connects to nodes from it fail",
                       "give it to an interface (ip address add), or write source: auto"});
  }
  return missing;
}

}  // namespace shunt::app
