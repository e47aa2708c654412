#include "src/app/kernel_tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "shunt/base/unique_fd.hpp"

namespace shunt::app {
namespace {

constexpr unsigned kServers = 2;  // ip-sysctl, tcp_fastopen: 0x2 enables it for servers

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool has_word(const std::string& list, const std::string& word) {
  std::istringstream words(list);
  for (std::string one; words >> one;) {
    if (one == word) return true;
  }
  return false;
}

// For a hint; "nothing" where the list cannot be read.
std::string shown(const std::string& list) {
  return list.empty() ? "nothing that could be read" : list;
}

control::ConfigError refusal(const std::string& path, const control::PlacedName& wanted,
                             int error) {
  control::ConfigError refused{path, wanted.line, wanted.column, wanted.key + ": ", {}};
  const std::string name = "the congestion control '" + wanted.name + "'";
  switch (error) {
    case ENOENT:
      refused.message += "this kernel does not have " + name;
      refused.hint = "it has " + shown(available_congestion()) +
                     "; load a module for another one: modprobe tcp_" + wanted.name;
      break;
    case EPERM:
      refused.message += "this process may not use " + name;
      refused.hint = "it may use " + shown(allowed_congestion()) +
                     "; add the name to net.ipv4.tcp_allowed_congestion_control, or give the "
                     "process CAP_NET_ADMIN";
      break;
    default:
      refused.message += name + " cannot be used: " + std::strerror(error);
      refused.hint = "write auto for the machine's default";
  }
  return refused;
}

}  // namespace

int try_congestion(const std::string& name) {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return 0;  // says nothing about the name
  const auto length = static_cast<socklen_t>(name.size());
  return ::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), length) == 0 ? 0 : errno;
}

int look_up_congestion(const std::string& name) {
  const std::string available = available_congestion();
  if (!available.empty() && !has_word(available, name)) return ENOENT;
  return available.empty() ? 0 : try_congestion(name);
}

std::string available_congestion() {
  return first_line("/proc/sys/net/ipv4/tcp_available_congestion_control");
}

std::string allowed_congestion() {
  return first_line("/proc/sys/net/ipv4/tcp_allowed_congestion_control");
}

std::vector<control::ConfigError> refused_congestion(
    const control::Config& config, const std::function<int(const std::string&)>& ask) {
  std::vector<control::ConfigError> refused;
  for (const control::PlacedName& wanted : config.congestion) {
    if (const int error = ask(wanted.name); error != 0) {
      refused.push_back(refusal(config.path, wanted, error));
    }
  }
  return refused;
}

std::optional<unsigned> tcp_fastopen() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_fastopen");
  unsigned value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

std::vector<control::ConfigError> idle_fast_open(const control::Config& config,
                                                 std::optional<unsigned> tcp_fastopen) {
  std::vector<control::ConfigError> idle;
  if (!tcp_fastopen || (*tcp_fastopen & kServers) != 0) return idle;
  for (const control::PlacedName& on : config.fast_open) {
    idle.push_back({config.path, on.line, on.column,
                    on.key + ": net.ipv4.tcp_fastopen is " + std::to_string(*tcp_fastopen) +
                        ", without the 2 of servers: connections open as without fast_open",
                    "sysctl -w net.ipv4.tcp_fastopen=" + std::to_string(*tcp_fastopen | kServers)});
  }
  return idle;
}

}  // namespace shunt::app
