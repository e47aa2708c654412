// Addresses and names in the configuration: what each use allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/endpoint.hpp"
#include "shunt/control/config.hpp"
#include "shunt/traffic/model.hpp"
#include "src/control/config_report.hpp"
#include "src/control/config_tree.hpp"

namespace shunt::control {

// An address with the place that gave it, for what is checked across sections.
struct PlacedAddress {
  base::Endpoint address;
  const TreeNode* at = nullptr;  // into the tree; none: a default that the file does not give
  std::string place;             // "apps.web.listen"
};

enum class AddressUse {
  kNode,    // to connect to: IP address or unix:/path, port or none
  kListen,  // to listen on: IP address and port
  kSource,  // to connect from: IP address alone
  kAdmin,   // admin.http: loopback and port
};

// Reads one address; null after reporting what is wrong with it. place: for messages.
[[nodiscard]] std::optional<base::Endpoint> read_address(Report& report, const TreeNode& at,
                                                         const std::string& place, AddressUse use);

// A port from 1 to 65535; null after reporting.
[[nodiscard]] std::optional<std::uint16_t> read_port(Report& report, const TreeNode& at,
                                                     const std::string& place);

// `listen`: a port (both families), an address, or a list of such.
[[nodiscard]] std::vector<base::Endpoint> read_listen(Report& report, const TreeNode& value,
                                                      const std::string& place,
                                                      std::vector<PlacedAddress>& all);
// `source`: an address, a list, or auto (none: the kernel chooses). Each is added to `placed`.
[[nodiscard]] std::vector<base::Endpoint> read_sources(Report& report, const TreeNode& value,
                                                       const std::string& place,
                                                       std::vector<PlacedEndpoint>& placed);
[[nodiscard]] traffic::Labels read_labels(Report& report, const TreeNode* value,
                                          const std::string& place);

// Reports listeners that cannot exist side by side: the same address twice, or one beside the
// wildcard of its family on the same port.
void report_overlaps(Report& report, const std::vector<PlacedAddress>& listeners);
// Reports nodes that lead back to a listener of this process: every connection would go round for
// ever.
void report_loops(Report& report, const std::vector<PlacedAddress>& listeners,
                  const std::vector<PlacedAddress>& nodes);

// Apps, pools and services: they are part of URLs, metric labels and command lines.
[[nodiscard]] bool is_name(std::string_view text);
inline constexpr std::string_view kNameRule =
    "a name is 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first";
// Nodes: names may be addresses too.
[[nodiscard]] bool is_node_name(std::string_view text);
inline constexpr std::string_view kNodeNameRule =
    "a node's name is 1 to 63 letters, digits or any of . _ : / [ ] -, a letter or digit first";

}  // namespace shunt::control
