#include "src/control/probe_socket.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace shunt::control {
namespace {

ProbeSocket failed(int error_number) {
  return {.fd = {}, .error = error_number, .under_way = false};
}

bool met_itself(int fd) {
  sockaddr_storage own{}, peer{};
  socklen_t own_length = sizeof(own), peer_length = sizeof(peer);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_length) != 0) return false;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) return false;
  if (own.ss_family == AF_UNIX) return false;
  return own_length == peer_length && std::memcmp(&own, &peer, own_length) == 0;
}

}  // namespace

ProbeSocket open_probe(const base::Endpoint& address, const base::Endpoint* source) {
  base::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed(errno);
  if (!address.is_unix()) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) != 0) {
      return failed(errno);
    }
  }
  if (source != nullptr) {
    // The port is chosen by connect then, where it must only be unique for this destination
    // (ip(7)).
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (::bind(fd.get(), source->address(), source->length()) != 0) return failed(errno);
  }
  if (::connect(fd.get(), address.address(), address.length()) == 0) {
    const int verdict = probe_verdict(fd.get());
    return {.fd = std::move(fd), .error = verdict, .under_way = false};
  }
  // EAGAIN is a Unix socket whose queue is full: unlike TCP it does not go on by itself.
  if (errno == EINPROGRESS) return {.fd = std::move(fd), .error = 0, .under_way = true};
  // Every local port towards this destination is taken (connect(2)): ours to mend. From bind above
  // it means another thing, a source address that this machine does not have.
  return failed(errno == EADDRNOTAVAIL ? ENOBUFS : errno);
}

bool probe_settled(int fd) {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}

int probe_verdict(int fd) {
  int error_number = 0;
  socklen_t length = sizeof(error_number);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) return errno;
  if (error_number == 0 && met_itself(fd)) return ECONNREFUSED;
  return error_number;
}

bool is_own_shortage(int error_number) noexcept {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

std::string describe_errno(int error_number) {
  if (error_number == EAGAIN) return "its queue of connections is full";
  std::string text = std::generic_category().message(error_number);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

}  // namespace shunt::control
