#include "src/app/activation.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

namespace shunt::app {
namespace {

using base::Endpoint;
using base::ErrorCode;

int int_option(int fd, int level, int option) noexcept {
  int value = 0;
  socklen_t length = sizeof(value);
  return ::getsockopt(fd, level, option, &value, &length) == 0 ? value : -1;
}

std::optional<Endpoint> local_address(int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(fd, address, &length) != 0) return std::nullopt;
  return Endpoint(address, length);
}

bool listened_on(const traffic::Model& model, const Endpoint& address) {
  return std::any_of(model.services.begin(), model.services.end(), [&](const auto& service) {
    return std::find(service.listen.begin(), service.listen.end(), address) != service.listen.end();
  });
}

// True when the socket is [::]:PORT without IPV6_V6ONLY and the file has 0.0.0.0:PORT too: the
// kernel would refuse the second listener with "address in use", long after the cause.
bool takes_the_ipv4_side(const traffic::Model& model, const Endpoint& address, int fd) {
  if (address.family() != AF_INET6 || address.host() != "::") return false;
  if (int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) return false;
  const auto ipv4 = Endpoint::parse("0.0.0.0:" + std::to_string(address.port()));
  return ipv4 && listened_on(model, *ipv4);
}

// What is wrong with one socket; empty: nothing.
std::string fault_of(const traffic::Model& model, const PassedSocket& socket,
                     const std::vector<proxy::InheritedListener>& so_far) {
  const int fd = socket.fd.get();
  const std::string name = "socket '" + socket.name + "' ";
  if (int_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) return name + "is no stream socket";
  if (int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1) return name + "does not listen";
  const std::optional<Endpoint> address = local_address(fd);
  if (!address) return name + "has no address";
  const std::string what = name + "(" + address->to_string() + ") ";
  if (!listened_on(model, *address)) return what + "is the address of no service";
  const bool twice = std::any_of(so_far.begin(), so_far.end(),
                                 [&](const auto& other) { return other.address == *address; });
  if (twice) return what + "was handed over twice";
  if (takes_the_ipv4_side(model, *address, fd)) {
    return what + "takes IPv4 too (set BindIPv6Only=ipv6-only in the socket unit)";
  }
  return {};
}

}  // namespace

base::Result<std::vector<PassedSocket>> take_passed_sockets() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  if (count < 0) {
    return base::fail_errno(-count, "LISTEN_PID, LISTEN_FDS or LISTEN_FDNAMES is broken",
                            "start through systemd, or unset the LISTEN_ variables");
  }
  std::vector<PassedSocket> sockets;
  for (int i = 0; i < count; ++i) {
    PassedSocket& socket = sockets.emplace_back();
    socket.fd.reset(SD_LISTEN_FDS_START + i);
    socket.name = names != nullptr && names[i] != nullptr ? names[i] : "unknown";
  }
  for (int i = 0; names != nullptr && names[i] != nullptr; ++i) std::free(names[i]);
  std::free(names);
  return sockets;
}

base::Result<std::vector<proxy::InheritedListener>> match_listeners(
    const traffic::Model& model, std::vector<PassedSocket> sockets) {
  std::vector<proxy::InheritedListener> listeners;
  std::string faults;
  for (PassedSocket& socket : sockets) {
    if (const std::string fault = fault_of(model, socket, listeners); !fault.empty()) {
      faults += (faults.empty() ? "" : "; ") + fault;
      continue;
    }
    listeners.push_back({*local_address(socket.fd.get()), std::move(socket.fd)});
  }
  if (!faults.empty()) {
    return base::fail(
        ErrorCode::kConflict, "sockets handed over at start: " + faults,
        "make ListenStream= in the socket unit and `listen` in the configuration agree");
  }
  return listeners;
}

}  // namespace shunt::app
