#include "src/control/config_sockets.hpp"

#include <algorithm>

namespace shunt::control {
namespace {

// The kernel counts it in retransmissions of its SYN-ACK, after 1, 3, 7, 15, 31 and 63 s
// (secs_to_retrans()), and keeps each client that says nothing among its half-open connections for
// so long.
constexpr base::Duration kDeferAcceptMax = 60 * base::kSecond;

PlacedName placed(const Section& section, std::string_view key, std::string name) {
  const TreeNode* value = section.find(key);
  return {section.path(key), value->line, value->column, std::move(name)};
}

bool is_congestion_name(std::string_view text) {
  return text.size() <= traffic::CongestionName::kBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

void read_congestion_name(const Section& section, std::string_view key,
                          traffic::CongestionName& name, std::vector<PlacedName>& places) {
  constexpr std::string_view kWayOut = "write auto for the machine's default, or such as cubic";
  const std::string* given = section.text(key, "the name of a congestion control, or auto");
  if (given == nullptr || *given == "auto") return;
  if (is_off(*given) || *given == "none") {
    section.wrong(key, quoted(*given) + ": this cannot be off", std::string(kWayOut));
  } else if (!is_congestion_name(*given)) {
    section.wrong(key,
                  quoted(*given) + " is not the name of a congestion control: 1 to " +
                      std::to_string(traffic::CongestionName::kBytesMax) +
                      " letters, digits, '.', '_' or '-'",
                  std::string(kWayOut));
  } else {
    name = traffic::CongestionName(*given);
    places.push_back(placed(section, key, *given));
  }
}

void read_congestion(const Section& service, traffic::SocketOptions& options,
                     std::vector<PlacedName>& places) {
  const TreeNode* value = service.find("congestion");
  if (value == nullptr) return;
  if (value->kind != TreeNode::Kind::kMapping) {
    read_congestion_name(service, "congestion", options.client_congestion, places);
    options.node_congestion = options.client_congestion;
    return;
  }
  const Section sides(service.report(), value, service.path("congestion"), kCongestionKeys);
  read_congestion_name(sides, "client", options.client_congestion, places);
  read_congestion_name(sides, "node", options.node_congestion, places);
}

}  // namespace

traffic::SocketOptions read_socket_options(const Section& service, SocketPlaces& places) {
  traffic::SocketOptions options;
  service.read("defer_accept", options.defer_accept,
               {.min = base::kSecond,
                .max = kDeferAcceptMax,
                .off = true,
                .whole_seconds = true,
                .off_means = "accepting at once"});
  service.read_switch("fast_open", options.fast_open);
  if (options.fast_open) places.fast_open.push_back(placed(service, "fast_open", "on"));
  read_congestion(service, options, places.congestion);
  return options;
}

}  // namespace shunt::control
