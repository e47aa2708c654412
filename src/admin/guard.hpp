// Who may ask: the checks on Host and Origin that keep web pages out (DNS rebinding, cross-site
// requests). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::admin {

// The listener through which a connection came.
struct Door {
  bool over_tcp = false;   // read-only then
  std::string host;        // over TCP: the listener's address, as in a URL ("127.0.0.1", "[::1]")
  std::uint16_t port = 0;  // over TCP
};

// Is `authority` ("localhost:9900") one of this server's own names? Over TCP these are the
// listener's address, 127.0.0.1, [::1] and localhost, with its port. On the Unix socket, which no
// web page reaches, they are localhost, 127.0.0.1, [::1], shunt and the empty name, with any port.
[[nodiscard]] bool is_own_name(const Door& door, std::string_view authority);

// Why a request is refused, or nothing. host: the Host header, or the authority of an absolute
// target, empty where an HTTP/1.0 client sent none; origin: the Origin header, where there is one.
[[nodiscard]] std::optional<std::string> why_foreign(const Door& door,
                                                     std::optional<std::string_view> host,
                                                     std::optional<std::string_view> origin);

// Is this Content-Type JSON in UTF-8?
[[nodiscard]] bool is_json(std::string_view content_type);

}  // namespace shunt::admin
