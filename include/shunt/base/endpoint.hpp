// Endpoint: one address to listen on or to connect to (IPv4, IPv6 or Unix socket), by value.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/base/result.hpp"

namespace shunt::base {

class Endpoint {
 public:
  Endpoint() noexcept = default;
  // Copies a kernel address (accept, getsockname). length: as the kernel gave it.
  Endpoint(const sockaddr* address, socklen_t length) noexcept;

  // Parses "127.0.0.1:80", "[::1]:80", "unix:/run/x.sock", and without a port "10.0.0.1", "::1",
  // "[::1]" (port() is then 0). Names are not resolved: they are an error of kInvalid that says so.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

  [[nodiscard]] const sockaddr* address() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  [[nodiscard]] socklen_t length() const noexcept { return length_; }
  [[nodiscard]] int family() const noexcept { return storage_.base.sa_family; }
  [[nodiscard]] bool valid() const noexcept { return length_ != 0; }
  [[nodiscard]] bool is_unix() const noexcept { return family() == AF_UNIX; }
  // 127.0.0.0/8, ::1, IPv4-mapped loopback, and Unix sockets.
  [[nodiscard]] bool is_loopback() const noexcept;
  // Host byte order; 0 for Unix sockets and addresses without one.
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] Endpoint with_port(std::uint16_t port) const noexcept;

  // "127.0.0.1:80", "[::1]:80", "unix:/path"; without the port where it is 0.
  [[nodiscard]] std::string to_string() const;
  // The address alone: "127.0.0.1", "::1", "unix:/path".
  [[nodiscard]] std::string host() const;

  friend bool operator==(const Endpoint& a, const Endpoint& b) noexcept;

 private:
  union Storage {
    sockaddr base;
    sockaddr_un local;  // the largest: 110 bytes
    char bytes[sizeof(sockaddr_un)];
  };
  Storage storage_{.bytes = {}};
  socklen_t length_ = 0;
};

}  // namespace shunt::base
