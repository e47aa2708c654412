// Labels, in the syntax of Kubernetes ("Labels and Selectors"), which operators' selectors already
// use.
#include <algorithm>

#include "shunt/base/limits.hpp"
#include "src/control/config_address.hpp"

namespace shunt::control {
namespace {

constexpr std::size_t kLabelsMax = 64;  // a node; selectors walk them

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// At most 63 characters: letters, digits, '-', '_', '.', a letter or digit at both ends.
bool is_label_word(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  if (!is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

// A DNS subdomain (RFC 1123): what may stand before the '/' of a key.
bool is_prefix(std::string_view text) {
  if (text.empty() || text.size() > base::kNameBytesMax) return false;
  for (;;) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const bool fine = is_label_word(part) && std::none_of(part.begin(), part.end(), [](char c) {
                        return c == '_' || (c >= 'A' && c <= 'Z');
                      });
    if (!fine) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_label_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_label_word(text);
  return is_prefix(text.substr(0, slash)) && is_label_word(text.substr(slash + 1));
}

}  // namespace

traffic::Labels read_labels(Report& report, const TreeNode* value, const std::string& place) {
  traffic::Labels labels;
  if (value == nullptr) return labels;
  if (value->kind != TreeNode::Kind::kMapping) {
    report.add(*value, place + ": expected a mapping such as {zone: a}, got " + describe(*value));
    return labels;
  }
  if (value->entries.size() > kLabelsMax) {
    report.add(*value, place + ": more than " + std::to_string(kLabelsMax) + " labels");
    return labels;
  }
  for (const TreeEntry& entry : value->entries) {
    const std::string& key = entry.key.text;
    if (!is_label_key(key)) {
      report.add(
          entry.key, place + ": " + quoted(key) + " is not a label key",
          "1 to 63 letters, digits, '-', '_' or '.', a letter or digit at both ends; before it "
          "may stand a domain and '/'");
      continue;
    }
    const TreeNode& given = entry.value;
    const bool scalar = given.kind == TreeNode::Kind::kScalar;
    if (!scalar || (!given.text.empty() && !is_label_word(given.text))) {
      report.add(
          given, place + "." + key + ": " + describe(given) + " is not a label value",
          "at most 63 letters, digits, '-', '_' or '.', a letter or digit at both ends; write \"\" "
          "for none");
      continue;
    }
    labels.emplace(key, given.text);
  }
  return labels;
}

}  // namespace shunt::control
