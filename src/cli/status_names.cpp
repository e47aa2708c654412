// Names that a snapshot has, for completion.
#include "src/cli/status_view.hpp"

namespace shunt::cli {

std::vector<std::string> apps_of(const json::object& snapshot) {
  std::vector<std::string> names;
  for (const json::value& value : array_at(snapshot, "apps")) {
    if (value.is_object()) names.push_back(text_at(value.get_object(), "name"));
  }
  return names;
}

namespace {

// Every pool of the app, or of all where none is named.
template <class Take>
void each_pool(const json::object& snapshot, const std::string& app, const Take& take) {
  for (const json::value& value : array_at(snapshot, "apps")) {
    if (!value.is_object()) continue;
    if (!app.empty() && raw_at(value.get_object(), "name") != app) continue;
    for (const json::value& pool : array_at(value.get_object(), "pools")) {
      if (pool.is_object()) take(pool.get_object());
    }
  }
}

}  // namespace

std::vector<std::string> pools_of(const json::object& snapshot, const std::string& app) {
  std::vector<std::string> names;
  each_pool(snapshot, app,
            [&](const json::object& pool) { names.push_back(raw_at(pool, "name")); });
  return names;
}

std::vector<std::string> nodes_of(const json::object& snapshot, const std::string& app) {
  std::vector<std::string> names;
  each_pool(snapshot, app, [&](const json::object& pool) {
    for (const json::value& node : array_at(pool, "node_list")) {
      if (node.is_object()) names.push_back(raw_at(node.get_object(), "name"));
    }
  });
  return names;
}

}  // namespace shunt::cli
