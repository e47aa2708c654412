#include "src/admin/routes.hpp"

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace shunt::admin {
namespace {

constexpr std::array kRoutes = {
    Route{RouteId::kLive, "/live", false, Turn::kNone, ""},
    Route{RouteId::kReady, "/ready", false, Turn::kNone, ""},
    Route{RouteId::kMetrics, "/metrics", false, Turn::kControl, ""},
    Route{RouteId::kOpenApi, "/v1/openapi.json", false, Turn::kNone, ""},
    Route{RouteId::kStatus, "/v1/status", false, Turn::kControl, ""},
    Route{RouteId::kEvents, "/v1/events", false, Turn::kControl, "after limit"},
    Route{RouteId::kConfig, "/v1/config", false, Turn::kControl, ""},
    Route{RouteId::kApp, "/v1/apps/{app}", false, Turn::kControl, ""},
    Route{RouteId::kDiff, "/v1/apps/{app}/diff", false, Turn::kControl, ""},
    Route{RouteId::kConnections, "/v1/apps/{app}/connections", false, Turn::kWorkers,
          "pool node limit"},
    Route{RouteId::kSwitch, "/v1/apps/{app}/switch", true, Turn::kNone, ""},
    Route{RouteId::kRollback, "/v1/apps/{app}/rollback", true, Turn::kNone, ""},
    Route{RouteId::kPrepare, "/v1/apps/{app}/prepare", true, Turn::kNone, ""},
    Route{RouteId::kRetire, "/v1/apps/{app}/retire", true, Turn::kNone, ""},
    Route{RouteId::kSplit, "/v1/apps/{app}/split", true, Turn::kNone, ""},
    Route{RouteId::kConfirm, "/v1/apps/{app}/confirm", true, Turn::kNone, ""},
    Route{RouteId::kAbort, "/v1/apps/{app}/abort", true, Turn::kNone, ""},
    Route{RouteId::kNodes, "/v1/apps/{app}/nodes", true, Turn::kNone, ""},
    Route{RouteId::kClose, "/v1/apps/{app}/close", true, Turn::kNone, ""},
};

constexpr std::string_view kAppSegment = "{app}";

// Takes the part up to the next slash off the front of a pattern.
std::string_view next_segment(std::string_view& rest) {
  rest.remove_prefix(1);  // the slash
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

bool matches(std::string_view pattern, const std::vector<std::string>& segments, std::string& app) {
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    const std::string_view wanted = next_segment(pattern);
    if (wanted == kAppSegment && !segment.empty()) {
      app = segment;
    } else if (wanted != segment) {
      return false;
    }
  }
  return pattern.empty();
}

// A path of unreserved characters (RFC 3986 section 2.3) and nothing to decode, as nearly all are:
// split without the URL parser, whose code is cold when a switch is commanded.
bool is_plain_path(std::string_view target) {
  // Empty segments and dots in front have rules of their own.
  for (const std::string_view special : {"//", "/."}) {
    if (target.find(special) != std::string_view::npos) return false;
  }
  return target.size() > 1 && target.front() == '/' &&
         std::all_of(target.begin(), target.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '/' || c == '-' || c == '.' || c == '_' || c == '~';
         });
}

}  // namespace

std::span<const Route> routes() noexcept {
  return kRoutes;
}

std::string_view allowed_methods(const Route& route) noexcept {
  return route.changes ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

std::optional<Target> parse_target(std::string_view target) {
  Target parts;
  constexpr std::string_view kScheme = "http://";
  if (target.starts_with(kScheme)) {
    target.remove_prefix(kScheme.size());
    const std::size_t path = target.find_first_of("/?");
    parts.authority = target.substr(0, path);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (is_plain_path(target)) {
    for (std::string_view rest = target; !rest.empty();)
      parts.segments.emplace_back(next_segment(rest));
    return parts;
  }
  const auto url =
      boost::urls::parse_origin_form(boost::core::string_view(target.data(), target.size()));
  if (!url) return std::nullopt;
  for (const std::string& segment : url->segments()) parts.segments.push_back(segment);
  for (const auto& param : url->params()) parts.query.emplace_back(param.key, param.value);
  return parts;
}

RouteMatch match_route(const std::vector<std::string>& segments) {
  RouteMatch match;
  if (segments.empty()) return match;
  for (const Route& route : kRoutes) {
    if (!matches(route.path, segments, match.app)) continue;
    match.route = &route;
    if (match.app == "-") match.app.clear();
    return match;
  }
  return match;
}

}  // namespace shunt::admin
