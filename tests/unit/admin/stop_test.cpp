#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRollback =
    "POST /v1/apps/web/rollback HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 2\r\n\r\n{}";

TEST(AdminStop, ClosesIdleConnectionsAndRemovesTheSocket) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  EXPECT_EQ(client.get("/live").status, 200);
  admin.stop();
  EXPECT_TRUE(client.closed_by_server());
  EXPECT_FALSE(std::filesystem::exists(admin.socket()));
}

TEST(AdminStop, FinishesTheAnswerUnderWay) {
  AdminLimits limits;
  limits.stop_time = 60 * base::kSecond;
  RunningAdmin admin(limits);
  admin.controller.hold();
  Client client = admin.unix_client();
  client.send(kRollback);
  wait_for(admin, [&] { return admin.controller.held() == 1; });
  auto stopped = admin.begin_stop();
  control::Outcome outcome;
  outcome.message = "done while stopping";
  admin.on_loop([&] {
    for (const auto& done : admin.controller.take_held()) done(outcome);
  });
  const Response response = client.receive();
  EXPECT_THAT(response.body, HasSubstr("done while stopping"));
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(client.closed_by_server());
  stopped.get();
}

TEST(AdminStop, DoesNotWaitLongForAnAnswer) {
  AdminLimits limits;
  limits.stop_time = base::kMillisecond;
  RunningAdmin admin(limits);
  admin.controller.hold();
  Client client = admin.unix_client();
  client.send(kRollback);
  wait_for(admin, [&] { return admin.controller.held() == 1; });
  admin.stop();
  EXPECT_TRUE(client.closed_by_server());
  // An answer that comes later finds nobody and does no harm.
  admin.on_loop([&] {
    for (const auto& done : admin.controller.take_held()) done({});
  });
}

TEST(AdminStop, WithoutConnectionsIsToldAfterItReturns) {
  RunningAdmin admin;
  bool told = false;
  admin.on_loop([&] {
    admin.server->stop([&] { told = true; });
    EXPECT_FALSE(told);
  });
  wait_for(admin, [&] { return told; });
}

TEST(AdminStop, DestructionDropsEverything) {
  RunningAdmin admin;
  admin.controller.hold();
  Client idle = admin.unix_client();
  Client waiting = admin.unix_client();
  waiting.send(kRollback);
  wait_for(admin, [&] { return admin.controller.held() == 1; });
  admin.on_loop([&] { admin.server.reset(); });
  EXPECT_TRUE(idle.closed_by_server());
  EXPECT_TRUE(waiting.closed_by_server());
  EXPECT_FALSE(std::filesystem::exists(admin.socket()));
  admin.on_loop([&] {
    for (const auto& done : admin.controller.take_held()) done({});
  });
}

}  // namespace
}  // namespace shunt::admin::testing
