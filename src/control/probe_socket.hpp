// The socket of one check: a connection attempt that leaves nothing behind.
#pragma once

#include <string>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/unique_fd.hpp"

namespace shunt::control {

struct ProbeSocket {
  base::UniqueFd fd;       // valid unless `error` is set
  int error = 0;           // errno of what failed: the verdict, unless is_own_shortage(error)
  bool under_way = false;  // wait until the socket is writable, then ask probe_verdict
};

// Begins to connect, without waiting. source: null for the kernel's choice. However the socket is
// closed later, it is closed by a reset, so that no check leaves a TIME_WAIT on either side.
[[nodiscard]] ProbeSocket open_probe(const base::Endpoint& address, const base::Endpoint* source);

// Is a connect that was under way decided by now?
[[nodiscard]] bool probe_settled(int fd);

// The outcome of a connect that was under way: 0, or errno. ECONNREFUSED also where the socket met
// itself: a local port without a listener can be chosen as the source port of its own connection.
[[nodiscard]] int probe_verdict(int fd);

// Descriptors, memory, local ports (as ENOBUFS): what this process lacks says nothing about the
// node.
[[nodiscard]] bool is_own_shortage(int error_number) noexcept;

// "connection refused"
[[nodiscard]] std::string describe_errno(int error_number);

}  // namespace shunt::control
