// The document tree of a YAML text: what the configuration reader walks. Built from yaml-cpp's
// events rather than its nodes, because only events keep duplicate keys and the place of
// everything.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/config.hpp"

namespace shunt::control {

struct TreeEntry;

struct TreeNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  int line = 0;                    // from 1; of kNull in a mapping those of its key
  int column = 0;                  // from 1
  std::string text;                // kScalar
  bool in_quotes = false;          // kScalar: in YAML text, whatever it looks like
  std::vector<TreeNode> items;     // kSequence
  std::vector<TreeEntry> entries;  // kMapping, in the order of the file; keys are unique
};

struct TreeEntry {
  TreeNode key;  // kScalar
  TreeNode value;
};

// Bounds on what is read: far above any real configuration, low enough that no file can make the
// parser use much memory (aliases are copied, so each use of one counts) or a deep stack.
inline constexpr std::size_t kConfigBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kConfigValuesMax = 200'000;
inline constexpr std::size_t kConfigDepthMax = 20;

// Why the text cannot be a configuration: bad UTF-8, control characters, tabs as indentation.
// Looked for before yaml-cpp sees the text, which takes such bytes for something else.
[[nodiscard]] std::optional<ConfigError> find_bad_text(std::string_view text);

// Reads the only document of `text`; what is wrong goes to `errors` (file not filled in). Stops at
// the first error of syntax, and then gives no root; after keys that are refused (one that is
// there twice, where the first counts, the merge key, one that is no word) and before a second
// document there is one, so that the errors in it can be told too.
[[nodiscard]] std::optional<TreeNode> read_tree(std::string_view text,
                                                std::vector<ConfigError>& errors);

}  // namespace shunt::control
