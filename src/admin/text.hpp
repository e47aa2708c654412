// Small judgements about text that came from a client.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace shunt::admin {

[[nodiscard]] inline bool has_control_characters(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

// At most `bytes` of what a client sent, for echoing it in a message.
[[nodiscard]] inline std::string excerpt(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  return std::string(text.substr(0, bytes)) + "…";
}

}  // namespace shunt::admin
