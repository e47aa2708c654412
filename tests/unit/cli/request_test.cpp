// What each verb asks of the daemon: method, path, headers and body.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shunt/base/unique_fd.hpp"
#include "src/cli/json.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::MatchesRegex;

struct Asked {
  const char* line;
  const char* target;
  const char* body;  // as JSON
};

class ChangingVerb : public ::testing::TestWithParam<Asked> {};

TEST_P(ChangingVerb, PostsItsRequestAsTheApiHasIt) {
  ScriptedDaemon daemon(in_turn({http(200, answers::unchanged)}));
  const Ran ran = run_at(daemon, GetParam().line);
  EXPECT_EQ(ran.code, 0) << ran.err;
  const SeenRequest request = daemon.only_request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, GetParam().target);
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(request.headers.at("host"), "localhost");
  EXPECT_EQ(json::parse(request.body), json::parse(GetParam().body)) << request.body;
}

INSTANTIATE_TEST_SUITE_P(
    All, ChangingVerb,
    ::testing::Values(
        Asked{"switch green", "/v1/apps/-/switch", R"({"to": "green"})"},
        Asked{"switch green --app web --skip min_healthy --skip hold --force --close-over 30s "
              "--dry-run --reason r1",
              "/v1/apps/web/switch",
              R"({"to": "green", "skip": ["min_healthy", "hold"], "force": true,
                  "close_over_ns": 30000000000, "dry_run": true, "reason": "r1"})"},
        // A value of --skip takes one word, not the pool after it.
        Asked{"switch --skip min_healthy green", "/v1/apps/-/switch",
              R"({"to": "green", "skip": ["min_healthy"]})"},
        Asked{"switch green --confirm-within 5m", "/v1/apps/-/switch",
              R"({"to": "green", "confirm_within_ns": 300000000000})"},
        Asked{"switch green --confirm-within off", "/v1/apps/-/switch",
              R"({"to": "green", "confirm_within_ns": 0})"},
        Asked{
            "split green 5% --sticky --sources 10.0.0.0/8,::1", "/v1/apps/-/split",
            R"({"pool": "green", "share": "5%", "sticky": true, "sources": ["10.0.0.0/8", "::1"]})"},
        Asked{"split green --no-sticky --sources none", "/v1/apps/-/split",
              R"({"pool": "green", "sticky": false, "sources": []})"},
        Asked{"split off", "/v1/apps/-/split", R"({"off": true})"},
        Asked{"confirm green#12 --reason ok", "/v1/apps/-/confirm",
              R"({"pool": "green#12", "reason": "ok"})"},
        Asked{"abort --force --not-durable", "/v1/apps/-/abort",
              R"({"force": true, "not_durable": true})"},
        Asked{"rollback", "/v1/apps/-/rollback", "{}"},
        Asked{"prepare green", "/v1/apps/-/prepare", R"({"pool":"green"})"},
        Asked{"prepare green --version 1.3.0 --skip empty --close-over 30s", "/v1/apps/-/prepare",
              R"({"pool":"green","version":"1.3.0","skip":["empty"],"close_over_ns":30000000000})"},
        Asked{"retire blue --close-over 1s", "/v1/apps/-/retire",
              R"({"pool":"blue","close_over_ns":1000000000})"},
        Asked{"retire blue --undo", "/v1/apps/-/retire", R"({"pool":"blue","undo":true})"},
        Asked{
            "rollback --to blue --close-over 1m --not-durable --force", "/v1/apps/-/rollback",
            R"({"to": "blue", "close_over_ns": 60000000000, "not_durable": true, "force": true})"},
        Asked{"drain node1 node2 --deadline 10m --not-durable", "/v1/apps/-/nodes",
              R"({"nodes": ["node1", "node2"], "admin": "drain", "deadline_ns": 600000000000,
                  "not_durable": true})"},
        Asked{"close --pool blue --cancel", "/v1/apps/-/close",
              R"({"pool": "blue", "cancel": true})"},
        Asked{"drain node1 --deadline none", "/v1/apps/-/nodes",
              R"({"nodes": ["node1"], "admin": "drain", "deadline_ns": null})"},
        Asked{"ready node1", "/v1/apps/-/nodes", R"({"nodes": ["node1"], "admin": "ready"})"},
        Asked{"ready node1 --not-durable", "/v1/apps/-/nodes",
              R"({"nodes": ["node1"], "admin": "ready", "not_durable": true})"},
        Asked{"ready 127.0.0.1:8081", "/v1/apps/-/nodes",
              R"({"nodes": ["127.0.0.1:8081"], "admin": "ready"})"},
        Asked{"maint node1 --reason disk", "/v1/apps/-/nodes",
              R"({"nodes": ["node1"], "admin": "maint", "reason": "disk"})"},
        Asked{"close --pool blue --over 30s", "/v1/apps/-/close",
              R"({"pool": "blue", "over_ns": 30000000000})"},
        Asked{"close --node node1 --dry-run", "/v1/apps/-/close",
              R"({"node": "node1", "dry_run": true})"},
        Asked{"close --connection 4711", "/v1/apps/-/close", R"({"connection": 4711})"},
        // A name that would be another path is encoded.
        Asked{"switch green --app a/b?c", "/v1/apps/a%2Fb%3Fc/switch", R"({"to": "green"})"}));

TEST(Request, AConfirmAtATerminalNeedsNoName) {
  ScriptedDaemon daemon(in_turn({http(200, answers::unchanged)}));
  RunOptions terminal;
  terminal.terminal = true;
  EXPECT_EQ(run_at(daemon, "confirm", terminal).code, 0);
  EXPECT_EQ(daemon.only_request().body, "{}");
}

TEST(Request, CarriesTheKeyAndTheEpochAsHeaders) {
  ScriptedDaemon daemon(in_turn({http(200, answers::unchanged)}));
  EXPECT_EQ(run_at(daemon, "switch green --key release-7 --if-epoch 41").code, 0);
  const SeenRequest request = daemon.only_request();
  EXPECT_EQ(request.headers.at("idempotency-key"), "release-7");
  EXPECT_EQ(request.headers.at("if-match"), "\"41\"");
}

TEST(Request, GetsAFreshKeyEachTimeWhereNoneIsGiven) {
  ScriptedDaemon daemon(in_turn({http(200, answers::unchanged)}));
  EXPECT_EQ(run_at(daemon, "switch green").code, 0);
  EXPECT_EQ(run_at(daemon, "switch green").code, 0);
  const auto requests = daemon.seen();
  ASSERT_EQ(requests.size(), 2U);
  const std::string first = requests[0].headers.at("idempotency-key");
  EXPECT_THAT(first, MatchesRegex("cli-[0-9a-f]{24}"));
  EXPECT_NE(first, requests[1].headers.at("idempotency-key"));
  EXPECT_FALSE(requests[0].headers.contains("if-match"));
}

TEST(Request, OfADryRunUsesUpNoKey) {
  ScriptedDaemon daemon(in_turn({http(200, answers::unchanged)}));
  EXPECT_EQ(run_at(daemon, "switch green --dry-run").code, 0);
  EXPECT_FALSE(daemon.only_request().headers.contains("idempotency-key"));
}

class ReadingVerb : public ::testing::TestWithParam<Asked> {};

TEST_P(ReadingVerb, GetsItsPath) {
  const std::string body =
      R"({"process": {}, "apps": [{"name": "web", "pools": [{"name": "green"}]}], "name": "web",
          "active": "blue", "pools": [], "app": "web", "events": [], "connections": [],
          "drift": []})";
  ScriptedDaemon daemon(in_turn({http(200, body)}));
  const Ran ran = run_at(daemon, GetParam().line);
  EXPECT_EQ(ran.code, 0) << ran.err;
  const SeenRequest request = daemon.seen().back();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, GetParam().target);
  EXPECT_EQ(request.body, "");
  EXPECT_FALSE(request.headers.contains("content-length"));
}

INSTANTIATE_TEST_SUITE_P(
    All, ReadingVerb,
    ::testing::Values(Asked{"status", "/v1/status", ""}, Asked{"status green", "/v1/status", ""},
                      Asked{"status --app web", "/v1/status", ""},
                      Asked{"status --app web --json", "/v1/apps/web", ""},
                      Asked{"connections", "/v1/apps/web/connections?limit=100", ""},
                      Asked{"connections --pool blue --node 127.0.0.1:80 --limit 7 --app web",
                            "/v1/apps/web/connections?limit=7&pool=blue&node=127.0.0.1%3A80", ""},
                      Asked{"events", "/v1/events", ""}, Asked{"diff", "/v1/status", ""},
                      Asked{"diff --app web", "/v1/apps/web/diff", ""}));

TEST(Socket, IsTheFlagThenTheVariableThenTheDefaultOfTheUser) {
  ScriptedDaemon daemon(in_turn({http(200, R"({"process": {}, "apps": []})")}));
  const RunOptions elsewhere{.variables = {{"SHUNT_SOCKET", "/nowhere/from-variable"}}};
  EXPECT_EQ(run_line("diff --socket " + daemon.socket_path(), elsewhere).code, 0);
  EXPECT_THAT(run_line("diff", elsewhere).err, ::testing::HasSubstr("/nowhere/from-variable"));
  const RunOptions user{.variables = {{"XDG_RUNTIME_DIR", "/nowhere/user"}}, .uid = 1000};
  EXPECT_EQ(
      run_line("diff", user).err,
      "cannot connect to /nowhere/user/shunt/admin.sock and /nowhere/run/shunt/admin.sock: No "
      "such file or directory\n"
      "is the daemon running (shunt serve)? another socket is named by --socket PATH or by the "
      "variable SHUNT_SOCKET\n");
  const RunOptions root{.variables = {{"XDG_RUNTIME_DIR", "/nowhere/user"}}, .uid = 0};
  EXPECT_THAT(run_line("diff", root).err,
              ::testing::StartsWith("cannot connect to /nowhere/run/shunt/admin.sock: No such"));
}

TEST(Socket, IsTheSystemsWhereTheUserHasNone) {
  ScriptedDaemon daemon(in_turn({http(200, R"({"process": {}, "apps": []})")}));
  const RunOptions user{.variables = {{"XDG_RUNTIME_DIR", "/nowhere/user"}},
                        .uid = 1000,
                        .system_socket = daemon.socket_path()};
  EXPECT_EQ(run_line("diff", user).code, 0);
}

TEST(Socket, OfTheUserWhereNobodyListensIsNotPassedOver) {
  std::string runtime = (std::filesystem::temp_directory_path() / "shunt-cli-XXXXXX").string();
  ASSERT_NE(::mkdtemp(runtime.data()), nullptr);
  std::filesystem::create_directory(runtime + "/shunt");
  const std::string path = runtime + "/shunt/admin.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const base::UniqueFd left_over(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(left_over.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ScriptedDaemon daemon(in_turn({http(200, R"({"process": {}, "apps": []})")}));
  const RunOptions user{.variables = {{"XDG_RUNTIME_DIR", runtime}},
                        .uid = 1000,
                        .system_socket = daemon.socket_path()};
  const Ran ran = run_line("diff", user);
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.err, ::testing::StartsWith("cannot connect to " + path + ": Connection refused"));
  EXPECT_TRUE(daemon.seen().empty());
  std::filesystem::remove_all(runtime);
}

}  // namespace
}  // namespace shunt::cli
