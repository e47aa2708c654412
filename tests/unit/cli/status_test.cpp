// Status, connections and the texts they share, held against the very lines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/text.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Ran status_of(const std::string& apps, const std::string& arguments,
              const RunOptions& options = {}) {
  ScriptedDaemon daemon(in_turn({http(200, answers::snapshot(apps))}));
  return run_at(daemon, "status " + arguments, options);
}

TEST(Status, ReadsAtAGlance) {
  EXPECT_EQ(status_of(answers::app(903), "").out,
            "web  LIVE green   epoch 42, switched 3m12s ago\n"
            "  green  active  2/2 up  8112 connections\n"
            "  blue   kept    1/1 up   903 connections, oldest 3h   rollback: yes\n"
            "shunt 0.1.0  pid 4711, 2 workers, 9015 of 9900 connections, up 3h12m\n");
}

TEST(Status, ShowsNodesInTrouble) {
  EXPECT_EQ(status_of(answers::app(3, "green", "maint", "down"), "").out,
            "web  LIVE green   epoch 42, switched 3m12s ago\n"
            "  green  active  1/2 up  8112 connections\n"
            "    g2  not checked, maint, 3 connections, oldest 2h, closed in 5m, 7 connect errors  "
            " http: connection refused\n"
            "  blue   kept    1/1 up     3 connections, oldest 3h   rollback: yes\n"
            "shunt 0.1.0  pid 4711, 2 workers, 9015 of 9900 connections, up 3h12m\n");
}

TEST(Status, OfAPoolShowsEveryNodeOfItAlone) {
  const Ran ran = status_of(answers::app(3), "green");
  EXPECT_THAT(ran.out, HasSubstr("    g1  up 1m, 8112 connections, weight 2\n"));
  EXPECT_THAT(ran.out, HasSubstr("    g2  up 12m34s, 3 connections, 7 connect errors\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("blue")));
}

TEST(Status, WithNodesShowsEverythingAndTheServices) {
  const Ran ran = status_of(answers::app(3), "--nodes");
  EXPECT_THAT(ran.out,
              HasSubstr("  http on 0.0.0.0:8080, [::]:8080: 8 open, 9000 accepted, 0 refused\n"));
  EXPECT_THAT(ran.out, HasSubstr("    b1  up 1m, 3 connections\n"));
}

TEST(Status, OfAnUnknownPoolSuggestsOne) {
  const Ran ran = status_of(answers::app(3), "gren");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "not found: there is no pool gren, did you mean green?\n");
  EXPECT_EQ(status_of(answers::app(3), "--app shop").err,
            "not found: there is no app shop; apps: web\n");
}

TEST(Status, IsColouredAndClippedOnATerminal) {
  RunOptions terminal;
  terminal.terminal = true;
  terminal.color = true;
  terminal.width = 24;
  const Ran ran = status_of(answers::app(903), "", terminal);
  EXPECT_THAT(ran.out, HasSubstr("\x1b[1mweb\x1b[0m  \x1b[32mLIVE green\x1b[0m   epoch…\n"));
  std::size_t begin = 0;
  for (std::size_t end = ran.out.find('\n'); end != std::string::npos;
       begin = end + 1, end = ran.out.find('\n', begin)) {
    EXPECT_LE(columns(ran.out.substr(begin, end - begin)), 24U);
  }
}

TEST(Status, SaysWhatIsOutOfTheOrdinary) {
  const std::string odd = R"({"name": "web", "active": "blue", "epoch": 1, "last": "initial",
    "last_receipt": null, "recovered_unacknowledged": true, "rollback_to": "",
    "rollback_why_not": "no switch yet",
    "services": [{"name": "http", "panic": true}],
    "pools": [{"name": "blue", "state": "active", "nodes": 1, "healthy": 0, "usable": 0,
               "established": 1, "node_list": []},
              {"name": "red", "state": "kept", "generation": 3, "version": "1.2.9", "rollback_target": true, "nodes": 1, "healthy": 0,
               "usable": 0, "established": 0, "drain": {"remaining": 0, "oldest_ns": 0,
               "deadline_in_ns": 90000000000, "closing": false, "over_ns": 30000000000,
               "ends_in_ns": null}, "node_list": []}],
    "closings": [{"pool": "blue", "node": null, "connection": null, "remaining": 412,
                  "over_ns": 300000000000, "ends_in_ns": 90000000000},
                 {"pool": null, "node": "b1", "connection": null, "remaining": 1,
                  "over_ns": 300000000000, "ends_in_ns": 0},
                 {"pool": null, "node": null, "connection": 7, "remaining": 1,
                  "over_ns": 300000000000, "ends_in_ns": 1000000000}],
    "drift": ["initial is green, active is blue"]})";
  EXPECT_EQ(
      status_of(odd, "").out,
      "web  LIVE blue   epoch 1   recovered, unacknowledged\n"
      "  PANIC http: too few healthy nodes, ready ones are tried regardless of health\n"
      "  blue         active  0/1 up  1 connection   rollback: no, no switch yet\n"
      "  red#3 1.2.9  kept    0/1 up  0 connections, closed in 1m30s over 30s   rollback: only by "
      "--force, no node is usable\n"
      "  closing pool blue: 412 connections left, through in 1m30s; to end it: shunt close "
      "--pool blue --cancel\n"
      "  closing node b1: 1 connection left, through in 0s; to end it: shunt close --node b1 "
      "--cancel\n"
      "  closing connection 7: 1 connection left, through in 1s; to end it: shunt close "
      "--connection 7 --cancel\n"
      "  drift: initial is green, active is blue\n"
      "shunt 0.1.0  pid 4711, 2 workers, 9015 of 9900 connections, up 3h12m\n");
}

// They are among the connections of the last line, and would be missed above it.
TEST(Status, ShowsConnectsThatAreUnderWay) {
  const std::string app = R"({"name": "web", "active": "blue", "epoch": 1, "last": "initial",
    "last_receipt": null, "rollback_to": "", "rollback_why_not": "",
    "pools": [{"name": "blue", "state": "active", "nodes": 1, "healthy": 1, "usable": 1,
               "established": 10, "connecting": 20, "node_list": [
      {"name": "b1", "weight": 1, "admin": "ready", "health": "up", "established": 10,
       "connecting": 20}]}]})";
  const Ran ran = status_of(app, "--nodes");
  EXPECT_THAT(ran.out, HasSubstr("  blue  active  1/1 up  10 connections, 20 connecting\n"));
  EXPECT_THAT(ran.out, HasSubstr("    b1  up, 10 connections, 20 connecting\n"));
}

TEST(Status, ShowsTheShareOfAPool) {
  const auto app = [](const char* returned) {
    return R"({"name": "web", "active": "blue",
      "split": {"pool": "green", "share": "5%", "sticky": true, "sources": ["10.0.0.0/8", "::1"],
                "returned": )" +
           std::string(returned) +
           R"(}, "pools": [{"name": "blue", "state": "active", "nodes": 1, "healthy": 1, "usable": 1,
                            "node_list": []},
                           {"name": "green", "state": "canary", "nodes": 1, "healthy": 1,
                            "usable": 1, "node_list": []}]})";
  };
  EXPECT_THAT(
      status_of(app("[]"), "").out,
      HasSubstr("  green  canary  1/1 up  0 connections, share 5% by client address, and all "
                "from 10.0.0.0/8 and 1 more\n"));
  EXPECT_THAT(status_of(app(R"(["http"])"), "").out,
              HasSubstr("   no usable node for http: blue has its share\n"));
}

TEST(Status, ShowsWhatIsLeftOfATrial) {
  const auto app = [](const char* left) {
    return R"({"name": "web", "active": "blue", "epoch": 3, "last": "initial", "trial_ends_in_ns": )" +
           std::string(left) +
           R"(, "pools": [{"name": "blue", "state": "trial", "nodes": 1, "usable": 1,
                           "node_list": []}]})";
  };
  EXPECT_THAT(status_of(app("108000000000"), "").out,
              HasSubstr("TRIAL, rolls back in 1m48s: shunt confirm blue\n"));
  EXPECT_THAT(
      status_of(app("0"), "").out,
      HasSubstr("TRIAL OVER, rolls back once both pools are checked: shunt confirm blue\n"));
  EXPECT_THAT(status_of(app(R"(0, "trial_stays_because": "green is less healthy")"), "").out,
              HasSubstr("TRIAL OVER, stays live: green is less healthy: shunt confirm blue\n"));
  EXPECT_THAT(status_of(app("null"), "").out, ::testing::Not(HasSubstr("TRIAL")));
}

TEST(Status, SaysThatNoNodeTakesConnections) {
  const std::string app = R"({"name": "web", "active": "blue", "services": [{"name": "http"}],
    "pools": [{"name": "green", "state": "standby", "nodes": 1, "usable": 0, "node_list": []},
              {"name": "blue", "state": "active", "nodes": 1, "usable": 0, "node_list": []}]})";
  EXPECT_THAT(status_of(app, "").out,
              HasSubstr("  NO NODE of blue can take connections: new ones are refused\n"));
}

TEST(Status, PutsADegradedProcessFirst) {
  ScriptedDaemon daemon(in_turn({http(
      200, R"({"process": {"phase": "degraded", "phase_reason": "disk full"}, "apps": []})")}));
  EXPECT_TRUE(run_at(daemon, "status").out.starts_with("degraded: disk full\n"));
}

TEST(Status, OfAnEmptyAnswerDoesNotFail) {
  ScriptedDaemon daemon(
      in_turn({http(200, R"({"process": {}, "apps": [{}, 7, {"pools": [3, {}]}]})")}));
  EXPECT_EQ(run_at(daemon, "status").code, 0);
}

TEST(Connections, AreATable) {
  ScriptedDaemon daemon(in_turn(
      {http(200, answers::snapshot(answers::app(0))), http(200, R"({"matched": 903, "connections": [
    {"id": 1, "client": "127.0.0.1:40000", "service": "http", "pool": "blue", "node": "b1",
     "epoch": 1, "established": true, "age_ns": 3600000000000, "idle_ns": 5000000000,
     "bytes_up": 10, "bytes_down": 20000}]})")}));
  EXPECT_EQ(run_at(daemon, "connections").out,
            "ID  CLIENT           SERVICE  POOL  NODE  STATE        AGE  IDLE  UP   DOWN\n"
            " 1  127.0.0.1:40000  http     blue  b1    established   1h    5s  10  20000\n"
            "903 connections, 1 listed\n");
}

// Apps shop (pools blue and green) and web (blue and red), with a connection each.
std::optional<std::string> two_apps(const SeenRequest& request) {
  const auto app = [](const std::string& name, const std::string& pool, const std::string& drift) {
    return R"({"name": ")" + name + R"(", "active": "blue", "drift": [)" + drift + R"(],
        "pools": [{"name": "blue", "node_list": []},
                  {"name": ")" +
           pool + R"(", "node_list": [{"name": "n-)" + pool + R"("}]}]})";
  };
  if (request.target == "/v1/status") {
    return http(200,
                answers::snapshot(app("shop", "green", "") + "," + app("web", "red", "\"d1\"")));
  }
  const bool shop = request.target.starts_with("/v1/apps/shop/");
  return http(200, R"({"matched": 1, "connections": [{"id": )" + std::string(shop ? "1" : "2") +
                       R"(, "client": "c", "service": "s", "pool": "blue", "node": "n", "epoch": 1,
                       "established": true}]})");
}

TEST(SeveralApps, AreAllListedWithTheirConnections) {
  ScriptedDaemon daemon(two_apps);
  EXPECT_EQ(run_at(daemon, "connections").out,
            "APP   ID  CLIENT  SERVICE  POOL  NODE  STATE        AGE  IDLE  UP  DOWN\n"
            "shop   1  c       s        blue  n     established   0s    0s   0     0\n"
            "web    2  c       s        blue  n     established   0s    0s   0     0\n"
            "2 connections\n");
  EXPECT_THAT(run_at(daemon, "connections --limit 1").out, HasSubstr("2 connections, 1 listed\n"));
  const std::string lines = run_at(daemon, "connections --json").out;
  EXPECT_THAT(lines, HasSubstr(R"({"app":"shop","matched":1,)"));
  EXPECT_THAT(lines, HasSubstr("}]}\n{\"app\":\"web\""));
}

TEST(SeveralApps, LackingThePoolOrNodeAreLeftOut) {
  ScriptedDaemon daemon(two_apps);
  EXPECT_THAT(run_at(daemon, "connections --pool red").out, HasSubstr("\n1 connection\n"));
  EXPECT_EQ(daemon.seen().back().target, "/v1/apps/web/connections?limit=100&pool=red");
  EXPECT_EQ(run_at(daemon, "connections --node n-green").code, 0);
  EXPECT_EQ(daemon.seen().back().target, "/v1/apps/shop/connections?limit=100&node=n-green");
  const Ran ran = run_at(daemon, "connections --pool purple --node n9");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "not found: no app has the pool purple with the node n9\n");
}

// A script must not have to know which apps have the pool.
TEST(SeveralApps, AreNamedInEachLineAlsoWhereOnlyOneHasThePool) {
  ScriptedDaemon daemon(two_apps);
  EXPECT_THAT(run_at(daemon, "connections --pool blue --json").out,
              HasSubstr("}]}\n{\"app\":\"web\","));
  EXPECT_THAT(run_at(daemon, "connections --pool red --json").out,
              StartsWith("{\"app\":\"web\",\"matched\":1,"));
  EXPECT_THAT(run_at(daemon, "connections --pool red").out, StartsWith("APP  ID  "));
  EXPECT_THAT(run_at(daemon, "connections --pool red --app web --json").out,
              StartsWith("{\"matched\": 1,"));
}

TEST(SeveralApps, AreAllComparedWithTheFile) {
  ScriptedDaemon daemon(two_apps);
  const Ran ran = run_at(daemon, "diff");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.out, "shop: no drift\nweb: d1\n");
  EXPECT_EQ(run_at(daemon, "diff --json").out,
            "{\"app\":\"shop\",\"drift\":[]}\n{\"app\":\"web\",\"drift\":[\"d1\"]}\n");
}

TEST(Text, EscapesWhatIsNotPlainUtf8) {
  EXPECT_EQ(escaped("grün…"), "grün…");
  EXPECT_EQ(escaped("a\x1b[31m\x7f\t"), "a\\x1b[31m\\x7f\\t");
  EXPECT_EQ(escaped("\xc0\x80\xff\xed\xa0\x80"), "\\xc0\\x80\\xff\\xed\\xa0\\x80");
}

TEST(Text, MeasuresDurationsFinely) {
  EXPECT_EQ(fine_duration(0), "0");
  EXPECT_EQ(fine_duration(999), "999ns");
  EXPECT_EQ(fine_duration(12'345), "12.3us");
  EXPECT_EQ(fine_duration(350'000), "350us");
  EXPECT_EQ(fine_duration(1'999'999), "1.9ms");
  EXPECT_EQ(fine_duration(72'000'000'000), "1m12s");
}

TEST(Text, QuotesWordsForAShell) {
  EXPECT_EQ(shell_quoted("green"), "green");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace shunt::cli
