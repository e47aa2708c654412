#include "src/cli/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

#include "shunt/base/units.hpp"

namespace shunt::cli {
namespace {

constexpr std::string_view kEllipsis = "…";

// Length of the well-formed UTF-8 sequence at the front (RFC 3629, section 4), 0 where there is
// none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

void append_hex(std::string& into, unsigned char byte) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", byte);
  into += text.data();
}

std::size_t sequence_length(std::string_view line, std::size_t at) {
  if (line[at] != '\x1b') return 0;
  const std::size_t end = line.find('m', at);
  return end == std::string_view::npos ? 0 : end - at + 1;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool c1 = length == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (text.front() == '\n') {
      result += "\\n";
    } else if (text.front() == '\t') {
      result += "\\t";
    } else if (c1) {
      append_hex(result, static_cast<unsigned char>(text[1]));
    } else if (length == 0 || first < 0x20 || first == 0x7F) {
      append_hex(result, first);
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

std::string wrong_with_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return "is longer than " + std::to_string(bytes_max) + " bytes: write a shorter one";
  }
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(utf8_length(rest))) {
    const auto byte = static_cast<unsigned char>(rest.front());
    if (utf8_length(rest) == 0) {
      std::string shown;
      append_hex(shown, byte);
      return "is not UTF-8 from byte " + std::to_string(text.size() - rest.size() + 1) + " on (" +
             shown + "): write it in a UTF-8 locale, or in ASCII";
    }
    if (byte < 0x20 || byte == 0x7F) {
      return "holds a control character (a line feed, for one): write one line of plain text";
    }
  }
  return {};
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const std::size_t sequence = sequence_length(text, i); sequence != 0) {
      i += sequence - 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++count;
    }
  }
  return count;
}

std::string padded_right(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::string padded_left(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(width > used ? width - used : 0, ' ') + std::string(text);
}

std::string clipped(std::string_view line, std::uint32_t width) {
  if (width == 0 || columns(line) <= width) return std::string(line);
  std::string result;
  std::size_t used = 0;
  bool cut = false;
  for (std::size_t i = 0; i < line.size();) {
    if (const std::size_t sequence = sequence_length(line, i); sequence != 0) {
      result += line.substr(i, sequence);
      i += sequence;
      continue;
    }
    std::size_t next = i + 1;
    while (next < line.size() && (static_cast<unsigned char>(line[next]) & 0xC0) == 0x80) ++next;
    if (!cut && used + 1 == width) {
      result += kEllipsis;
      cut = true;
    } else if (!cut) {
      result += line.substr(i, next - i);
      ++used;
    }
    i = next;
  }
  return result;
}

std::string painted(std::string_view text, Color color, bool enabled) {
  if (!enabled || color == Color::kPlain) return std::string(text);
  const char* code = "0";
  switch (color) {
    case Color::kPlain:
      break;
    case Color::kBold:
      code = "1";
      break;
    case Color::kDim:
      code = "2";
      break;
    case Color::kRed:
      code = "31";
      break;
    case Color::kGreen:
      code = "32";
      break;
    case Color::kYellow:
      code = "33";
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::string fine_duration(base::Duration duration) {
  const auto tenths = [duration](base::Duration unit, const char* name) {
    const base::Duration value = duration * 10 / unit;
    std::string text = std::to_string(value / 10);
    if (value < 1000 && value % 10 != 0) text += '.' + std::to_string(value % 10);
    return text + name;
  };
  if (duration == 0) return "0";
  if (duration < base::kMicrosecond) return std::to_string(duration) + "ns";
  if (duration < base::kMillisecond) return tenths(base::kMicrosecond, "us");
  if (duration < base::kSecond) return tenths(base::kMillisecond, "ms");
  return base::format_duration_brief(duration);
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string_view::npos) {
    return std::string(word);
  }
  std::string result = "'";
  for (const char c : word) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + '\'';
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string result;
  for (const std::string& word : words) {
    if (!result.empty()) result += separator;
    result += word;
  }
  return result;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const bool begins = word.size() >= 2 && candidate.starts_with(word);
    const std::size_t distance = begins ? 1 : edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string result;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (i != 0) line += "  ";
      line += right[i] ? padded_left(row[i], widths[i]) : padded_right(row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + '\n';
  }
  return result;
}

}  // namespace shunt::cli
