// Every route, over both sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>

#include "src/admin/openapi.hpp"
#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

control::StatusSnapshot two_apps() {
  control::StatusSnapshot snapshot;
  snapshot.process.phase = "ready";
  for (const char* name : {"web", "db"}) {
    control::AppStatus app;
    app.name = name;
    app.drift = {std::string(name) + " differs"};
    snapshot.apps.push_back(app);
  }
  return snapshot;
}

TEST(AdminServer, SaysWhetherItLivesAndIsReady) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  EXPECT_EQ(client.get("/live").body, R"({"live":true})");
  EXPECT_EQ(client.get("/ready").body, R"({"ready":true})");
  admin.controller.set_degraded_because("the disk is full");
  const Response degraded = client.get("/ready");
  EXPECT_EQ(degraded.status, 200) << "a full disk is no reason to send traffic elsewhere";
  EXPECT_EQ(degraded.body, R"({"ready":true,"degraded":"the disk is full"})");
  admin.controller.set_degraded_because("");

  admin.controller.set_alive(false);
  admin.controller.set_not_ready_because("a worker does not answer");
  const Response live = client.get("/live");
  EXPECT_EQ(live.status, 503);
  EXPECT_EQ(live.body, R"({"live":false})");
  const Response ready = client.get("/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, R"({"ready":false,"reason":"a worker does not answer"})");
}

TEST(AdminServer, AnswersWhileTheDaemonStarts) {
  RunningAdmin admin({}, RunningAdmin::Start::kWithoutController);
  Client client = admin.unix_client();
  EXPECT_EQ(client.get("/live").status, 200);
  EXPECT_EQ(client.get("/ready").body, R"({"ready":false,"reason":"starting"})");
  EXPECT_EQ(client.get("/metrics").status, 200);
  for (const char* path :
       {"/v1/status", "/v1/config", "/v1/apps/web", "/v1/apps/web/connections"}) {
    const Response response = client.get(path);
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_EQ(response.kind(), "unavailable") << path;
    EXPECT_EQ(response.headers.at("retry-after"), "1") << path;
  }
  EXPECT_EQ(client.post("/v1/apps/web/switch", R"({"to": "green"})").kind(), "unavailable");

  admin.on_loop([&] { admin.server->attach(&admin.controller); });
  EXPECT_EQ(client.get("/v1/status").status, 200);
}

TEST(AdminServer, GivesMetricsConfigurationAndItsDescription) {
  RunningAdmin admin;
  admin.controller.set_config("/etc/shunt/shunt.yaml", "apps: {}\n");
  Client client = admin.tcp_client();
  const Response metrics = client.get("/metrics");
  EXPECT_EQ(metrics.body, "shunt_up 1\n");
  EXPECT_EQ(metrics.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(client.get("/v1/config").body,
            R"({"path":"/etc/shunt/shunt.yaml","text":"apps: {}\n"})");
  EXPECT_EQ(client.get("/v1/openapi.json").body, openapi_document());
}

TEST(AdminServer, GivesTheSnapshotAndItsApps) {
  RunningAdmin admin;
  admin.controller.set_snapshot(two_apps());
  Client client = admin.tcp_client();
  const Response status = client.get("/v1/status");
  EXPECT_EQ(status.status, 200);
  EXPECT_EQ(status.headers.at("content-type"), "application/json");
  EXPECT_THAT(status.json().at("apps").as_array(), SizeIs(2));
  EXPECT_EQ(client.get("/v1/apps/db").json().at("name").as_string(), "db");
  EXPECT_EQ(client.get("/v1/apps/db/diff").body, R"({"app":"db","drift":["db differs"]})");

  const Response missing = client.get("/v1/apps/shop");
  EXPECT_EQ(missing.kind(), "not_found");
  EXPECT_THAT(missing.body, HasSubstr("web, db"));
  EXPECT_EQ(client.get("/v1/apps/-").kind(), "invalid");

  control::StatusSnapshot one = two_apps();
  one.apps.pop_back();
  admin.controller.set_snapshot(one);
  EXPECT_EQ(client.get("/v1/apps/-").json().at("name").as_string(), "web");
}

// Readers over TCP must not take the time that commands need (tcp_turns.hpp).
TEST(AdminServer, ReadersOverTcpShareAnAnswerAndThoseOnTheUnixSocketDoNot) {
  RunningAdmin admin;
  const auto asked_at_once = [&](Client first, Client second) {
    for (Client* client : {&first, &second}) EXPECT_EQ(client->get("/live").status, 200);
    const int before = admin.controller.snapshots();
    admin.on_loop([&] {  // so that the server finds both at once
      for (Client* client : {&first, &second}) {
        client->send("GET /v1/status HTTP/1.1\r\nHost: " + client->host() + "\r\n\r\n");
      }
    });
    for (Client* client : {&first, &second}) EXPECT_EQ(client->receive().status, 200);
    return admin.controller.snapshots() - before;
  };
  EXPECT_EQ(asked_at_once(admin.tcp_client(), admin.tcp_client()), 1);
  EXPECT_EQ(asked_at_once(admin.unix_client(), admin.unix_client()), 2);
}

TEST(AdminServer, AWorkerThatDoesNotAnswerKeepsNoOtherReaderOverTcpWaiting) {
  RunningAdmin admin;
  admin.controller.hold();
  Client stuck = admin.tcp_client();
  stuck.send("GET /v1/apps/web/connections HTTP/1.1\r\nHost: " + stuck.host() + "\r\n\r\n");
  wait_for(admin, [&] { return admin.controller.held_lists() == 1; });
  EXPECT_EQ(admin.tcp_client().get("/v1/status").status, 200);
}

TEST(AdminServer, ListsConnections) {
  RunningAdmin admin;
  control::ConnectionsAnswer answer;
  answer.matched = 7;
  admin.controller.set_connections(answer);
  Client client = admin.tcp_client();
  EXPECT_EQ(client.get("/v1/apps/web/connections?pool=blue&node=n%201&limit=5").body,
            R"({"matched":7,"connections":[]})");
  const control::ConnectionsQuery query = admin.controller.query();
  EXPECT_EQ(query.app, "web");
  EXPECT_EQ(query.pool, "blue");
  EXPECT_EQ(query.node, "n 1");
  EXPECT_EQ(query.limit, 5U);

  admin.controller.set_connections(base::fail(base::ErrorCode::kNotFound, "there is no pool red"));
  const Response missing = client.get("/v1/apps/web/connections");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.kind(), "not_found");
  EXPECT_EQ(client.get("/v1/apps/web/connections?limit=10001").kind(), "bad_request");
}

TEST(AdminServer, AppliesEveryKindOfCommand) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  EXPECT_EQ(client
                .post("/v1/apps/web/switch", R"({"to": "green", "reason": "v2"})",
                      "Idempotency-Key: k1\r\nIf-Match: \"41\"\r\n")
                .status,
            200);
  EXPECT_EQ(client.post("/v1/apps/-/rollback", "").status, 200);
  EXPECT_EQ(client.post("/v1/apps/web/nodes", R"({"nodes": ["n1"], "admin": "maint"})").status,
            200);
  EXPECT_EQ(client.post("/v1/apps/web/close", R"({"connection": 5})").status, 200);

  const auto commands = admin.controller.commands();
  ASSERT_THAT(commands, SizeIs(4));
  EXPECT_EQ(commands[0].verb, control::Verb::kSwitch);
  EXPECT_EQ(commands[0].app, "web");
  EXPECT_EQ(commands[0].pool, "green");
  EXPECT_EQ(commands[0].key, "k1");
  EXPECT_EQ(commands[0].if_epoch, 41U);
  EXPECT_EQ(commands[0].reason, "v2");
  EXPECT_THAT(commands[0].actor, StartsWith("uid " + std::to_string(::geteuid())));
  EXPECT_EQ(commands[1].verb, control::Verb::kRollback);
  EXPECT_EQ(commands[1].app, "");
  EXPECT_FALSE(commands[1].if_epoch);
  EXPECT_EQ(commands[2].verb, control::Verb::kAdmin);
  EXPECT_EQ(commands[2].admin, traffic::AdminState::kMaint);
  EXPECT_EQ(commands[3].verb, control::Verb::kClose);
  EXPECT_EQ(commands[3].connection, 5U);
}

TEST(AdminServer, NamesTheUserWhereItIsKnown) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root is in every /etc/passwd";
  RunningAdmin admin;
  Client client = admin.unix_client();
  client.post("/v1/apps/web/rollback", "{}");
  EXPECT_EQ(admin.controller.commands().at(0).actor, "uid 0 (root)");
}

TEST(AdminServer, GivesTheOutcomeOfACommandThatTakesTime) {
  RunningAdmin admin;
  admin.controller.hold();
  Client slow = admin.unix_client();
  slow.send(
      "POST /v1/apps/web/rollback HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 2\r\n\r\n{}GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  wait_for(admin, [&] { return admin.controller.held() == 1; });
  // Others are served meanwhile; the same client's next request waits for its turn.
  EXPECT_EQ(admin.unix_client().get("/live").status, 200);

  control::Outcome outcome;
  outcome.kind = control::OutcomeKind::kRefused;
  outcome.message = "nothing to roll back to";
  admin.on_loop([&] {
    for (const auto& done : admin.controller.take_held()) done(outcome);
  });
  EXPECT_EQ(slow.receive().kind(), "refused");
  EXPECT_EQ(slow.receive().body, R"({"live":true})");
}

TEST(AdminServer, FinishesACommandWhoseClientIsGone) {
  RunningAdmin admin;
  admin.controller.hold();
  {
    Client client = admin.unix_client();
    client.send(
        "POST /v1/apps/web/rollback HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    wait_for(admin, [&] { return admin.controller.held() == 1; });
  }
  admin.on_loop([&] {
    for (const auto& done : admin.controller.take_held()) done({});
  });
  EXPECT_EQ(admin.unix_client().get("/live").status, 200);
}

TEST(AdminServer, ListsEventsFromWhereAClientLeftOff) {
  RunningAdmin admin;
  for (int i = 1; i <= 150; ++i) admin.publish("event " + std::to_string(i));
  Client client = admin.tcp_client();
  const auto ids = [&](std::string_view target) {
    std::vector<std::int64_t> found;
    const boost::json::value events = client.get(target).json();
    for (const auto& event : events.at("events").as_array()) {
      found.push_back(event.at("id").to_number<std::int64_t>());
    }
    return found;
  };
  EXPECT_THAT(ids("/v1/events"), SizeIs(150));
  EXPECT_THAT(ids("/v1/events?limit=2"), ElementsAre(149, 150));
  EXPECT_THAT(ids("/v1/events?after=10&limit=2"), ElementsAre(11, 12));
  EXPECT_THAT(ids("/v1/events?after=150"), SizeIs(0));
  EXPECT_EQ(client.get("/v1/events?after=x&limit=-1").kind(), "bad_request");
}

}  // namespace
}  // namespace shunt::admin::testing
