#include "src/control/config_section.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "shunt/base/units.hpp"

namespace shunt::control {
namespace {

std::string join(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "-5s" and "1000000d": the unit is right, the number is not. "-" alone and "1.2.3s" are neither.
bool duration_but_for_its_size(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t unit = text.find_first_not_of("0123456789");
  return unit != std::string_view::npos && unit != 0 &&
         base::parse_duration("1" + std::string(text.substr(unit))).has_value();
}

// Where a key that is unknown here would be right: "in health", "at the top level".
std::string right_place(std::string_view key) {
  for (const KeyTable* table : kAllKeyTables) {
    if (!contains(table->known, key)) continue;
    return table->section.empty() ? "at the top level" : "in " + std::string(table->section);
  }
  return {};
}

}  // namespace

Section::Section(Report& report, const TreeNode* node, std::string path, const KeyTable& keys)
    : report_(&report), node_(node), path_(std::move(path)), keys_(&keys) {
  if (node_ == nullptr) return;
  if (node_->kind != TreeNode::Kind::kMapping) {
    const std::string what = path_.empty() ? "the configuration" : path_;
    report_->add(*node_, what + ": expected a mapping (KEY: VALUE lines), got " + describe(*node_),
                 "keys: " + join(keys.known));
    node_ = nullptr;
    return;
  }
  for (const TreeEntry& entry : node_->entries) check_key(entry.key);
}

void Section::check_key(const TreeNode& key) const {
  if (contains(keys_->known, key.text)) return;
  const std::string place = path(quoted(key.text));
  if (contains(keys_->later, key.text)) {
    report_->add(key, place + " is not supported by this version", "remove it");
    return;
  }
  const std::string_view nearest = nearest_word(key.text, keys_->known);
  const std::string elsewhere = right_place(key.text);
  std::string hint = "keys here: " + join(keys_->known);
  if (!elsewhere.empty()) {
    hint = "it belongs " + elsewhere;
  } else if (!nearest.empty()) {
    hint = "did you mean '" + std::string(nearest) + "'?";
  }
  report_->add(key, place + " is not a known key", std::move(hint));
}

const TreeNode* Section::find(std::string_view key) const {
  if (node_ == nullptr) return nullptr;
  for (const TreeEntry& entry : node_->entries) {
    if (entry.key.text == key) return &entry.value;
  }
  return nullptr;
}

std::string Section::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void Section::wrong(std::string_view key, const std::string& message, std::string hint) const {
  const TreeNode* at = find(key);
  report_->add(at != nullptr      ? *at
               : node_ != nullptr ? *node_
                                  : TreeNode{},
               path(key) + ": " + message, std::move(hint));
}

const std::string* Section::text(std::string_view key, std::string_view expected) const {
  const TreeNode* value = find(key);
  if (value == nullptr) return nullptr;
  if (value->kind == TreeNode::Kind::kScalar && !value->text.empty()) return &value->text;
  wrong(key, "expected " + std::string(expected) + ", got " + describe(*value),
        value->kind == TreeNode::Kind::kNull ? "leave the key out for its default" : "");
  return nullptr;
}

void Section::read(std::string_view key, base::Duration& value, const DurationRule& rule) const {
  const std::string either = rule.off ? " or off" : "";
  const std::string* given = text(key, "a duration such as 250ms, 5s or 10m" + either);
  if (given == nullptr) return;
  if (is_off(*given) || *given == "none") {
    if (rule.off) {
      value = base::kOff;
    } else {
      wrong(key, quoted(*given) + ": this cannot be off",
            "write a duration such as 250ms, 5s or 10m");
    }
    return;
  }
  const base::Result<base::Duration> parsed = base::parse_duration(*given);
  if (!parsed && !duration_but_for_its_size(*given)) {
    wrong(key, quoted(*given) + " is not a duration",
          "write a number and a unit: 250ms, 5s, 10m, 2h" + either);
  } else if (!parsed || *parsed < rule.min || *parsed > rule.max) {
    wrong(key,
          quoted(*given) + " is not from " + base::format_duration(rule.min) + " to " +
              base::format_duration(rule.max),
          rule.off ? "write off for " + std::string(rule.off_means) : "");
  } else if (rule.whole_seconds && *parsed % base::kSecond != 0) {
    wrong(key, quoted(*given) + " is not a whole number of seconds",
          "the kernel counts it in seconds");
  } else {
    value = *parsed;
  }
}

void Section::read(std::string_view key, std::uint32_t& value, std::uint32_t min, std::uint32_t max,
                   bool auto_word) const {
  const std::string expected = std::string(auto_word ? "auto or " : "") + "a whole number from " +
                               std::to_string(min) + " to " + std::to_string(max);
  const std::string* given = text(key, expected);
  if (given == nullptr) return;
  if (auto_word && *given == "auto") {
    value = 0;
    return;
  }
  if (find(key)->in_quotes) {
    wrong(key, quoted(*given) + " in quotes is text, not " + expected, "write it without quotes");
    return;
  }
  std::uint32_t number = 0;
  const char* const last = given->data() + given->size();
  const auto [end, error] = std::from_chars(given->data(), last, number);
  const bool is_number = error == std::errc{} && end == last;
  if (!is_number || number < min || number > max) {
    wrong(key, quoted(*given) + " is not " + expected);
    return;
  }
  // YAML 1.1 takes such a number for an octal one, people for a decimal one.
  if (given->size() > 1 && given->starts_with('0')) {
    wrong(key, quoted(*given) + " has a leading zero", "write " + std::to_string(number));
    return;
  }
  value = number;
}

void Section::read_switch(std::string_view key, bool& value) const {
  constexpr std::array<std::pair<std::string_view, bool>, 4> kWords = {
      {{"on", true}, {"off", false}, {"true", true}, {"false", false}}};
  read_choice(key, value, kWords);
}

void Section::read_percent(std::string_view key, std::uint32_t& value, std::uint32_t min) const {
  const std::string expected = "a percentage from " + std::to_string(min) + "% to 100%";
  const std::string* given = text(key, expected);
  if (given == nullptr) return;
  const base::Result<std::uint32_t> parsed = base::parse_percent(*given);
  if (!parsed || *parsed < min) {
    wrong(key, quoted(*given) + " is not " + expected, "write 90%");
    return;
  }
  value = *parsed;
}

}  // namespace shunt::control
