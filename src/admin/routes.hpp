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
  kPrepare,
  kRetire,
  kSplit,
  kConfirm,
  kAbort,
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

// What an answer costs whoever puts it together. Over TCP it waits for its turn, each kind for its
// own (tcp_turns.hpp): an answer that a stuck worker holds up keeps no other from being made.
enum class Turn : std::uint8_t {
  kNone,
  kControl,  // time of the control thread
  kWorkers,  // that of every worker besides, which is waited for
};

struct Route {
  RouteId id;
  std::string_view path;  // "/v1/apps/{app}/switch"
  bool changes;           // POST; else GET and HEAD
  Turn turn;
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
