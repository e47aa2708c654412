#include "bench/net.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace shunt::bench {
namespace {

void require(bool done, const std::string& what) {
  if (!done) throw std::system_error(errno, std::generic_category(), what);
}

void set_option(int fd, int level, int name, int value) noexcept {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Endpoint endpoint(const std::string& text) {
  auto parsed = Endpoint::parse(text);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  return *parsed;
}

UniqueFd bind_to(const Endpoint& at) {
  UniqueFd fd(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  require(bool(fd), "socket");
  if (!at.is_unix()) {
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  }
  require(::bind(fd.get(), at.address(), at.length()) == 0, "bind " + at.to_string());
  return fd;
}

UniqueFd listen_on(const Endpoint& at, int backlog) {
  UniqueFd fd = bind_to(at);
  require(::listen(fd.get(), backlog) == 0, "listen " + at.to_string());
  return fd;
}

Endpoint local_address(int fd) {
  sockaddr_un storage;
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  require(::getsockname(fd, address, &length) == 0, "getsockname");
  return {address, length};
}

UniqueFd begin_connect(const Endpoint& to) noexcept {
  UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  if (!to.is_unix()) set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(fd.get(), to.address(), to.length()) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

UniqueFd connect_to(const Endpoint& to, int receive_timeout_s) {
  UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(bool(fd), "socket");
  if (!to.is_unix()) set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  const timeval timeout{.tv_sec = receive_timeout_s, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  require(::connect(fd.get(), to.address(), to.length()) == 0, "connect " + to.to_string());
  return fd;
}

void send_all(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto count = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    require(count > 0, "send");
    sent += static_cast<std::size_t>(count);
  }
}

std::uint16_t free_port() {
  return local_address(bind_to(endpoint("127.0.0.1:0")).get()).port();
}

namespace {

// The CPUs that the process may use, as they were at the first call.
const cpu_set_t& all_cpus() noexcept {
  static const cpu_set_t all = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  return all;
}

}  // namespace

int cpu_count() noexcept {
  return CPU_COUNT(&all_cpus());
}

void pin_to_cpu(int cpu) noexcept {
  cpu_set_t set = all_cpus();
  if (cpu >= 0) {
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
  }
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace shunt::bench
