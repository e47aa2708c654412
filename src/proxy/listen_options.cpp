#include "src/proxy/listen_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "shunt/base/limits.hpp"
#include "shunt/uring/system_kernel.hpp"
#include "src/proxy/keepalive_options.hpp"

namespace shunt::proxy {
namespace {

base::Status set(int fd, int level, int name, int value, const char* key,
                 const base::Endpoint& address) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) == 0) return {};
  return base::fail_errno(errno, std::string("cannot set ") + key + " on " + address.to_string());
}

base::Status set_fast_open(int fd, bool on, const base::Endpoint& address) {
  // 0 takes it back. The kernel bounds it by net.core.somaxconn too.
  return set(fd, IPPROTO_TCP, TCP_FASTOPEN, on ? base::kFastOpensPending : 0, "fast_open", address);
}

// The algorithm as the kernel has it, so that what it did not take is told.
std::string congestion_of(int fd) {
  char name[traffic::CongestionName::kBytesMax + 1] = {};
  socklen_t length = sizeof(name) - 1;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0 ? name : "";
}

}  // namespace

base::Status set_listen_options(int fd, const base::Endpoint& address,
                                const traffic::Service& service,
                                const traffic::Keepalive& keepalive, bool handed_over) {
  const traffic::SocketOptions& wanted = service.sockets;
  uring::set_no_delay(fd);
  uring::set_keepalive(fd, keepalive_options(keepalive));
  if (!wanted.client_congestion.empty()) {
    uring::set_congestion(fd, wanted.client_congestion.c_str());
  }
  if (!wanted.client_congestion.empty() && congestion_of(fd) != wanted.client_congestion.view()) {
    return base::fail(base::ErrorCode::kUnavailable,
                      "cannot set congestion " + std::string(wanted.client_congestion.view()) +
                          " on " + address.to_string(),
                      "see what it may be: sysctl net.ipv4.tcp_allowed_congestion_control");
  }
  if (handed_over && keepalive.idle == base::kOff) {
    if (base::Status status = set(fd, SOL_SOCKET, SO_KEEPALIVE, 0, "keepalive", address); !status) {
      return status;
    }
  }
  if (wanted.defer_accept != base::kOff || handed_over) {
    const auto seconds = static_cast<int>(wanted.defer_accept / base::kSecond);
    if (base::Status status =
            set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds, "defer_accept", address);
        !status) {
      return status;
    }
  }
  if (!wanted.fast_open && !handed_over) return {};
  return set_fast_open(fd, wanted.fast_open, address);
}

base::Status set_options_of_listening(int fd, const base::Endpoint& address,
                                      const traffic::Service& service) {
  // By the 0x400 of net.ipv4.tcp_fastopen (inet_listen()). The file decides: first bytes may come
  // twice, and the data path tells by it whose handshake may not be over.
  return service.sockets.fast_open ? base::Status{} : set_fast_open(fd, false, address);
}

}  // namespace shunt::proxy
