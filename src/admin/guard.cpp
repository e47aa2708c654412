#include "src/admin/guard.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>

#include "src/admin/text.hpp"

namespace shunt::admin {
namespace {

using boost::beast::iequals;

struct Authority {
  std::string_view host;  // IPv6 with its brackets
  std::string_view port;  // digits; empty: none given
  bool valid = false;
};

Authority split(std::string_view text) {
  std::size_t end = 0;  // of the host
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return {};
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
  }
  Authority authority{text.substr(0, end), {}, true};
  if (end == text.size()) return authority;
  if (text[end] != ':') return {};
  authority.port = text.substr(end + 1);
  authority.valid = !authority.port.empty() && authority.port.size() <= 5 &&
                    authority.port.find_first_not_of("0123456789") == std::string_view::npos;
  return authority;
}

bool is_loopback_name(std::string_view host) {
  return iequals(host, "localhost") || host == "127.0.0.1" || host == "[::1]";
}

}  // namespace

bool is_own_name(const Door& door, std::string_view text) {
  const Authority authority = split(text);
  if (!authority.valid) return false;
  if (!door.over_tcp) {
    return is_loopback_name(authority.host) || authority.host.empty() || authority.host == "shunt";
  }
  const std::string port = std::to_string(door.port);
  const bool own_port = authority.port.empty() ? door.port == 80 : authority.port == port;
  return own_port && (is_loopback_name(authority.host) || iequals(authority.host, door.host));
}

std::optional<std::string> why_foreign(const Door& door, std::optional<std::string_view> host,
                                       std::optional<std::string_view> origin) {
  if (host && !is_own_name(door, *host)) {
    std::string own = "localhost";
    if (door.over_tcp) {
      own = door.host;
      own += ':';
      own += std::to_string(door.port);
    }
    return "Host \"" + excerpt(*host, 64) + "\" is none of this server's names; use " + own;
  }
  if (origin) {
    constexpr std::string_view kScheme = "http://";
    const bool own =
        host && origin->starts_with(kScheme) && iequals(origin->substr(kScheme.size()), *host);
    if (!own) return "Origin \"" + excerpt(*origin, 64) + "\" is another site";
  }
  return std::nullopt;
}

bool is_json(std::string_view content_type) {
  const auto trim = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::string_view{};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
  };
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  if (!iequals(trim(content_type.substr(0, end)), "application/json")) return false;
  if (end == content_type.size()) return true;
  const std::string_view parameter = trim(content_type.substr(end + 1));
  return parameter.empty() || iequals(parameter, "charset=utf-8") ||
         iequals(parameter, "charset=\"utf-8\"");
}

}  // namespace shunt::admin
