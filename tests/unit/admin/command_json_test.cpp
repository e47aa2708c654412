#include "src/admin/command_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace shunt::admin {
namespace {

using control::Verb;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> faults(Verb verb, std::string_view body) {
  std::vector<std::string> texts;
  for (const auto& fault : parse_command(verb, body).faults) {
    texts.push_back(fault.gate + ": " + fault.message);
  }
  return texts;
}

TEST(CommandJson, ReadsEveryFieldOfASwitch) {
  const auto [command, none] =
      parse_command(Verb::kSwitch, R"({"to": "green", "skip": ["min_healthy"],
      "force": true, "close_over_ns": 30000000000, "dry_run": true, "not_durable": true, "reason": "v2"})");
  ASSERT_THAT(none, SizeIs(0));
  EXPECT_EQ(command.verb, Verb::kSwitch);
  EXPECT_EQ(command.pool, "green");
  EXPECT_THAT(command.skip, ElementsAre("min_healthy"));
  EXPECT_TRUE(command.force && command.dry_run && command.not_durable);
  EXPECT_EQ(command.close_over, 30 * base::kSecond);
  EXPECT_EQ(command.reason, "v2");
}

TEST(CommandJson, ReadsAnAbsentBodyAsAnEmptyObject) {
  EXPECT_THAT(faults(Verb::kRollback, ""), SizeIs(0));
  EXPECT_THAT(faults(Verb::kRollback, "{}"), SizeIs(0));
  EXPECT_THAT(faults(Verb::kSwitch, ""), ElementsAre("to: is required: a string"));
}

TEST(CommandJson, ReadsAdminStatesOfNodes) {
  const auto [command, none] = parse_command(
      Verb::kAdmin, R"({"nodes": ["node1", "node2"], "admin": "drain", "deadline_ns": 0})");
  ASSERT_THAT(none, SizeIs(0));
  EXPECT_THAT(command.nodes, ElementsAre("node1", "node2"));
  EXPECT_EQ(command.admin, traffic::AdminState::kDrain);
  EXPECT_EQ(command.deadline, base::Duration{0});
  EXPECT_FALSE(command.no_deadline);
  EXPECT_FALSE(command.close_over);
  const auto [without, fine] =
      parse_command(Verb::kAdmin, R"({"nodes": ["node1"], "admin": "drain", "deadline_ns": null})");
  ASSERT_THAT(fine, SizeIs(0));
  EXPECT_TRUE(without.no_deadline);
  EXPECT_FALSE(without.deadline);
}

TEST(CommandJson, ReadsWhichClosingToCancel) {
  EXPECT_TRUE(parse_command(Verb::kClose, R"({"pool": "b", "cancel": true})").command.cancel);
  EXPECT_THAT(faults(Verb::kClose, R"({"pool": "b", "cancel": true, "over_ns": 1})"),
              ElementsAre("cancel: ends a closing, so it does not go with over_ns"));
}

TEST(CommandJson, ATrialHasATimeAndAConfirmMayNameAPool) {
  EXPECT_EQ(
      parse_command(Verb::kSwitch, R"({"to": "g", "confirm_within_ns": 7})").command.confirm_within,
      7U);
  EXPECT_EQ(
      parse_command(Verb::kSwitch, R"({"to": "g", "confirm_within_ns": 0})").command.confirm_within,
      0U);
  EXPECT_EQ(parse_command(Verb::kSwitch, R"({"to": "g"})").command.confirm_within, std::nullopt);
  EXPECT_EQ(parse_command(Verb::kConfirm, R"({"pool": "green#12"})").command.pool, "green#12");
  EXPECT_THAT(faults(Verb::kConfirm, R"({"force": true})"), SizeIs(1));
  EXPECT_TRUE(parse_command(Verb::kAbort, R"({"force": true})").command.force);
}

TEST(CommandJson, ASplitHasAShareTermsOrAnEnd) {
  const auto split = parse_command(Verb::kSplit, R"({"pool": "g", "share": "0.5%", "sticky": true,
                                                     "sources": ["10.0.0.0/8", "::1"]})")
                         .command;
  EXPECT_EQ(split.pool, "g");
  EXPECT_EQ(split.share, 5'000U);
  EXPECT_EQ(split.sticky, true);
  ASSERT_TRUE(split.sources);
  EXPECT_THAT(*split.sources, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_TRUE(parse_command(Verb::kSplit, R"({"off": true})").command.undo);
  const auto without =
      parse_command(Verb::kSplit, R"({"pool": "g", "sticky": false, "sources": []})").command;
  EXPECT_EQ(without.share, std::nullopt);
  EXPECT_EQ(without.sticky, false);
  ASSERT_TRUE(without.sources);
  EXPECT_TRUE(without.sources->empty());
  EXPECT_THAT(faults(Verb::kSplit, R"({"pool": "g", "share": 5})"),
              ElementsAre("share: expected a share like \"5%\", got a number"));
  EXPECT_THAT(faults(Verb::kSplit, R"({"pool": "g", "share": "5"})"), SizeIs(1));
}

TEST(CommandJson, PrepareAndRetireNameTheirPool) {
  const auto prepare =
      parse_command(
          Verb::kPrepare,
          R"({"pool": "green", "version": "1.3.0", "skip": ["empty"], "close_over_ns": 5})")
          .command;
  EXPECT_EQ(prepare.pool, "green");
  EXPECT_EQ(prepare.version, "1.3.0");
  EXPECT_THAT(prepare.skip, ElementsAre("empty"));
  EXPECT_EQ(prepare.close_over, 5U);
  EXPECT_TRUE(parse_command(Verb::kRetire, R"({"pool": "b", "undo": true})").command.undo);
  EXPECT_THAT(faults(Verb::kPrepare, "{}"), ElementsAre("pool: is required: a string"));
  EXPECT_THAT(
      faults(Verb::kPrepare, R"({"pool": "g", "version": ")" + std::string(64, '1') + R"("})"),
      ElementsAre("version: longer than 63 bytes"));
  EXPECT_THAT(faults(Verb::kPrepare, R"({"pool": "g", "version": "1 #3"})"), SizeIs(1));
  EXPECT_THAT(faults(Verb::kRetire, "{}"), ElementsAre("pool: is required: a string"));
  EXPECT_THAT(faults(Verb::kRetire, R"({"pool": "b", "undo": true, "close_over_ns": 1})"),
              ElementsAre("undo: closes nothing, so it does not go with close_over_ns"));
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "g", "version": "1"})"), SizeIs(1));
}

TEST(CommandJson, ReadsWhatToClose) {
  EXPECT_EQ(parse_command(Verb::kClose, R"({"pool": "blue", "over_ns": 5})").command.close_over,
            5U);
  EXPECT_THAT(parse_command(Verb::kClose, R"({"node": "n"})").command.nodes, ElementsAre("n"));
  const auto by_id = parse_command(Verb::kClose, R"({"connection": 18446744073709551615})");
  EXPECT_THAT(by_id.faults, SizeIs(0));
  EXPECT_EQ(by_id.command.connection, UINT64_MAX);
}

TEST(CommandJson, TellsEveryFaultAtOnce) {
  EXPECT_THAT(
      faults(
          Verb::kSwitch,
          R"({"too": "green", "force": "yes", "close_over_ns": -1, "skip": "min_healthy", "reason": 7})"),
      ElementsAre(HasSubstr("too: unknown field; known here: to, skip, force, close_over_ns"),
                  "force: expected true or false, got a string",
                  HasSubstr("close_over_ns: expected a whole number of nanoseconds"),
                  "skip: expected a list of strings, got a string",
                  "reason: expected a string, got a number", "to: is required: a string"));
}

TEST(CommandJson, KnowsOnlyTheFieldsOfItsVerb) {
  EXPECT_THAT(faults(Verb::kRollback, R"({"skip": ["min_healthy"]})"),
              ElementsAre(HasSubstr("skip: unknown field")));
  EXPECT_THAT(faults(Verb::kClose, R"({"pool": "blue", "force": true})"),
              ElementsAre(HasSubstr("force: unknown field")));
}

TEST(CommandJson, RefusesDuplicateKeys) {
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "green", "to": "blue"})"),
              ElementsAre("to: given twice"));
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "green", "\u0074o": "blue"})"),
              ElementsAre("to: given twice"));
}

TEST(CommandJson, RefusesWhatIsNoJsonObject) {
  for (const char* body : {"[]", "\"green\"", "1", "null", "true"}) {
    EXPECT_THAT(faults(Verb::kSwitch, body)[0], HasSubstr("body: expected a JSON object")) << body;
  }
  for (const char* body :
       {"{", "{\"to\": \"green\"", "{\"to\": }", "{'to': 'green'}", "{\"to\": \"g\",}", " ", "\xFF",
        "{\"to\": \"\xC3\x28\"}", "{\"to\": NaN}", "{/**/}"}) {
    EXPECT_THAT(faults(Verb::kSwitch, body).back(), HasSubstr("body: not valid JSON")) << body;
  }
}

TEST(CommandJson, RefusesTrailingGarbage) {
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "green"} x)"),
              ElementsAre("body: more bytes after the JSON object, from byte 16"));
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "green"}{"to": "green"})"), SizeIs(1));
  EXPECT_THAT(faults(Verb::kSwitch, "{\"to\": \"green\"} \r\n\t"), SizeIs(0));
}

TEST(CommandJson, RefusesDeepNesting) {
  std::string body = "{\"to\": ";
  for (int i = 0; i < 10'000; ++i) body += "[";
  EXPECT_THAT(faults(Verb::kSwitch, body).back(), HasSubstr("body: not valid JSON"));
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": {"to": "green"}})"),
              ElementsAre("to: expected a string, got an object"));
  EXPECT_THAT(faults(Verb::kAdmin, R"({"nodes": [["a"]], "admin": "ready"})"),
              ElementsAre("nodes: expected a list of strings, got a list"));
  EXPECT_THAT(faults(Verb::kAdmin, R"({"nodes": ["a", {"nodes": ["b"]}], "admin": "ready"})"),
              ElementsAre("nodes: expected a list of strings, got an object"));
}

TEST(CommandJson, RefusesNumbersOutOfRange) {
  for (const char* number : {"-1", "1.0", "1e9", "31622400000000001", "18446744073709551615",
                             "18446744073709551616", "1e999", "-0.0"}) {
    const std::string body = R"({"close_over_ns": )" + std::string(number) + "}";
    EXPECT_THAT(faults(Verb::kRollback, body),
                ElementsAre(HasSubstr("close_over_ns: expected a whole number of nanoseconds")))
        << number;
  }
  EXPECT_THAT(faults(Verb::kRollback, R"({"close_over_ns": 31622400000000000})"), SizeIs(0));
  EXPECT_THAT(faults(Verb::kClose, R"({"connection": 0})"),
              ElementsAre(HasSubstr("connection: expected a connection id")));
}

TEST(CommandJson, RefusesNamesThatCouldForgeLogs) {
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "", "reason": "a\nb"})"),
              ElementsAre("to: must not be empty", "reason: must not hold control characters"));
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": "\u001b[2J"})"),
              ElementsAre("to: must not hold control characters"));
  EXPECT_THAT(faults(Verb::kSwitch, R"({"to": ")" + std::string(254, 'g') + R"("})"),
              ElementsAre("to: longer than 253 bytes"));
  EXPECT_THAT(
      faults(Verb::kSwitch, R"({"to": "g", "reason": ")" + std::string(1025, 'r') + R"("})"),
      ElementsAre("reason: longer than 1024 bytes"));
}

TEST(CommandJson, ChecksWhatBelongsTogether) {
  EXPECT_THAT(faults(Verb::kAdmin, "{}"),
              ElementsAre(HasSubstr("nodes: is required"), HasSubstr("admin: is required")));
  EXPECT_THAT(faults(Verb::kAdmin, R"({"nodes": [], "admin": "ready"})"),
              ElementsAre("nodes: must not be empty"));
  EXPECT_THAT(faults(Verb::kAdmin, R"({"nodes": ["a"], "admin": "down"})"),
              ElementsAre(R"(admin: expected "ready", "drain" or "maint", got "down")"));
  EXPECT_THAT(faults(Verb::kAdmin, R"({"nodes": ["a"], "admin": "maint", "deadline_ns": null})"),
              ElementsAre(HasSubstr("deadline_ns: only goes with")));
  EXPECT_THAT(faults(Verb::kAdmin, R"({"nodes": ["a"], "admin": "maint", "deadline_ns": 1})"),
              ElementsAre(HasSubstr("deadline_ns: only goes with")));
  EXPECT_THAT(faults(Verb::kClose, "{}"),
              ElementsAre(HasSubstr("exactly one of pool, node and connection")));
  EXPECT_THAT(faults(Verb::kClose, R"({"pool": "blue", "node": "a"})"),
              ElementsAre(HasSubstr("exactly one of")));
}

TEST(CommandJson, BoundsTheNumberOfFaults) {
  std::string body = "{";
  for (int i = 0; i < 1000; ++i) body += "\"x" + std::to_string(i) + "\": 1,";
  body += "\"to\": \"green\"}";
  EXPECT_THAT(faults(Verb::kSwitch, body), SizeIs(32));
}

}  // namespace
}  // namespace shunt::admin
