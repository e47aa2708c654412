#include "src/observe/text.hpp"

namespace shunt::observe {
namespace {

// Length of the well-formed UTF-8 sequence at the front of text, 0 where it is broken (RFC 3629,
// 4).
std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_high = first == 0xF4 && byte(1) > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

// C0, DEL, and the C1 controls (U+0080 to U+009F), which some terminals obey in their UTF-8 form.
bool is_control(std::string_view sequence) noexcept {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

constexpr char kHex[] = "0123456789abcdef";

void append_hex_escape(std::string& line, unsigned char byte) {
  line += "\\x";
  line += kHex[byte >> 4];
  line += kHex[byte & 15U];
}

// The short escapes that logfmt readers and JSON share; false where there is none.
bool append_short_escape(std::string& line, char c) {
  switch (c) {
    case '"':
      line += "\\\"";
      return true;
    case '\\':
      line += "\\\\";
      return true;
    case '\n':
      line += "\\n";
      return true;
    case '\r':
      line += "\\r";
      return true;
    case '\t':
      line += "\\t";
      return true;
    default:
      return false;
  }
}

bool is_plain(std::string_view value) noexcept {
  if (value.empty()) return false;
  for (const char c : value) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

}  // namespace

void append_logfmt_value(std::string& line, std::string_view value) {
  if (is_plain(value)) {
    line += value;
    return;
  }
  line += '"';
  while (!value.empty()) {
    const std::size_t length = utf8_length(value);
    const std::string_view sequence = value.substr(0, length == 0 ? 1 : length);
    value.remove_prefix(sequence.size());
    if (sequence.size() == 1 && append_short_escape(line, sequence[0])) continue;
    if (length == 0 || is_control(sequence)) {
      for (const char c : sequence) append_hex_escape(line, static_cast<unsigned char>(c));
    } else {
      line += sequence;
    }
  }
  line += '"';
}

void append_json_string(std::string& line, std::string_view value) {
  line += '"';
  while (!value.empty()) {
    const std::size_t length = utf8_length(value);
    const std::string_view sequence = value.substr(0, length == 0 ? 1 : length);
    value.remove_prefix(sequence.size());
    if (sequence.size() == 1 && append_short_escape(line, sequence[0])) continue;
    if (length == 0) {
      line += "\xEF\xBF\xBD";  // U+FFFD
    } else if (is_control(sequence)) {
      const auto code = static_cast<unsigned char>(sequence.back());  // C2 80 is U+0080, and so on
      line += "\\u00";
      line += kHex[code >> 4];
      line += kHex[code & 15U];
    } else {
      line += sequence;
    }
  }
  line += '"';
}

void append_seconds(std::string& line, std::uint64_t nanoseconds) {
  const std::uint64_t microseconds = nanoseconds / 1'000;
  append_number(line, microseconds / 1'000'000);
  line += '.';
  char digits[6];
  std::uint64_t rest = microseconds % 1'000'000;
  for (int i = 5; i >= 0; --i, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  line.append(digits, sizeof(digits));
}

}  // namespace shunt::observe
