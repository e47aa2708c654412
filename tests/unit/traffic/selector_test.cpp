#include "shunt/traffic/selector.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/traffic/fixture.hpp"

namespace shunt::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SelectorMatch match(std::string_view text, const Labels& labels) {
  const auto selector = Selector::parse(text);
  EXPECT_TRUE(selector.has_value()) << text << ": " << selector.error().message;
  return selector.has_value() ? selector->match(labels) : SelectorMatch::kNo;
}

std::string error_of(std::string_view text) {
  const auto selector = Selector::parse(text);
  return selector.has_value() ? "accepted as " + selector->to_string() : selector.error().message;
}

TEST(Selector, EqualityNeedsTheLabelWithThatValue) {
  EXPECT_EQ(match("color=blue", {{"color", "blue"}}), SelectorMatch::kYes);
  EXPECT_EQ(match("color==blue", {{"color", "blue"}}), SelectorMatch::kYes);
  EXPECT_EQ(match("color=blue", {{"color", "green"}}), SelectorMatch::kNo);
  EXPECT_EQ(match("color=blue", {}), SelectorMatch::kNo);
}

TEST(Selector, InequalityAlsoMatchesNodesWithoutTheLabelAndSaysSo) {
  EXPECT_EQ(match("zone!=a", {{"zone", "b"}}), SelectorMatch::kYes);
  EXPECT_EQ(match("zone!=a", {{"zone", "a"}}), SelectorMatch::kNo);
  EXPECT_EQ(match("zone!=a", {}), SelectorMatch::kYesWithoutLabel);
}

TEST(Selector, InNeedsOneOfTheValues) {
  EXPECT_EQ(match("type in (infra,router)", {{"type", "router"}}), SelectorMatch::kYes);
  EXPECT_EQ(match("type in (infra,router)", {{"type", "web"}}), SelectorMatch::kNo);
  EXPECT_EQ(match("type in (infra,router)", {}), SelectorMatch::kNo);
}

TEST(Selector, NotInAlsoMatchesNodesWithoutTheLabelAndSaysSo) {
  EXPECT_EQ(match("type notin (infra,router)", {{"type", "web"}}), SelectorMatch::kYes);
  EXPECT_EQ(match("type notin (infra,router)", {{"type", "infra"}}), SelectorMatch::kNo);
  EXPECT_EQ(match("type notin (infra,router)", {}), SelectorMatch::kYesWithoutLabel);
}

TEST(Selector, ExistenceAsksForTheLabelAlone) {
  EXPECT_EQ(match("gpu", {{"gpu", ""}}), SelectorMatch::kYes);
  EXPECT_EQ(match("gpu", {}), SelectorMatch::kNo);
  EXPECT_EQ(match("!gpu", {{"gpu", "a100"}}), SelectorMatch::kNo);
  EXPECT_EQ(match("!gpu", {}), SelectorMatch::kYes) << "asked for outright: nothing to warn of";
}

TEST(Selector, AllRequirementsMustHold) {
  const std::string_view text = "color=blue,zone!=a";
  EXPECT_EQ(match(text, {{"color", "blue"}, {"zone", "b"}}), SelectorMatch::kYes);
  EXPECT_EQ(match(text, {{"color", "blue"}}), SelectorMatch::kYesWithoutLabel);
  EXPECT_EQ(match(text, {{"color", "green"}}), SelectorMatch::kNo);
  EXPECT_EQ(match(text, {{"color", "blue"}, {"zone", "a"}}), SelectorMatch::kNo);
}

TEST(Selector, BlanksDoNotMatterAndInIsALabelToo) {
  EXPECT_EQ(Selector::parse("  a = b ,type  in( y , x,y ) , ! gpu ")->to_string(),
            "a=b,type in (x,y),!gpu");
  EXPECT_EQ(Selector::parse("in in (in)")->to_string(), "in=in");
  EXPECT_EQ(Selector::parse("in,notin=in")->to_string(), "in,notin=in");
  EXPECT_EQ(Selector::parse("topology.kubernetes.io/zone!=eu-1_a")->to_string(),
            "topology.kubernetes.io/zone!=eu-1_a");
}

TEST(Selector, CanonicalFormParsesBackToItself) {
  for (const std::string text : {"color=blue", "zone!=a", "type in (infra,router)",
                                 "type notin (a,b,c)", "gpu", "!gpu", "a=b,c!=d,e,!f"}) {
    EXPECT_EQ(Selector::parse(text)->to_string(), text);
  }
}

TEST(Selector, CountsTheNodesThatMatchWithoutTheLabel) {
  const std::vector<Node> nodes{make_node(0, 1, {{"zone", "a"}}), make_node(1, 1, {{"zone", "b"}}),
                                make_node(2), make_node(3)};
  const Selection selection = Selector::parse("zone!=a")->select(nodes);
  EXPECT_THAT(selection.nodes, ElementsAre(&nodes[1], &nodes[2], &nodes[3]));
  EXPECT_EQ(selection.without_label, 2U);
}

TEST(Selector, ErrorsNameTheColumnAndWhatWasExpected) {
  EXPECT_EQ(error_of(""), "selector, column 1: expected a label's name, found the end");
  EXPECT_EQ(error_of("   "), "selector, column 4: expected a label's name, found the end");
  EXPECT_EQ(error_of("a=b,"), "selector, column 5: expected a label's name, found the end");
  EXPECT_EQ(error_of("a=b,,c"), "selector, column 5: expected a label's name, found \",\"");
  EXPECT_EQ(error_of("color="), "selector, column 7: expected a value, found the end");
  EXPECT_EQ(error_of("color=,x"), "selector, column 7: expected a value, found \",\"");
  EXPECT_EQ(error_of("=blue"), "selector, column 1: expected a label's name, found \"=\"");
  EXPECT_EQ(error_of("!"),
            "selector, column 2: expected a label's name behind \"!\", found the end");
  EXPECT_EQ(error_of("a!b"), "selector, column 3: expected \"=\" behind \"!\", found \"b\"");
  EXPECT_EQ(error_of("type in x"), "selector, column 9: expected \"(\" behind \"in\", found \"x\"");
  EXPECT_EQ(error_of("type in ()"), "selector, column 10: expected a value, found \")\"");
  EXPECT_EQ(error_of("type in (a"), "selector, column 11: expected \",\" or \")\", found the end");
  EXPECT_EQ(error_of("type in (a b)"), "selector, column 12: expected \",\" or \")\", found \"b\"");
  EXPECT_EQ(error_of("a=b c"), "selector, column 5: expected \",\" or the end, found \"c\"");
  EXPECT_EQ(error_of("a=b)"), "selector, column 4: expected \",\" or the end, found \")\"");
  EXPECT_THAT(error_of("zone is a"), HasSubstr("column 6: expected \"=\", \"!=\", \"in (\""));
  EXPECT_THAT(error_of("zone>5"), HasSubstr("column 5: expected \",\" or the end, found \">\""));
}

TEST(Selector, ErrorsCarryTheSyntaxAsAHint) {
  const auto selector = Selector::parse("a b");
  ASSERT_FALSE(selector.has_value());
  EXPECT_EQ(selector.error().code, base::ErrorCode::kInvalid);
  EXPECT_THAT(selector.error().hint, HasSubstr("color=blue, zone!=a"));
}

}  // namespace
}  // namespace shunt::traffic
