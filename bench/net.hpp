// Sockets for the load tools. Failures throw std::system_error: a tool that cannot set up ends.
#pragma once

#include <cstdint>
#include <string>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/unique_fd.hpp"

namespace shunt::bench {

using base::Endpoint;
using base::UniqueFd;

// Throws std::invalid_argument with what was expected.
[[nodiscard]] Endpoint endpoint(const std::string& text);

// A non-blocking listening socket; several may share the port (SO_REUSEPORT). Unix sockets: the
// path must be free.
[[nodiscard]] UniqueFd listen_on(const Endpoint& at, int backlog = 4096);
// A bound socket that does not listen.
[[nodiscard]] UniqueFd bind_to(const Endpoint& at);
// The address that a socket is bound to, with its port.
[[nodiscard]] Endpoint local_address(int fd);

// Begins a non-blocking connect; EINPROGRESS is success. An empty UniqueFd with errno set on
// failure.
[[nodiscard]] UniqueFd begin_connect(const Endpoint& to) noexcept;
// A blocking connected socket. receive_timeout_s bounds every later read.
[[nodiscard]] UniqueFd connect_to(const Endpoint& to, int receive_timeout_s = 10);

void send_all(int fd, const std::string& bytes);

// Ports on 127.0.0.1 that were free just now. Another process may take one before its use.
[[nodiscard]] std::uint16_t free_port();

inline constexpr int kAnyCpu = -1;

// Restricts the calling thread, and threads that it starts, to one CPU; kAnyCpu: to all those that
// the process had at the first call. Does nothing where the machine has no such CPU.
void pin_to_cpu(int cpu) noexcept;
[[nodiscard]] int cpu_count() noexcept;

}  // namespace shunt::bench
