// The snapshot as a few lines that read at a glance: what is live, how well, what would happen on a
// rollback, and only those nodes that are in trouble. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "src/cli/json.hpp"

namespace shunt::cli {

struct StatusView {
  std::string app;   // only this one; empty: all
  std::string pool;  // only this pool, with every node; empty: all pools
  bool all_nodes = false;
  bool color = false;
  std::uint32_t width = 0;  // 0: never clip
  std::int64_t now_ms = 0;  // wall clock, for "switched 3m ago"
};

// snapshot: {"process": …, "apps": […]}.
[[nodiscard]] std::string render_status(const json::object& snapshot, const StatusView& view);

// Names of the apps, ready to print.
[[nodiscard]] std::vector<std::string> apps_of(const json::object& snapshot);
// Names of the pools of all apps that the view shows.
[[nodiscard]] std::vector<std::string> pools_of(const json::object& snapshot,
                                                const std::string& app);
// Names of the nodes, the same way.
[[nodiscard]] std::vector<std::string> nodes_of(const json::object& snapshot,
                                                const std::string& app);

}  // namespace shunt::cli
