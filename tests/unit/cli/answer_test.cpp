// Something that listens on the socket, speaks HTTP and is no shunt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/json.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ForeignAnswer, OfAnyObjectIsNotTakenForGoodNews) {
  for (const char* body :
       {"{}", R"({"ok": true})", R"({"apps": {}, "drift": 1, "pools": "none"})"}) {
    ScriptedDaemon daemon(in_turn({http(200, body)}));
    for (const char* line : {"status", "status --app web --json", "events", "events --app web",
                             "connections", "diff", "diff --json", "wait drained blue"}) {
      const Ran ran = run_at(daemon, line);
      EXPECT_EQ(ran.code, 1) << line << body;
      EXPECT_THAT(ran.out + ran.err, HasSubstr("the answer is not understood: /v1/")) << line;
    }
  }
}

TEST(ForeignAnswer, NamesWhatWasExpected) {
  ScriptedDaemon daemon(in_turn({http(200, R"({"apps": {}})")}));
  const Ran ran = run_at(daemon, "status");
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err,
              StartsWith("the answer is not understood: /v1/status: it has no 'process' "
                         "(object), no 'apps' (array)\nis it a shunt that listens there?"));
  const Ran as_json = run_at(daemon, "status --json");
  EXPECT_EQ(as_json.code, 1);
  const auto problem = parse_object(as_json.out);
  ASSERT_TRUE(problem);
  EXPECT_EQ(raw_at(*problem, "kind"), "not_understood");
}

TEST(ForeignAnswer, ToACommandLeavesTheOutcomeOpen) {
  for (const int status : {200, 404, 500}) {
    ScriptedDaemon daemon(in_turn({http(status, "{}")}));
    for (const char* line : {"switch green", "rollback --json", "drain n1", "close --node n1"}) {
      const Ran ran = run_at(daemon, line);
      EXPECT_EQ(ran.code, 7) << status << line;
      EXPECT_THAT(ran.out + ran.err, HasSubstr("the answer is not understood")) << line;
    }
    EXPECT_EQ(run_at(daemon, "switch green --dry-run").code, 1) << status;
  }
}

TEST(ForeignAnswer, IsNoStreamOfEvents) {
  ScriptedDaemon daemon(in_turn({http(200, "{}")}));
  const Ran ran = run_at(daemon, "events --follow --timeout 60s");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("/v1/events: it is no stream of events\n"));
}

TEST(ForeignAnswer, IsAskedAgainWhileWaiting) {
  ScriptedDaemon daemon(
      in_turn({http(200, answers::app(5)), http(200, "{}"), http(200, answers::app(0))}));
  EXPECT_EQ(run_at(daemon, "wait drained blue --timeout 30s").code, 0);
}

}  // namespace
}  // namespace shunt::cli
