// Waiting: how far something is, and how the waiting ends.
#include <unistd.h>

#include <atomic>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/json.hpp"
#include "src/cli/wait_for.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using State = Progress::State;

Progress judged(const WaitFor& wanted, const std::string& app) {
  return judge(wanted, parse_object(app).value());
}

WaitFor for_pool(Goal goal, const std::string& pool) {
  WaitFor wanted;
  wanted.goal = goal;
  wanted.pool = pool;
  return wanted;
}

WaitFor for_nodes(Goal goal, const std::vector<std::string>& nodes, const std::string& admin) {
  WaitFor wanted;
  wanted.goal = goal;
  wanted.nodes = nodes;
  if (!admin.empty()) wanted.admin = admin;
  return wanted;
}

TEST(Judging, ATrialIsConfirmedOnceItHasEnded) {
  WaitFor wanted;
  wanted.goal = Goal::kConfirmed;
  wanted.pool = "green";
  const auto app = [](const char* active, const char* left) {
    return R"({"pools": [{"name": "blue"}, {"name": "green"}], "active": ")" + std::string(active) +
           R"(", "trial_ends_in_ns": )" + left + "}";
  };
  EXPECT_EQ(judged(wanted, app("green", "60000000000")).text, "green: in trial, 1m left");
  EXPECT_EQ(judged(wanted, app("green", "0")).state, State::kWaiting);
  EXPECT_EQ(judged(wanted, app("green", "null")).text, "green: confirmed");
  EXPECT_EQ(judged(wanted, app("blue", "null")).state, State::kImpossible);
  wanted.pool = "green#12";
  const auto generation = [](const char* state, int number) {
    return R"({"active": "green", "trial_ends_in_ns": null, "pools": [{"name": "green", "state": ")" +
           std::string(state) + R"(", "generation": )" + std::to_string(number) + "}]}";
  };
  EXPECT_EQ(judged(wanted, generation("active", 12)).state, State::kReached);
  EXPECT_EQ(judged(wanted, generation("trial", 13)).text, "green is green#13 now");
  EXPECT_EQ(judged(wanted, generation("rejected", 12)).state, State::kUndone);
  wanted.pool = "green";
  wanted.active = "green";  // by the switch that is waited for
  EXPECT_EQ(judged(wanted, app("blue", "null")).state, State::kUndone);
  wanted.active.clear();
  wanted.pool = "gren";
  EXPECT_EQ(judged(wanted, app("blue", "null")).text, "there is no pool gren; pools: blue, green");
}

TEST(Judging, APoolThatTakesAShareDoesNotDrain) {
  WaitFor wanted;
  wanted.goal = Goal::kDrained;
  wanted.pool = "green";
  EXPECT_EQ(judged(wanted, R"({"active": "blue", "pools": [{"name": "green", "state": "canary",
                               "established": 3}]})")
                .state,
            State::kImpossible);
}

TEST(Judging, ARetiredPoolIsMoreThanAnEmptyOne) {
  WaitFor wanted;
  wanted.goal = Goal::kEmpty;
  wanted.pool = "blue";
  wanted.retiring = true;
  const auto blue = [](const char* state, int open) {
    return R"({"active": "green", "pools": [{"name": "blue", "state": ")" + std::string(state) +
           R"(", "established": )" + std::to_string(open) + "}]}";
  };
  EXPECT_EQ(judged(wanted, blue("retiring", 3)).state, State::kWaiting);
  EXPECT_EQ(judged(wanted, blue("retiring", 0)).state, State::kWaiting);
  EXPECT_EQ(judged(wanted, blue("retired", 0)).state, State::kReached);
  EXPECT_EQ(judged(wanted, blue("kept", 0)).state, State::kUndone);
}

TEST(Drained, IsAPoolWithNoConnectionsLeft) {
  const Progress some = judged(for_pool(Goal::kDrained, "blue"), answers::app(903));
  EXPECT_EQ(some.state, State::kWaiting);
  EXPECT_EQ(some.text, "blue: 903 connections, oldest 3h");
  EXPECT_EQ(judged(for_pool(Goal::kDrained, "blue"), answers::app(0)).state, State::kReached);
  EXPECT_EQ(judged(for_pool(Goal::kDrained, ""), answers::app(1)).state, State::kWaiting);
  EXPECT_EQ(judged(for_pool(Goal::kDrained, ""), answers::app(0)).state, State::kReached);
}

TEST(Drained, IsImpossibleForTheActivePoolAndForNone) {
  EXPECT_EQ(judged(for_pool(Goal::kDrained, "green"), answers::app(0)).text,
            "green is active: an active pool does not drain");
  const Progress none = judged(for_pool(Goal::kDrained, "red"), answers::app(0));
  EXPECT_EQ(none.state, State::kImpossible);
  EXPECT_EQ(none.text, "there is no pool red; pools: blue, green");
}

TEST(Healthy, CountsReadyNodesAndNamesOneThatIsNot) {
  EXPECT_EQ(judged(for_pool(Goal::kHealthy, "green"), answers::app(0)).state, State::kReached);
  const Progress progress =
      judged(for_pool(Goal::kHealthy, "green"), answers::app(0, "green", "ready", "down"));
  EXPECT_EQ(progress.state, State::kWaiting);
  EXPECT_EQ(progress.text, "green: 1 of 2 healthy, g2 http: connection refused");
}

TEST(Healthy, OfANodeTakesAssumedOnlyWhereTheDaemonCountsIt) {
  const WaitFor wanted = for_nodes(Goal::kHealthy, {"g2"}, "ready");
  EXPECT_EQ(judged(wanted, answers::app(0)).state, State::kReached);
  EXPECT_EQ(judged(wanted, answers::app(0, "green", "ready", "assumed")).state, State::kWaiting);
  EXPECT_EQ(judged(wanted, answers::app(0, "green", "drain", "up")).state, State::kUndone);
}

TEST(Empty, IsANodeWithoutConnectionsThatIsStillDrained) {
  const WaitFor wanted = for_nodes(Goal::kEmpty, {"g2"}, "drain");
  EXPECT_EQ(judged(wanted, answers::app(3, "green", "drain")).text, "g2: 3 connections");
  EXPECT_EQ(judged(wanted, answers::app(0, "green", "maint")).state, State::kReached);
  const Progress undone = judged(wanted, answers::app(3, "green", "ready"));
  EXPECT_EQ(undone.state, State::kUndone);
  EXPECT_EQ(undone.text, "g2 is ready again");
  EXPECT_EQ(judged(for_nodes(Goal::kEmpty, {"g9"}, ""), answers::app(0)).state, State::kImpossible);
}

TEST(Adopted, IsAnEpochWithItsReceipt) {
  WaitFor wanted;
  EXPECT_EQ(judged(wanted, answers::app(0)).text, "epoch 42: adopted");
  EXPECT_EQ(judged(wanted, R"({"epoch": 43, "last_receipt": {"epoch": 42}})").state,
            State::kWaiting);
  EXPECT_EQ(judged(wanted, R"({"epoch": 1, "last_receipt": null})").state, State::kReached);
  EXPECT_EQ(
      judged(wanted, R"({"epoch": 42, "adopted": false, "last_receipt": {"epoch": 42}})").state,
      State::kWaiting)
      << "a receipt says what was when the wait for the workers ended";
}

TEST(Waiting, EndsWhenThePoolIsDrained) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched), http(200, answers::app(2)),
                                 http(200, answers::app(1)), http(200, answers::app(0))}));
  const Ran ran = run_at(daemon, "switch green --wait drained");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("blue: drained (waited "));
  EXPECT_EQ(ran.err, "") << "progress is for terminals only";
  const auto requests = daemon.seen();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(requests[1].target, "/v1/apps/web") << "the app that the outcome named";
}

TEST(Waiting, ForALivePoolToDrainIsRefusedBeforeAnythingIsClosed) {
  ScriptedDaemon daemon(in_turn({http(200, answers::app(903))}));
  for (const char* line :
       {"close --pool green --wait drained", "close --pool green --wait drained --json"}) {
    const Ran ran = run_at(daemon, line);
    EXPECT_EQ(ran.code, 3) << line;
    EXPECT_THAT(ran.out + ran.err, HasSubstr("green is live, and a live pool does not drain"))
        << line;
  }
  for (const SeenRequest& request : daemon.seen()) EXPECT_EQ(request.method, "GET");
}

TEST(Waiting, ARefusalOfTheCommandLineIsAProblemDocumentToo) {
  ScriptedDaemon daemon(in_turn({http(200, answers::app(903))}));
  const Ran ran = run_at(daemon, "close --pool green --wait drained --json");
  EXPECT_THAT(
      ran.out,
      StartsWith(R"({"type":"urn:shunt:problem:refused","title":"refused, nothing changed",)"
                 R"("status":409,"detail":")"));
  EXPECT_THAT(ran.out, HasSubstr(R"("kind":"refused")"));
}

// The close of green under the key K was answered before, or not; green is live.
ScriptedDaemon::Handler knowing_the_key(bool known) {
  return [known](const SeenRequest& request) {
    if (request.method == "GET") return http(200, answers::app(903));
    return http(200, R"({"kind": "done", "changed": true, "dry_run": false, "replayed": )" +
                         std::string(known ? "true" : "false") +
                         R"(, "app": "web", "message": "7 connections of green closed",
                         "active": "blue", "epoch": 41, "receipt": null, "nodes": [], "closed": 7})");
  };
}

TEST(Waiting, TheRepeatOfACloseIsNotRefusedThoughItsPoolIsLiveNow) {
  ScriptedDaemon daemon(knowing_the_key(true));
  const Ran ran = run_at(daemon, "close --pool green --wait drained --key K");
  EXPECT_THAT(ran.out, HasSubstr("7 connections of green closed"));
  EXPECT_THAT(ran.out, HasSubstr("the first outcome of this key"));
  EXPECT_EQ(ran.code, 1) << "it cannot be waited for";
  EXPECT_THAT(ran.err, HasSubstr("an active pool does not drain"));
}

TEST(Waiting, AKeyAloneClosesNothingOfALivePool) {
  ScriptedDaemon daemon(knowing_the_key(false));
  const Ran ran = run_at(daemon, "close --pool green --wait drained --key K");
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.err, HasSubstr("green is live, and a live pool does not drain"));
  for (const SeenRequest& request : daemon.seen()) {
    EXPECT_TRUE(request.method == "GET" ||
                request.body.find("\"dry_run\":true") != request.body.npos)
        << request.body;
  }
}

TEST(Waiting, ADryRunWaitsForNothingSoItIsNotRefused) {
  ScriptedDaemon daemon(knowing_the_key(false));
  const Ran ran = run_at(daemon, "close --pool green --wait drained --dry-run");
  EXPECT_EQ(ran.code, 0) << ran.err;
}

TEST(Waiting, ShowsProgressOnATerminal) {
  ScriptedDaemon daemon(in_turn(
      {http(200, answers::app(2)), http(200, answers::app(2)), http(200, answers::app(0))}));
  RunOptions terminal;
  terminal.terminal = true;
  const Ran ran = run_at(daemon, "wait drained blue", terminal);
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr("waiting 0s  blue: 2 connections, oldest 3h"));
  EXPECT_TRUE(ran.err.ends_with("\r\x1b[K")) << "the line is cleared at the end";
}

TEST(Waiting, EndsWith4AtItsTimeAndTheChangeStands) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched), http(200, answers::app(903))}));
  const Ran ran = run_at(daemon, "switch green --wait drained --timeout 500ms");
  EXPECT_EQ(ran.code, 4);
  EXPECT_EQ(ran.err, "timed out: blue: 903 connections, oldest 3h; the change stands\n");
}

TEST(Waiting, EndsWith8WhereItIsRolledBackMeanwhile) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched), http(200, answers::app(903)),
                                 http(200, answers::app(903, "blue"))}));
  const Ran ran = run_at(daemon, "switch green --wait drained");
  EXPECT_EQ(ran.code, 8);
  EXPECT_EQ(ran.err, "undone while waiting: blue is live now, epoch 42\n");
}

TEST(Waiting, EndsWith8WhereThePoolBecomesActiveAgain) {
  ScriptedDaemon daemon(in_turn({http(200, answers::app(903)), http(200, answers::app(903)),
                                 http(200, answers::app(903, "blue"))}));
  EXPECT_EQ(run_at(daemon, "wait drained blue").code, 8);
}

TEST(Waiting, EndsWith1WhereItCannotBe) {
  ScriptedDaemon daemon(in_turn({http(200, answers::app(0))}));
  const Ran ran = run_at(daemon, "wait drained green");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "cannot wait for that: green is active: an active pool does not drain\n");
}

json::object told(const Ran& ran) {
  EXPECT_EQ(ran.err, "");
  auto object = parse_object(ran.out);
  EXPECT_TRUE(object) << ran.out;
  return std::move(object).value_or(json::object{});
}

TEST(WaitInJson, IsAnObjectWhereItIsReached) {
  ScriptedDaemon daemon(in_turn(
      {http(200, answers::app(1)), http(200, answers::app(1)), http(200, answers::app(0))}));
  const Ran ran = run_at(daemon, "wait drained blue --json");
  EXPECT_EQ(ran.code, 0);
  const json::object result = told(ran);
  EXPECT_EQ(raw_at(result, "kind"), "done");
  EXPECT_EQ(raw_at(result, "state"), "drained");
  EXPECT_EQ(raw_at(result, "app"), "web");
  EXPECT_EQ(raw_at(result, "pool"), "blue");
  EXPECT_EQ(raw_at(result, "message"), "blue: drained");
  EXPECT_GT(number_at(result, "waited_ns"), 0U);
  EXPECT_EQ(raw_at(told(run_at(daemon, "wait adopted --json")), "message"), "epoch 42: adopted");
  EXPECT_EQ(raw_at(told(run_at(daemon, "wait empty b1 --json")), "node"), "b1");
}

TEST(WaitInJson, IsAnObjectWhereItIsNotReached) {
  ScriptedDaemon busy(in_turn({http(200, answers::app(903))}));
  const Ran late = run_at(busy, "wait drained blue --json --timeout 50ms");
  EXPECT_EQ(late.code, 4);
  EXPECT_EQ(raw_at(told(late), "kind"), "timed_out");
  const Ran unknown = run_at(busy, "wait healthy red --json");
  EXPECT_EQ(unknown.code, 1);
  EXPECT_EQ(raw_at(told(unknown), "kind"), "impossible");
  EXPECT_EQ(raw_at(told(unknown), "message"), "there is no pool red; pools: blue, green");
  ScriptedDaemon undone(in_turn({http(200, answers::app(903)), http(200, answers::app(903)),
                                 http(200, answers::app(903, "blue"))}));
  const Ran back = run_at(undone, "wait drained blue --json");
  EXPECT_EQ(back.code, 8);
  EXPECT_EQ(raw_at(told(back), "kind"), "undone");
}

TEST(Waiting, OutlastsAnAnswerThatIsMissing) {
  ScriptedDaemon daemon(
      in_turn({http(200, answers::switched), "", http(503, "{}"), http(200, answers::app(0))}));
  EXPECT_EQ(run_at(daemon, "switch green --wait drained").code, 0);
  EXPECT_EQ(daemon.seen().size(), 4U);
}

TEST(Waiting, EndsWith130OnSigintAndTheChangeStands) {
  std::atomic<int> asked = 0;
  ScriptedDaemon daemon([&](const SeenRequest& request) {
    if (request.method == "POST") return http(200, answers::switched);
    if (++asked == 2) ::kill(::getpid(), SIGINT);
    return http(200, answers::app(903));
  });
  const Ran ran = run_at(daemon, "switch green --wait drained");
  EXPECT_EQ(ran.code, 130);
  EXPECT_EQ(ran.err, "interrupted: blue: 903 connections, oldest 3h; the change stands\n");
}

TEST(Waiting, OnAnAnswerThatIsInterruptedLeavesTheOutcomeOpen) {
  ScriptedDaemon daemon([](const SeenRequest&) -> std::optional<std::string> {
    ::kill(::getpid(), SIGINT);
    return std::nullopt;
  });
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 7);
  EXPECT_THAT(ran.err, HasSubstr("no answer: interrupted"));
}

TEST(Waiting, IsNotDoneForADryRun) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched)}));
  EXPECT_EQ(run_at(daemon, "switch green --wait drained --dry-run").code, 0);
  EXPECT_EQ(daemon.seen().size(), 1U);
}

struct Waits {
  const char* line;
  std::string app;
};
class WaitOfAVerb : public ::testing::TestWithParam<Waits> {};

TEST_P(WaitOfAVerb, IsReached) {
  ScriptedDaemon daemon([](const SeenRequest& request) {
    return http(200, request.method == "POST" ? answers::unchanged : GetParam().app);
  });
  const Ran ran = run_at(daemon, GetParam().line);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("waited"));
}

INSTANTIATE_TEST_SUITE_P(
    All, WaitOfAVerb,
    ::testing::Values(Waits{"switch green --wait adopted", answers::app(5)},
                      Waits{"switch green --wait healthy", answers::app(5)},
                      Waits{"switch green --wait empty", answers::app(0)},
                      Waits{"rollback --wait healthy", answers::app(5)},
                      Waits{"drain g2 --wait empty", answers::app(0, "green", "drain")},
                      Waits{"maint g2 --wait drained", answers::app(0, "green", "maint")},
                      Waits{"ready g2 --wait healthy", answers::app(5)},
                      Waits{"close --pool blue --wait empty", answers::app(0)},
                      Waits{"close --node b1 --wait empty", answers::app(0)},
                      Waits{"wait healthy green", answers::app(5)},
                      Waits{"wait empty b1", answers::app(0)},
                      Waits{"wait adopted", answers::app(5)}));

}  // namespace
}  // namespace shunt::cli
