// Standard output that takes nothing: /dev/full fails every write with ENOSPC (full(4)).
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Ran run_into_full(const ScriptedDaemon& daemon, const std::string& line) {
  std::ofstream full("/dev/full");
  RunOptions options;
  options.out = &full;
  return run_at(daemon, line, options);
}

std::optional<std::string> answer(const SeenRequest& request) {
  if (request.method == "POST") return http(200, answers::switched);
  if (request.target == "/v1/status") return http(200, answers::snapshot(answers::app(0)));
  if (request.target.starts_with("/v1/events")) return http(200, R"({"events": []})");
  if (request.target.find("/connections") != std::string::npos) {
    return http(200, R"({"matched": 0, "connections": []})");
  }
  if (request.target.ends_with("/diff")) return http(200, R"({"app": "web", "drift": []})");
  return http(200, answers::app(0));
}

TEST(FullOutput, IsToldByEveryVerbAndFailsIt) {
  ScriptedDaemon daemon(answer);
  for (const char* line : {"status", "status --json", "events", "events --json", "connections",
                           "diff", "diff --json", "wait drained blue", "wait drained blue --json",
                           "--help", "switch --help", "--version", "completion bash"}) {
    const Ran ran = run_into_full(daemon, line);
    EXPECT_EQ(ran.code, line == std::string("events") ? 0 : 1) << line;  // there are none
    if (ran.code == 0) continue;
    EXPECT_THAT(ran.err, HasSubstr("cannot write to standard output")) << line;
    EXPECT_THAT(ran.err, Not(HasSubstr("stands"))) << line;
  }
}

TEST(FullOutput, SaysOfAChangeThatItStands) {
  ScriptedDaemon daemon(answer);
  for (const char* line : {"switch green", "switch green --json"}) {
    const Ran ran = run_into_full(daemon, line);
    EXPECT_EQ(ran.code, 1) << line;
    EXPECT_THAT(ran.err, HasSubstr("cannot write to standard output")) << line;
    EXPECT_THAT(ran.err, HasSubstr("; the change stands\n")) << line;
  }
}

TEST(FullOutput, HidesNoCodeThatSaysMore) {
  ScriptedDaemon daemon(in_turn({http(409, answers::refused)}));
  EXPECT_EQ(run_into_full(daemon, "switch green --json").code, 3);
}

TEST(FullOutput, EndsFollowing) {
  ScriptedDaemon daemon(
      in_turn({"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\ndata: {\"id\": 1, "
               "\"message\": \"a\"}\n\n"}));
  const Ran ran = run_into_full(daemon, "events --follow --timeout 60s");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("cannot write to standard output"));
  EXPECT_EQ(daemon.seen().size(), 1U);
}

}  // namespace
}  // namespace shunt::cli
