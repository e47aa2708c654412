#include "shunt/base/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace shunt::base {
namespace {

template <class Address>
Address copy_as(const char* bytes) noexcept {
  Address address;
  std::memcpy(&address, bytes, sizeof(address));
  return address;
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view whole) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > 65535) {
    return fail(ErrorCode::kInvalid, "'" + std::string(whole) + "': the port '" +
                                         std::string(text) + "' is not a number from 0 to 65535");
  }
  return static_cast<std::uint16_t>(value);
}

template <class Address>
Endpoint from_kernel(const Address& address) noexcept {
  return Endpoint(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Result<Endpoint> parse_unix(std::string_view path) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  if (path.empty()) return fail(ErrorCode::kInvalid, "'unix:' names no path", "write unix:/path");
  if (path.size() >= sizeof(local.sun_path)) {
    return fail(ErrorCode::kInvalid, "'unix:" + std::string(path) + "' is longer than the " +
                                         std::to_string(sizeof(local.sun_path) - 1) +
                                         " bytes that a Unix socket path may have");
  }
  std::memcpy(local.sun_path, path.data(), path.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return Endpoint(reinterpret_cast<const sockaddr*>(&local), length);
}

Result<Endpoint> parse_ip(std::string_view host, std::uint16_t port, std::string_view whole) {
  const std::string text(host);
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return from_kernel(v4);
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return from_kernel(v6);
  }
  return fail(ErrorCode::kInvalid,
              "'" + std::string(whole) + "' is not an IP address, with or without a port",
              "write 127.0.0.1:80, [::1]:80 or unix:/path; host names are not resolved");
}

}  // namespace

Endpoint::Endpoint(const sockaddr* address, socklen_t length) noexcept {
  if (length > sizeof(storage_)) length = sizeof(storage_);
  std::memcpy(storage_.bytes, address, length);
  length_ = length;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  if (text.starts_with("[")) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' lacks the closing ']'");
    }
    const std::string_view host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return parse_ip(host, 0, text);
    if (!rest.starts_with(":")) {
      return fail(ErrorCode::kInvalid, "'" + std::string(text) + "': expected ':PORT' after ']'");
    }
    const auto port = parse_port(rest.substr(1), text);
    if (!port) return tl::unexpected(port.error());
    return parse_ip(host, *port, text);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    return parse_ip(text, 0, text);  // no port, or a bare IPv6 address
  }
  const auto port = parse_port(text.substr(colon + 1), text);
  if (!port) return tl::unexpected(port.error());
  return parse_ip(text.substr(0, colon), *port, text);
}

bool Endpoint::is_loopback() const noexcept {
  switch (family()) {
    case AF_UNIX:
      return true;
    case AF_INET:
      return (ntohl(copy_as<sockaddr_in>(storage_.bytes).sin_addr.s_addr) >> 24) == 127;
    case AF_INET6: {
      const auto v6 = copy_as<sockaddr_in6>(storage_.bytes);
      if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return v6.sin6_addr.s6_addr[12] == 127;
      return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    }
    default:
      return false;
  }
}

std::uint16_t Endpoint::port() const noexcept {
  switch (family()) {
    case AF_INET:
      return ntohs(copy_as<sockaddr_in>(storage_.bytes).sin_port);
    case AF_INET6:
      return ntohs(copy_as<sockaddr_in6>(storage_.bytes).sin6_port);
    default:
      return 0;
  }
}

Endpoint Endpoint::with_port(std::uint16_t port) const noexcept {
  if (family() == AF_INET) {
    auto v4 = copy_as<sockaddr_in>(storage_.bytes);
    v4.sin_port = htons(port);
    return from_kernel(v4);
  }
  if (family() == AF_INET6) {
    auto v6 = copy_as<sockaddr_in6>(storage_.bytes);
    v6.sin6_port = htons(port);
    return from_kernel(v6);
  }
  return *this;
}

std::string Endpoint::host() const {
  char text[INET6_ADDRSTRLEN] = {};
  switch (family()) {
    case AF_INET: {
      const auto v4 = copy_as<sockaddr_in>(storage_.bytes);
      ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
      return text;
    }
    case AF_INET6: {
      const auto v6 = copy_as<sockaddr_in6>(storage_.bytes);
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
      return text;
    }
    case AF_UNIX: {
      const std::size_t head = offsetof(sockaddr_un, sun_path);
      if (length_ <= head) return "unix:";
      return "unix:" + std::string(storage_.local.sun_path,
                                   ::strnlen(storage_.local.sun_path, length_ - head));
    }
    default:
      return "-";
  }
}

std::string Endpoint::to_string() const {
  if (port() == 0) return host();
  const std::string port_text = ":" + std::to_string(port());
  return family() == AF_INET6 ? "[" + host() + "]" + port_text : host() + port_text;
}

bool operator==(const Endpoint& a, const Endpoint& b) noexcept {
  if (a.family() != b.family()) return false;
  if (a.is_unix()) return a.host() == b.host();
  return a.length_ == b.length_ && std::memcmp(a.storage_.bytes, b.storage_.bytes, a.length_) == 0;
}

}  // namespace shunt::base
