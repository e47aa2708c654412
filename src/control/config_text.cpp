#include <cstdio>

#include "src/control/config_tree.hpp"

namespace shunt::control {
namespace {

// Length of the UTF-8 sequence at the start of `text`, 0 where there is none (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto at = [text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&at](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && at(1) < 0xA0) return 0;
    if (lead == 0xED && at(1) > 0x9F) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && at(1) < 0x90) return 0;
    if (lead == 0xF4 && at(1) > 0x8F) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F;
}

std::string hexadecimal(char c) {
  char text[8];
  std::snprintf(text, sizeof(text), "0x%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return text;
}

// Is there anything but blanks and a comment from here to the end of the line?
bool has_content(std::string_view rest) {
  const std::size_t first = rest.find_first_not_of(" \t\r");
  return first != std::string_view::npos && rest[first] != '\n' && rest[first] != '#';
}

}  // namespace

std::optional<ConfigError> find_bad_text(std::string_view text) {
  int line = 1;
  std::size_t line_start = 0;
  bool indenting = true;  // nothing but blanks on this line so far
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const auto error = [&](std::string message, std::string hint) {
      return ConfigError{"", line, static_cast<int>(i - line_start) + 1, std::move(message),
                         std::move(hint)};
    };
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      return error("the byte " + hexadecimal(c) + " is not UTF-8", "save the file as UTF-8");
    }
    if (is_control(c)) {
      return error("the control character " + hexadecimal(c) + " is not allowed",
                   "is this a text file?");
    }
    if (c == '\t' && indenting && has_content(text.substr(i))) {
      return error("a tab is used for indentation", "YAML takes spaces only");
    }
    if (c == '\n') {
      ++line;
      line_start = i + 1;
      indenting = true;
    } else if (c != ' ' && c != '\t') {
      indenting = false;
    }
    i += length;
  }
  return std::nullopt;
}

}  // namespace shunt::control
