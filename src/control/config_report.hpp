// What is wrong with a configuration, collected so that all of it is told at once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/config.hpp"
#include "src/control/config_tree.hpp"

namespace shunt::control {

// More errors than anyone reads at once; further ones are counted.
inline constexpr std::size_t kConfigErrorsMax = 100;

// A value in quotes as messages show it: control characters replaced (a file may hold what a
// terminal would obey), cut after 60 bytes.
[[nodiscard]] std::string quoted(std::string_view value);

// "a list", "a mapping", "nothing", or the text in quotes.
[[nodiscard]] std::string describe(const TreeNode& node);

// The word of `words` that `text` was probably meant to be (edit distance at most a third of its
// length, at least one), or empty.
[[nodiscard]] std::string_view nearest_word(std::string_view text,
                                            std::span<const std::string_view> words);

class Report {
 public:
  void add(const TreeNode& at, std::string message, std::string hint = {});
  void add(ConfigError error);
  [[nodiscard]] bool empty() const noexcept { return errors_.empty(); }
  // In the order of the file, each with the file's name.
  [[nodiscard]] std::vector<ConfigError> take(const std::string& file);

 private:
  std::vector<ConfigError> errors_;
  std::size_t left_out_ = 0;
};

}  // namespace shunt::control
