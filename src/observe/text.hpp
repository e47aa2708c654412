// Values as text that stays on one line: logfmt values and JSON strings.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::observe {

// As it is where that is unambiguous, else quoted: app=web, msg="two words", by="a \"b\"\n".
void append_logfmt_value(std::string& line, std::string_view value);
// With the quotes. Broken UTF-8 becomes U+FFFD (RFC 8259, 8.1: JSON text is UTF-8).
void append_json_string(std::string& line, std::string_view value);

template <class Integer>
void append_number(std::string& line, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  line.append(digits, end);
}

// Nanoseconds as seconds with microseconds: "0.000123", "61.500000".
void append_seconds(std::string& line, std::uint64_t nanoseconds);

}  // namespace shunt::observe
