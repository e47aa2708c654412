#include "src/control/phrases.hpp"

#include <algorithm>

namespace shunt::control {

std::string listed(const std::vector<std::string>& items, std::size_t most) {
  std::string text;
  const std::size_t shown = std::min(items.size(), most);
  for (std::size_t index = 0; index < shown; ++index) {
    if (index != 0) text += ", ";
    text += items[index];
  }
  if (shown < items.size()) text += " and " + std::to_string(items.size() - shown) + " more";
  return text;
}

std::string connections(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " connection" : " connections");
}

}  // namespace shunt::control
