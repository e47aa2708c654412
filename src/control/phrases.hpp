// Words for people, put together the same way everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::control {

// "a, b, c"; beyond `most` items: "a, b and 3 more".
[[nodiscard]] std::string listed(const std::vector<std::string>& items,
                                 std::size_t most = SIZE_MAX);

// "blue", "green" of apps, pools, nodes.
template <class Named>
[[nodiscard]] std::vector<std::string> names_of(const std::vector<Named>& items) {
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const Named& item : items) names.push_back(item.name);
  return names;
}

// "1 connection", "903 connections".
[[nodiscard]] std::string connections(std::uint64_t count);

}  // namespace shunt::control
