#include "src/control/config_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "src/control/config_report.hpp"

namespace shunt::control {
namespace {

// Ends yaml-cpp's parse from within its events; never leaves read_tree.
struct Abandon : std::exception {};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::vector<ConfigError>& errors)
      : source_(text), errors_(errors) {}

  // The document, where it was read to its end.
  [[nodiscard]] std::optional<TreeNode> take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      abandon(place(mark), "a second document begins here", "one file holds one configuration");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    TreeNode node = begin(mark, TreeNode::Kind::kNull);
    if (anchor == 0) place_null(node, mark);
    finish(Open(std::move(node), anchor));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    refuse_open_quote(mark);
    TreeNode node = begin(mark, TreeNode::Kind::kScalar);
    node.text = value;
    node.in_quotes = tag == "!";
    finish(Open(std::move(node), anchor));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    refuse_tag(mark, tag);
    open(Open(begin(mark, TreeNode::Kind::kSequence), anchor));
    stack_.back().dashes = style == YAML::EmitterStyle::Block;
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    refuse_tag(mark, tag);
    open(Open(begin(mark, TreeNode::Kind::kMapping), anchor));
  }
  void OnMapEnd() override { close(); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      abandon(place(mark), "an alias refers to the value that it is part of",
              "a value cannot contain itself");
    }
    spend(found->second.values, mark);
    if (stack_.size() + found->second.depth > kConfigDepthMax) too_deep(place(mark));
    finish(Open(found->second.node));
  }

 private:
  // A value that is being read; mappings keep the key that waits for its value.
  struct Open {
    explicit Open(TreeNode value, YAML::anchor_t name = 0) : node(std::move(value)), anchor(name) {}

    TreeNode node;
    YAML::anchor_t anchor;  // 0: none
    std::optional<TreeNode> key;
    bool dashes = false;                        // a list of lines that begin with them
    bool refused = false;                       // the key was: its value is dropped
    std::unordered_map<std::string, int> keys;  // with the lines where they are
  };
  struct Anchored {
    TreeNode node;
    std::size_t values = 0;
    std::size_t depth = 0;  // of mappings and lists
  };

  static TreeNode place(const YAML::Mark& mark) {
    TreeNode node;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void report(const TreeNode& at, std::string message, std::string hint) {
    if (errors_.size() < kConfigErrorsMax) {
      errors_.push_back({"", at.line, at.column, std::move(message), std::move(hint)});
    }
  }
  [[noreturn]] void abandon(const TreeNode& at, std::string message, std::string hint) {
    report(at, std::move(message), std::move(hint));
    throw Abandon();
  }

  [[noreturn]] void too_deep(const TreeNode& at) {
    abandon(at, "nested more than " + std::to_string(kConfigDepthMax) + " levels deep",
            "is this the right file? shunt's own keys need half of that");
  }

  // "?" and "!" are what yaml-cpp gives for plain and quoted values without a tag.
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    abandon(place(mark), "the tag " + quoted(tag) + " is not allowed", "write plain values");
  }

  // yaml-cpp takes the end of the file for a closing quote. `mark` may be at an anchor before it.
  void refuse_open_quote(const YAML::Mark& mark) {
    std::size_t at = mark.pos < 0 ? source_.size() : static_cast<std::size_t>(mark.pos);
    while (at < source_.size() && (source_[at] == '&' || source_[at] == '!')) {
      at = source_.find_first_not_of(" \r\n", source_.find_first_of(" \r\n", at));
    }
    if (at >= source_.size() || (source_[at] != '"' && source_[at] != '\'')) return;
    const char quote = source_[at];
    for (std::size_t i = at + 1; i < source_.size(); ++i) {
      if (quote == '"' && source_[i] == '\\') {
        ++i;
      } else if (source_[i] == quote) {
        const bool doubled = quote == '\'' && i + 1 < source_.size() && source_[i + 1] == quote;
        if (!doubled) return;
        ++i;
      }
    }
    abandon(place(mark), "the quote is never closed", "close it on the same line");
  }

  void spend(std::size_t values, const YAML::Mark& mark) {
    values_ += values;
    if (values_ > kConfigValuesMax) {
      abandon(
          place(mark),
          "more than " + std::to_string(kConfigValuesMax) + " values, with every use of an alias",
          "is this the right file? 4096 nodes need half of that");
    }
  }

  TreeNode begin(const YAML::Mark& mark, TreeNode::Kind kind) {
    spend(1, mark);
    TreeNode node = place(mark);
    node.kind = kind;
    return node;
  }

  // yaml-cpp marks what is not there with what comes after it: the next key, lines below.
  void place_null(TreeNode& node, const YAML::Mark& mark) const {
    if (stack_.empty()) return;
    const Open& parent = stack_.back();
    if (parent.key) {
      node.line = parent.key->line;
      node.column = parent.key->column;
    } else if (parent.dashes) {
      place_at_dash(node, mark);
    }
  }

  // Between an item's dash and the next token are blanks and comments only.
  void place_at_dash(TreeNode& node, const YAML::Mark& mark) const {
    std::string_view before = source_.substr(
        0, std::min(source_.size(), static_cast<std::size_t>(std::max(mark.pos, 0))));
    for (int line = mark.line + 1; line > 0; --line) {
      const std::size_t start = before.rfind('\n') + 1;  // npos + 1: 0
      std::string_view text = before.substr(start);
      text = text.substr(0, text.find('#'));
      const std::size_t last = text.find_last_not_of(" \t\r");
      if (last != std::string_view::npos) {
        if (text[last] != '-') return;
        node.line = line;
        node.column = static_cast<int>(last) + 1;
        return;
      }
      if (start == 0) return;
      before.remove_suffix(before.size() - start + 1);
    }
  }

  void open(Open value) {
    if (stack_.size() >= kConfigDepthMax) too_deep(value.node);
    stack_.push_back(std::move(value));
  }

  void close() {
    Open value = std::move(stack_.back());
    stack_.pop_back();
    finish(std::move(value));
  }

  static std::size_t count(const TreeNode& node) {
    std::size_t values = 1;
    for (const TreeNode& item : node.items) values += count(item);
    for (const TreeEntry& entry : node.entries) values += count(entry.key) + count(entry.value);
    return values;
  }
  static std::size_t depth(const TreeNode& node) {
    std::size_t deepest = 0;
    for (const TreeNode& item : node.items) deepest = std::max(deepest, depth(item));
    for (const TreeEntry& entry : node.entries) deepest = std::max(deepest, depth(entry.value));
    const bool nests =
        node.kind == TreeNode::Kind::kSequence || node.kind == TreeNode::Kind::kMapping;
    return deepest + (nests ? 1 : 0);
  }

  // A value is complete: it becomes the root, an item, a key, or the value of the key before it.
  void finish(Open value) {
    if (value.anchor != 0) {
      // The copy that is kept counts like a use, so that nested anchors cannot multiply.
      const std::size_t values = count(value.node);
      values_ += values;
      anchors_.insert_or_assign(value.anchor, Anchored{value.node, values, depth(value.node)});
    }
    if (stack_.empty()) {
      root_ = std::move(value.node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.kind == TreeNode::Kind::kSequence) {
      parent.node.items.push_back(std::move(value.node));
    } else if (!parent.key) {
      take_key(parent, std::move(value.node));
    } else {
      if (!parent.refused) {
        parent.node.entries.push_back({std::move(*parent.key), std::move(value.node)});
      }
      parent.key.reset();
    }
  }

  // One that is refused is told, and the rest of the file is read all the same: what is wrong there
  // is told with it. yaml-cpp takes duplicate keys silently; which of the two it would give is not
  // defined.
  void take_key(Open& mapping, TreeNode key) {
    mapping.refused = true;
    if (key.kind != TreeNode::Kind::kScalar) {
      report(key, "a key is not a word", "write KEY: VALUE");
    } else if (key.text == "<<") {
      report(key, "the merge key '<<' is not supported", "write the keys out");
    } else if (const auto [first, fresh] = mapping.keys.emplace(key.text, key.line); fresh) {
      mapping.refused = false;
    } else {
      report(key,
             "the key " + quoted(key.text) + " is there twice, first in line " +
                 std::to_string(first->second),
             "keep one of them");
    }
    mapping.key = std::move(key);
  }

  std::string_view source_;
  std::vector<ConfigError>& errors_;
  std::optional<TreeNode> root_;
  std::vector<Open> stack_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  std::size_t values_ = 0;
  int documents_ = 0;
};

}  // namespace

std::optional<TreeNode> read_tree(std::string_view text, std::vector<ConfigError>& errors) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // so that marks count from its end
  TreeBuilder builder(text, errors);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      errors.push_back(
          {"", 0, 0, "the file is empty", "the smallest configuration is in config/shunt.yaml"});
      return std::nullopt;
    }
    parser.HandleNextDocument(builder);  // reports a second document
  } catch (const Abandon&) {
    // Reported where it was thrown.
  } catch (const YAML::Exception& error) {
    const bool known = error.mark.line >= 0;
    errors.push_back(
        {"", known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0,
         "not valid YAML: " + error.msg,
         "look at the indentation here and above; quote values that hold ': ' or ' #'"});
  } catch (const std::exception& error) {
    errors.push_back({"", 0, 0, std::string("not valid YAML: ") + error.what(), ""});
  }
  return builder.take_root();
}

}  // namespace shunt::control
