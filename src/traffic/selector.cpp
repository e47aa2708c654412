#include "shunt/traffic/selector.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace shunt::traffic {
namespace {

constexpr std::string_view kSyntax =
    "requirements joined by commas: color=blue, zone!=a, type in (x,y), type notin (x,y), gpu, "
    "!gpu";

// What keys and values are made of; everything else separates or is an error.
bool is_word_character(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ||
         c == '/' || c == ':' || c == '@' || c == '+';
}

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

}  // namespace

// Recursive descent over the text. A method that fails sets error_ and returns false.
class Selector::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  base::Result<Selector> run() {
    Selector selector;
    do {
      Requirement requirement;
      if (!parse_requirement(requirement)) return fail();
      selector.requirements_.push_back(std::move(requirement));
    } while (accept(','));
    skip_blanks();
    if (at_ < text_.size()) {
      expected("\",\" or the end");
      return fail();
    }
    return selector;
  }

 private:
  bool parse_requirement(Requirement& requirement) {
    if (accept('!')) {
      requirement.op = Operator::kNotExists;
      return parse_word("a label's name behind \"!\"", requirement.key);
    }
    if (!parse_word("a label's name", requirement.key)) return false;
    if (accept('!')) {
      if (at_ >= text_.size() || text_[at_] != '=') return expected("\"=\" behind \"!\"");
      ++at_;
      requirement.op = Operator::kNotIn;
      return parse_single_value(requirement);
    }
    if (accept('=')) {
      if (at_ < text_.size() && text_[at_] == '=') ++at_;
      requirement.op = Operator::kIn;
      return parse_single_value(requirement);
    }
    return parse_set_or_existence(requirement);
  }

  // Behind a key: "in (...)", "notin (...)", or nothing.
  bool parse_set_or_existence(Requirement& requirement) {
    skip_blanks();
    const std::size_t start = at_;
    const std::string_view word = take_word();
    if (word.empty()) {
      requirement.op = Operator::kExists;
      return true;
    }
    if (word != "in" && word != "notin") {
      at_ = start;
      return expected("\"=\", \"!=\", \"in (\", \"notin (\", \",\" or the end");
    }
    requirement.op = word == "in" ? Operator::kIn : Operator::kNotIn;
    if (!accept('(')) return expected("\"(\" behind \"" + std::string(word) + "\"");
    do {
      std::string value;
      if (!parse_word("a value", value)) return false;
      requirement.values.push_back(std::move(value));
    } while (accept(','));
    if (!accept(')')) return expected("\",\" or \")\"");
    std::sort(requirement.values.begin(), requirement.values.end());
    const auto last = std::unique(requirement.values.begin(), requirement.values.end());
    requirement.values.erase(last, requirement.values.end());
    return true;
  }

  bool parse_single_value(Requirement& requirement) {
    std::string value;
    if (!parse_word("a value", value)) return false;
    requirement.values.push_back(std::move(value));
    return true;
  }

  bool parse_word(std::string_view what, std::string& word) {
    skip_blanks();
    word = take_word();
    return word.empty() ? expected(what) : true;
  }

  std::string_view take_word() noexcept {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word_character(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  void skip_blanks() noexcept {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  bool accept(char c) noexcept {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool expected(std::string_view what) {
    skip_blanks();
    error_ = "selector, column " + std::to_string(at_ + 1) + ": expected ";
    error_ += what;
    error_ += at_ < text_.size() ? ", found \"" + std::string(1, text_[at_]) + "\""
                                 : std::string(", found the end");
    return false;
  }

  [[nodiscard]] tl::unexpected<base::Error> fail() const {
    return base::fail(base::ErrorCode::kInvalid, error_, std::string(kSyntax));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

base::Result<Selector> Selector::parse(std::string_view text) {
  return Parser(text).run();
}

SelectorMatch Selector::match(const Requirement& requirement, const Labels& labels) noexcept {
  const auto yes_if = [](bool holds) { return holds ? SelectorMatch::kYes : SelectorMatch::kNo; };
  const auto label = labels.find(requirement.key);
  const bool exists = label != labels.end();
  const auto& values = requirement.values;
  const bool listed =
      exists && std::find(values.begin(), values.end(), label->second) != values.end();
  switch (requirement.op) {
    case Operator::kIn:
      return yes_if(listed);
    case Operator::kNotIn:
      return exists ? yes_if(!listed) : SelectorMatch::kYesWithoutLabel;
    case Operator::kExists:
      return yes_if(exists);
    case Operator::kNotExists:
      return yes_if(!exists);
  }
  return SelectorMatch::kNo;
}

SelectorMatch Selector::match(const Labels& labels) const noexcept {
  SelectorMatch result = SelectorMatch::kYes;
  for (const Requirement& requirement : requirements_) {
    const SelectorMatch one = match(requirement, labels);
    if (one == SelectorMatch::kNo) return SelectorMatch::kNo;
    if (one == SelectorMatch::kYesWithoutLabel) result = one;
  }
  return result;
}

Selection Selector::select(const std::vector<Node>& nodes) const {
  Selection selection;
  for (const Node& node : nodes) {
    const SelectorMatch result = match(node.labels);
    if (result == SelectorMatch::kNo) continue;
    selection.nodes.push_back(&node);
    selection.without_label += result == SelectorMatch::kYesWithoutLabel ? 1 : 0;
  }
  return selection;
}

std::string Selector::to_string() const {
  std::string text;
  for (const Requirement& requirement : requirements_) {
    if (!text.empty()) text += ',';
    const bool single = requirement.values.size() == 1;
    switch (requirement.op) {
      case Operator::kExists:
        text += requirement.key;
        continue;
      case Operator::kNotExists:
        text += '!' + requirement.key;
        continue;
      case Operator::kIn:
        text += requirement.key + (single ? "=" : " in (");
        break;
      case Operator::kNotIn:
        text += requirement.key + (single ? "!=" : " notin (");
        break;
    }
    for (std::size_t i = 0; i < requirement.values.size(); ++i) {
      if (i != 0) text += ',';
      text += requirement.values[i];
    }
    if (!single) text += ')';
  }
  return text;
}

}  // namespace shunt::traffic
