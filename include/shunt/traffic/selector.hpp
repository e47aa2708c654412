// Selector: a query over labels, in the syntax that kubectl users know.
//
//   color=blue          the label is there and has this value (== too)
//   zone!=a             it has another value, or the node has no such label
//   type in (a,b)       the label is there and has one of these values
//   type notin (a,b)    it has none of these values, or the node has no such label
//   gpu   !gpu          the label is there, is not there
//
// Requirements are joined by commas; all must hold. "in" and "notin" are words only behind a key.
// An empty selector is an error: a forgotten argument must not mean every node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/result.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::traffic {

enum class SelectorMatch : std::uint8_t {
  kNo,
  kYes,
  // It holds, but a "!=" or "notin" of it only because the node has no such label.
  kYesWithoutLabel,
};

// What a selector found. The answer to a command says how many matched without the label, because
// `zone!=a` is often written by people who think that every node has a zone.
struct Selection {
  std::vector<const Node*> nodes;   // in the order given; borrowed from the argument of select()
  std::uint32_t without_label = 0;  // of them, matched as kYesWithoutLabel
};

class Selector {
 public:
  // Error of kInvalid: "selector, column 7: ..." (columns count bytes from 1), hint with the
  // syntax.
  [[nodiscard]] static base::Result<Selector> parse(std::string_view text);

  [[nodiscard]] SelectorMatch match(const Labels& labels) const noexcept;
  [[nodiscard]] Selection select(const std::vector<Node>& nodes) const;
  // The canonical form, which parse takes back: "color=blue,type in (a,b)".
  [[nodiscard]] std::string to_string() const;

 private:
  enum class Operator : std::uint8_t { kIn, kNotIn, kExists, kNotExists };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;  // sorted; one for = and !=, none for the existence tests
  };
  class Parser;

  [[nodiscard]] static SelectorMatch match(const Requirement& requirement,
                                           const Labels& labels) noexcept;

  std::vector<Requirement> requirements_;
};

}  // namespace shunt::traffic
