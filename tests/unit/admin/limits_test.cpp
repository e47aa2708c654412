// Slow, many and silent clients: each is bounded, and none holds up another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Times that pass at once, for tests that wait for them to pass.
constexpr base::Duration kSoon = 20 * base::kMillisecond;

AdminLimits header_soon() {
  AdminLimits limits;
  limits.header_time = kSoon;
  return limits;
}

TEST(AdminLimits, AHeaderMustArriveInTime) {
  RunningAdmin admin(header_soon());
  for (;;) {
    Client client = admin.unix_client();
    client.send("GET /live HTTP/1.1\r\nHost: loc");
    const Response response = client.receive();
    if (response.status == 0) continue;  // on a busy machine even the first byte came too late
    EXPECT_EQ(response.status, 408);
    EXPECT_EQ(response.kind(), "timeout");
    EXPECT_TRUE(client.closed_by_server());
    break;
  }
}

TEST(AdminLimits, AClientThatNeverSpeaksIsClosed) {
  RunningAdmin admin(header_soon());
  Client client = admin.tcp_client();
  EXPECT_TRUE(client.closed_by_server());
}

TEST(AdminLimits, ABodyMustArriveInTime) {
  AdminLimits limits;
  limits.body_time = kSoon;
  RunningAdmin admin(limits);
  Client client = admin.unix_client();
  client.send(
      "POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 15\r\n\r\n{\"to\": \"gr");
  EXPECT_EQ(client.receive().kind(), "timeout");
  client.send("een\"}");
  EXPECT_TRUE(client.closed_by_server());
  EXPECT_THAT(admin.controller.commands(), SizeIs(0));
}

TEST(AdminLimits, AnIdleConnectionIsClosed) {
  AdminLimits limits;
  limits.idle_time = kSoon;
  RunningAdmin admin(limits);
  Client client = admin.unix_client();
  EXPECT_EQ(client.get("/live").status, 200);
  EXPECT_TRUE(client.closed_by_server());
}

TEST(AdminLimits, AClientThatDoesNotReadItsAnswerIsDropped) {
  AdminLimits limits;
  limits.write_time = kSoon;
  RunningAdmin admin(limits);
  admin.controller.set_config("path", std::string(8'000'000, 'x'));
  Client client = admin.unix_client();
  client.send("GET /v1/config HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(admin.unix_client().get("/live").status, 200);  // others are served meanwhile
  client.wait_for_hangup();
  EXPECT_LT(client.receive_until("no such text").size(), 8'000'000U);
}

TEST(AdminLimits, ALargeAnswerArrivesWhole) {
  RunningAdmin admin;
  const std::string text(20'000'000, 'x');
  admin.controller.set_config("path", text);
  Client client = admin.tcp_client();
  EXPECT_EQ(client.get("/v1/config").json().at("text").as_string(), text);
  EXPECT_EQ(client.get("/live").status, 200);
}

TEST(AdminLimits, SlowClientsHoldUpNobody) {
  RunningAdmin admin;  // with its usual times: the slow ones stay for the whole test
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 30; ++i) {
    slow.push_back(std::make_unique<Client>(admin.socket()));
    slow.back()->send("POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    slow.push_back(std::make_unique<Client>(admin.socket()));
    slow.back()->send(
        "POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{");
  }
  Client client = admin.unix_client();
  for (int i = 0; i < 50; ++i) {
    for (const auto& one : slow) one->send(" ");
    ASSERT_EQ(client.post("/v1/apps/web/switch", R"({"to": "green"})").status, 200);
  }
  EXPECT_THAT(admin.controller.commands(), SizeIs(50));
}

// Takes a place and keeps it busy: it follows events.
Client follower(Client client) {
  client.send("GET /v1/events HTTP/1.1\r\nHost: " + client.host() +
              "\r\nAccept: text/event-stream\r\n\r\n");
  static_cast<void>(client.receive_until(": shunt events\n\n"));
  return client;
}

TEST(AdminLimits, WhoOnlyHoldsAPlaceMakesRoomForWhoAsks) {
  AdminLimits limits;
  limits.connections = 2;
  RunningAdmin admin(limits);
  Client idle = admin.unix_client();
  EXPECT_EQ(idle.get("/live").status, 200);
  Client slow = admin.unix_client();
  slow.send("POST /v1/apps/web/switch HTTP/1.1\r\nHost: x");
  // Each comes after the one before was answered: of those that have not asked yet, the first to
  // come is the first to go, and would be an operator.
  std::vector<Client> operators;
  for (int i = 0; i < 3; ++i) {
    operators.push_back(admin.unix_client());
    EXPECT_EQ(operators.back().post("/v1/apps/web/rollback", "{}").status, 200);
  }
  EXPECT_TRUE(idle.closed_by_server());
  EXPECT_TRUE(slow.closed_by_server());
}

TEST(AdminLimits, TheNewestClientBeyondTheLimitIsTurnedAway) {
  AdminLimits limits;
  limits.connections = 2;
  limits.http_connections = 1;
  RunningAdmin admin(limits);
  Client first = follower(admin.unix_client());
  auto second = std::make_unique<Client>(follower(admin.unix_client()));

  Client third = admin.unix_client();
  const Response busy = third.get("/live");
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.kind(), "busy");
  EXPECT_TRUE(third.closed_by_server());
  // Those who were there go on, TCP has places of its own, and a place that is left is taken again.
  admin.publish("still here");
  EXPECT_THAT(first.receive_until("\n\n"), HasSubstr("still here"));
  EXPECT_EQ(admin.tcp_client().get("/live").status, 200);
  second.reset();
  while (admin.unix_client().get("/live").status != 200) std::this_thread::yield();
}

TEST(AdminLimits, FollowersOverTcpLeaveThoseOnTheUnixSocketTheirPlaces) {
  AdminLimits limits;
  limits.subscribers = 1;
  limits.http_subscribers = 2;
  RunningAdmin admin(limits);
  Client first = follower(admin.tcp_client());
  Client second = follower(admin.tcp_client());
  const std::string accept = "Accept: text/event-stream\r\n";
  EXPECT_EQ(admin.tcp_client().get("/v1/events", accept).kind(), "busy");
  Client operating = follower(admin.unix_client());
  EXPECT_EQ(admin.unix_client().get("/v1/events", accept).kind(), "busy");
  admin.publish("for all");
  for (Client* client : {&first, &second, &operating}) {
    EXPECT_THAT(client->receive_until("\n\n"), HasSubstr("for all"));
  }
}

TEST(AdminLimits, AFloodOfClientsBeyondTheLimitIsClosed) {
  AdminLimits limits;
  limits.connections = 1;
  RunningAdmin admin(limits);
  Client first = follower(admin.unix_client());
  std::vector<std::unique_ptr<Client>> flood;
  for (int i = 0; i < 60; ++i) flood.push_back(std::make_unique<Client>(admin.socket()));
  int told = 0;
  for (const auto& client : flood) told += client->receive().status == 503 ? 1 : 0;
  EXPECT_GE(told, 16);
  admin.publish("still here");
  EXPECT_THAT(first.receive_until("\n\n"), HasSubstr("still here"));
}

}  // namespace
}  // namespace shunt::admin::testing
