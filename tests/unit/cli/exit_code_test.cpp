// Each exit code, and the words that come with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/json.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Exit0, WithTheReceiptWhereItWasDone) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched)}));
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.out,
            "web: green is live, epoch 42, 903 connections left on blue, 3 connects re-pointed\n"
            "  total 1.2ms: waiting 791us, gates 12.3us, persist 350us, store 140ns, adoption "
            "80.4us; durable\n");
}

TEST(Exit0, WhereItIsSoAlready) {
  ScriptedDaemon daemon(in_turn({http(200, answers::unchanged)}));
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "web: green is live already, epoch 42 (changed: false)\n");
}

TEST(Exit4, WhereAWorkerHadNotFollowedInTime) {
  std::string late = answers::switched;
  late.replace(late.find("\"durable\""), 0, "\"adopted\": false, ");
  ScriptedDaemon daemon(in_turn({http(200, late)}));
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.out, HasSubstr("durable, NOT YET FOLLOWED\n"));
}

TEST(Exit1, WhereANameIsNotFound) {
  ScriptedDaemon daemon([](const SeenRequest& request) {
    if (request.method == "GET") return http(200, answers::snapshot(answers::app(0)));
    return http(404, answers::problem("not_found", "there is no pool greeen"));
  });
  const Ran ran = run_at(daemon, "switch greeen");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "not found: there is no pool greeen\n");
}

TEST(Exit1, SaysOnceWhatTheOnlyReasonSaysToo) {
  ScriptedDaemon daemon(in_turn({http(404, R"({"detail": "no pool red", "kind": "not_found",
      "reasons": [{"gate": "pool", "message": "no pool red"}, {"gate": "node", "message": "no node n"}],
      "next": ["shunt status"]})")}));
  EXPECT_EQ(run_at(daemon, "switch red --app web").err,
            "not found: no pool red\n  node   no node n\nnext: shunt status\n");
}

TEST(Exit1, WhereTheDecisionCannotBeStored) {
  ScriptedDaemon daemon(in_turn({http(503, answers::problem("unavailable", "disk full"))}));
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "unavailable: disk full\n");
}

const std::string kBusy = http(503, answers::problem("busy", "as many clients as may are there"));

TEST(TooManyClients, AreOutlastedByARepeatWithTheSameKey) {
  ScriptedDaemon daemon(in_turn({kBusy, kBusy, http(200, answers::switched)}));
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto requests = daemon.seen();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].headers.at("idempotency-key"), requests[2].headers.at("idempotency-key"));
  ScriptedDaemon reading(in_turn({kBusy, http(200, answers::snapshot(answers::app(0)))}));
  EXPECT_EQ(run_at(reading, "status").code, 0);
  ScriptedDaemon follower(in_turn({kBusy, http(403, answers::problem("forbidden", "enough"))}));
  EXPECT_THAT(run_at(follower, "events --follow").err, HasSubstr("enough"));
}

TEST(TooManyClients, ThatStayAreToldAtTheTime) {
  ScriptedDaemon daemon(in_turn({kBusy}));
  const Ran ran = run_at(daemon, "switch green --timeout 100ms");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, StartsWith("the daemon has too many clients"));
  EXPECT_GE(daemon.seen().size(), 2U);
}

TEST(TooManyClients, RepeatNothingThatHasNoKey) {
  ScriptedDaemon daemon(in_turn({kBusy, http(200, answers::switched)}));
  EXPECT_EQ(run_at(daemon, "switch green --dry-run").code, 1);
  EXPECT_EQ(daemon.seen().size(), 1U);
}

TEST(TooManyClients, AreWhatADaemonMeansThatClosesUnread) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched)}));
  daemon.turn_away(2);
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(daemon.seen().size(), 1U);
}

TEST(Exit1, OfDiffWhereThereIsDrift) {
  ScriptedDaemon daemon(
      in_turn({http(200, R"({"app": "web", "drift": ["initial is green, active is blue"]})")}));
  const Ran ran = run_at(daemon, "diff --app web");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.out, "web: initial is green, active is blue\n");
}

TEST(Exit1, OfAReadingVerbThatGetsNoAnswer) {
  ScriptedDaemon daemon([](const SeenRequest&) { return std::optional(std::string()); });
  const Ran ran = run_at(daemon, "status");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "no answer: the daemon closed the connection\n");
}

TEST(Exit1, OnAnAnswerThatIsNotTheApi) {
  ScriptedDaemon daemon(in_turn({http(500, "<html>", "text/html")}));
  const Ran ran = run_at(daemon, "status");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, StartsWith("the answer is not understood: HTTP status 500 without the "));
}

TEST(Exit2, WhereTheRequestMakesNoSense) {
  ScriptedDaemon daemon(in_turn({http(400, answers::problem("invalid", "no gate 'foo'"))}));
  const Ran ran = run_at(daemon, "switch green --app web --skip foo");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err, "invalid request: no gate 'foo'\n");
}

TEST(Exit2, SpeaksOfFlagsAndNotOfTheApisFields) {
  ScriptedDaemon daemon(in_turn({http(400, R"({"detail": "the request has faults",
      "kind": "bad_request", "reasons": [{"gate": "close_over_ns", "message": "too long"},
      {"gate": "Idempotency-Key", "message": "taken"}]})")}));
  EXPECT_EQ(run_at(daemon, "switch green --app web").err,
            "invalid request: the request has faults\n"
            "  --close-over   too long\n  --key          taken\n");
}

TEST(Exit2, WhereTheAppMustBeNamedListsTheApps) {
  ScriptedDaemon daemon([](const SeenRequest& request) {
    if (request.target == "/v1/status") {
      return http(200, answers::snapshot(R"({"name": "shop"}, {"name": "web"})"));
    }
    return http(400, answers::problem("invalid", "several apps"));
  });
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err, "this daemon holds several apps, name one with --app: shop, web\n");
  EXPECT_EQ(run_at(daemon, "wait adopted").code, 2);
}

TEST(Exit3, WithEveryReasonAndTheWayOn) {
  ScriptedDaemon daemon(in_turn({http(409, answers::refused, "application/problem+json")}));
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err,
            "refused, nothing changed (blue live, epoch 41):\n"
            "  min_healthy   32 of 40 healthy, need 36: node17 connection refused\n"
            "  hold          somebody holds it\n"
            "next: shunt status green | shunt switch green --skip min_healthy --reason …\n");
}

TEST(Exit5, WhereTheEpochMoved) {
  ScriptedDaemon daemon(
      in_turn({http(412, answers::problem("epoch_moved", "you named epoch 41"))}));
  const Ran ran = run_at(daemon, "switch green --if-epoch 41");
  EXPECT_EQ(ran.code, 5);
  EXPECT_EQ(ran.err,
            "the epoch moved, nothing changed (blue live, epoch 42):\n  you named epoch 41\n");
}

TEST(Exit6, WhereNobodyListens) {
  for (const char* line : {"switch green", "status", "events --follow", "wait adopted"}) {
    const Ran ran = run_line(std::string(line) + " --socket /nonexistent/admin.sock");
    EXPECT_EQ(ran.code, 6) << line;
    EXPECT_THAT(ran.err, StartsWith("cannot connect to /nonexistent/admin.sock: No such file"));
    EXPECT_THAT(ran.err, HasSubstr("shunt serve"));
  }
  EXPECT_THAT(run_line("switch green --socket /nonexistent/admin.sock").err,
              HasSubstr("nothing was sent, nothing changed"));
}

TEST(Exit6, WhereThePathIsTooLongForASocket) {
  const Ran ran = run_line("status --socket /" + std::string(200, 'x'));
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.err, HasSubstr("107 bytes"));
}

TEST(Exit7, WhereTheAnswerWasLostNamesTheKeyAndTheRepeat) {
  ScriptedDaemon daemon([](const SeenRequest&) { return std::optional(std::string()); });
  const Ran ran = run_at(daemon, "switch green");
  EXPECT_EQ(ran.code, 7);
  const std::string key = daemon.only_request().headers.at("idempotency-key");
  EXPECT_THAT(ran.err, StartsWith("sent, outcome unknown: no answer: the daemon closed"));
  EXPECT_THAT(ran.err, HasSubstr("next: shunt status | shunt switch green --key " + key));
}

TEST(Exit7, WhereTheAnswerTookTooLong) {
  ScriptedDaemon daemon([](const SeenRequest&) { return std::nullopt; });
  const Ran ran = run_at(daemon, "switch green --key k1 --timeout 20ms");
  EXPECT_EQ(ran.code, 7);
  EXPECT_THAT(ran.err, HasSubstr("it took too long"));
  EXPECT_THAT(ran.err, HasSubstr("shunt switch green --key k1 --timeout 20ms\n"));
}

TEST(Exit7, WhereTheAnswerWasCutShort) {
  ScriptedDaemon daemon([](const SeenRequest&) {
    const std::string whole = http(200, answers::switched);
    return std::optional(whole.substr(0, whole.size() - 10));
  });
  EXPECT_EQ(run_at(daemon, "switch green").code, 7);
}

TEST(Exit7, WhereTheAnswerIsNoAnswer) {
  ScriptedDaemon daemon(in_turn({"garbage\r\n\r\n", http(200, "[1]")}));
  EXPECT_EQ(run_at(daemon, "switch green").code, 7);
  EXPECT_EQ(run_at(daemon, "switch green").code, 7);
}

TEST(Exit7, IsNotForADryRunThatChangesNothing) {
  ScriptedDaemon daemon([](const SeenRequest&) { return std::optional(std::string()); });
  EXPECT_EQ(run_at(daemon, "switch green --dry-run").code, 1);
}

TEST(Json, IsTheDaemonsAnswerAsItCame) {
  ScriptedDaemon daemon(in_turn({http(200, answers::switched)}));
  const Ran ran = run_at(daemon, "switch green --json");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, answers::switched + "\n");
  EXPECT_EQ(ran.err, "");
}

TEST(Json, IsTheProblemDocumentWhereRefused) {
  ScriptedDaemon daemon(in_turn({http(409, answers::refused)}));
  const Ran ran = run_at(daemon, "switch green --json");
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.out, answers::refused + "\n");
  EXPECT_EQ(ran.err, "");
}

TEST(Json, NamesTheKeyWhereTheOutcomeIsUnknown) {
  ScriptedDaemon daemon([](const SeenRequest&) { return std::optional(std::string()); });
  const Ran ran = run_at(daemon, "switch green --json --key k7");
  EXPECT_EQ(ran.code, 7);
  const auto problem = parse_object(ran.out);
  ASSERT_TRUE(problem);
  EXPECT_EQ(raw_at(*problem, "kind"), "outcome_unknown");
  EXPECT_EQ(raw_at(*problem, "key"), "k7");
}

TEST(Json, SaysThatNothingWasSent) {
  const Ran ran = run_line("switch green --json --socket /nonexistent/admin.sock");
  EXPECT_EQ(ran.code, 6);
  const auto problem = parse_object(ran.out);
  ASSERT_TRUE(problem);
  EXPECT_EQ(raw_at(*problem, "kind"), "unreachable");
}

TEST(ForeignText, CannotDriveTheTerminal) {
  ScriptedDaemon daemon(in_turn(
      {http(200, R"({"app": "web", "drift": ["\u001b[2J\u009b31mred\nnext: rm -rf /"]})")}));
  const Ran ran = run_at(daemon, "diff --app web");
  EXPECT_EQ(ran.out, "web: \\x1b[2J\\x9b31mred\\nnext: rm -rf /\n");
}

}  // namespace
}  // namespace shunt::cli
