#include "src/control/config_report.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace shunt::control {
namespace {

// Edits that turn a into b: insert, delete, replace, swap two neighbours. Both are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

unsigned byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

// Control characters replaced: C0, DEL, and C1 (U+0080 to U+009F) in its UTF-8 form.
std::string printable(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned byte = byte_at(text, i);
    if (byte == 0xC2 && i + 1 < text.size() && byte_at(text, i + 1) < 0xA0) {
      shown += '?';
      ++i;
    } else {
      shown += byte < 0x20 || byte == 0x7F ? '?' : text[i];
    }
  }
  return shown;
}

}  // namespace

std::size_t count_of(const std::vector<ConfigError>& errors) {
  std::size_t count = 0;
  for (const ConfigError& error : errors) count += error.stands_for;
  return count;
}

std::string ConfigError::to_string() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  text += ": " + message;
  if (!hint.empty()) text += " (" + hint + ")";
  return text;
}

std::string quoted(std::string_view value) {
  constexpr std::size_t kShown = 60;
  if (value.size() <= kShown) return "'" + printable(value) + "'";
  std::size_t end = kShown;  // not in the midst of a UTF-8 sequence
  while (end > 0 && (byte_at(value, end) & 0xC0U) == 0x80U) --end;
  return "'" + printable(value.substr(0, end)) + "…'";
}

std::string describe(const TreeNode& node) {
  switch (node.kind) {
    case TreeNode::Kind::kNull:
      return "nothing";
    case TreeNode::Kind::kSequence:
      return "a list";
    case TreeNode::Kind::kMapping:
      return "a mapping";
    case TreeNode::Kind::kScalar:
      break;
  }
  return quoted(node.text);
}

std::string_view nearest_word(std::string_view text, std::span<const std::string_view> words) {
  constexpr std::size_t kLongest = 40;  // longer than any word that is looked for
  if (text.size() > kLongest) return {};
  std::string_view nearest;
  std::size_t smallest = std::max<std::size_t>(text.size() / 3, 1) + 1;
  for (const std::string_view word : words) {
    if (word.size() > kLongest) continue;
    const std::size_t distance = edit_distance(text, word);
    if (distance < smallest && distance < word.size()) {
      smallest = distance;
      nearest = word;
    }
  }
  return nearest;
}

void Report::add(const TreeNode& at, std::string message, std::string hint) {
  add(ConfigError{"", at.line, at.column, std::move(message), std::move(hint)});
}

void Report::add(ConfigError error) {
  if (errors_.size() >= kConfigErrorsMax) {
    ++left_out_;
    return;
  }
  error.message = printable(error.message);
  error.hint = printable(error.hint);
  errors_.push_back(std::move(error));
}

std::vector<ConfigError> Report::take(const std::string& file) {
  std::stable_sort(errors_.begin(), errors_.end(), [](const ConfigError& a, const ConfigError& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (left_out_ > 0) {
    errors_.push_back(
        {"", 0, 0, std::to_string(left_out_) + " more errors are not listed", "", left_out_});
  }
  for (ConfigError& error : errors_) error.file = file;
  return std::move(errors_);
}

}  // namespace shunt::control
