// Section: one mapping of the file with the keys that it may hold, and readers of single values.
// Each reader leaves its target as it is (the default) where the key is absent or wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/base/clock.hpp"
#include "src/control/config_keys.hpp"
#include "src/control/config_report.hpp"
#include "src/control/config_tree.hpp"

namespace shunt::control {

// YAML 1.1 reads a plain off as false, and what writes a file out again may write that.
[[nodiscard]] inline bool is_off(std::string_view text) {
  return text == "off" || text == "false";
}

class Section {
 public:
  // node: null where the section is absent, which is then like an empty one. Anything but a mapping
  // and every key that is not in the table are reported. path: "apps.web.health", for messages.
  Section(Report& report, const TreeNode* node, std::string path, const KeyTable& keys);

  [[nodiscard]] const TreeNode* find(std::string_view key) const;
  [[nodiscard]] std::string path(std::string_view key) const;
  [[nodiscard]] Report& report() const noexcept { return *report_; }
  [[nodiscard]] const TreeNode* node() const noexcept { return node_; }

  // "apps.web.health.rise: MESSAGE" at the place of the key's value.
  void wrong(std::string_view key, const std::string& message, std::string hint = {}) const;
  // The key's text, or null where it is absent or (reported) not a single value.
  [[nodiscard]] const std::string* text(std::string_view key, std::string_view expected) const;

  struct DurationRule {
    base::Duration min = base::kMillisecond;
    base::Duration max = 365 * 86'400 * base::kSecond;  // sums of instants and durations never wrap
    bool off = false;                                   // "off" and "none" give base::kOff
    bool whole_seconds = false;                         // what the kernel's interface counts in
    std::string_view off_means = "no limit";            // for the way out
  };
  void read(std::string_view key, base::Duration& value, const DurationRule& rule) const;
  // auto_word: the word "auto" gives 0.
  void read(std::string_view key, std::uint32_t& value, std::uint32_t min, std::uint32_t max,
            bool auto_word = false) const;
  void read_switch(std::string_view key, bool& value) const;  // on, off, true, false
  void read_percent(std::string_view key, std::uint32_t& value, std::uint32_t min) const;

  // choices: pairs of word and value.
  template <class Value, class Choices>
  void read_choice(std::string_view key, Value& value, const Choices& choices) const {
    std::string expected;
    for (const auto& choice : choices) {
      expected += (expected.empty() ? "" : ", ") + std::string(choice.first);
    }
    const std::string* given = text(key, expected);
    if (given == nullptr) return;
    for (const auto& choice : choices) {
      if (choice.first == *given) {
        value = choice.second;
        return;
      }
    }
    wrong(key, quoted(*given) + " is none of " + expected);
  }

 private:
  void check_key(const TreeNode& key) const;

  Report* report_;
  const TreeNode* node_;
  std::string path_;
  const KeyTable* keys_;
};

}  // namespace shunt::control
