// The paths of the API, as docs/openapi.json lists them, and the taking apart of a request's
// target.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::admin {

enum class RouteId : std::uint8_t {
  kLive,
  kReady,
  kMetrics,
  kOpenApi,
  kStatus,
  kEvents,
  kConfig,
  kApp,
  kDiff,
  kConnections,
  kSwitch,
  kRollback,
  kNodes,
  kClose,
};

struct Route {
  RouteId id;
  std::string_view path;    // "/v1/apps/{app}/switch"
  bool changes;             // POST; else GET and HEAD
  bool takes_time;          // to put together: over TCP it waits for its turn (tcp_turns.hpp)
  std::string_view params;  // names of query parameters, separated by blanks
};

[[nodiscard]] std::span<const Route> routes() noexcept;
[[nodiscard]] std::string_view allowed_methods(const Route& route) noexcept;  // for Allow

// A request target in pieces, percent-decoded.
struct Target {
  std::string authority;  // of an absolute target ("http://host:1/path"), else empty
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;
};

// Empty where it is no origin-form or absolute-form of RFC 9112 section 3.2.
[[nodiscard]] std::optional<Target> parse_target(std::string_view target);

struct RouteMatch {
  const Route* route = nullptr;  // null: no such path
  std::string app;               // {app}; "-" becomes empty: the only app
};
[[nodiscard]] RouteMatch match_route(const std::vector<std::string>& segments);

}  // namespace shunt::admin
