// What control learns from the workers and about them: limits, life, connections.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::ControlRig;
using testing::HasSubstr;

TEST(Limits, AreToldAtOnceAndThenSummedUp) {
  ControlRig rig;
  rig.timing.limit_interval = 30 * base::kMillisecond;
  rig.start();
  const auto refuse = [&](std::uint64_t count) {
    constexpr auto kAt = static_cast<std::size_t>(proxy::CloseCause::kConnectionLimit);
    rig.data_plane->bump(1).closed[kAt].add(count);
  };
  refuse(1);
  rig.run_until([&] { return rig.events.count("limit") == 1; });
  EXPECT_EQ(rig.events.last("limit").message,
            "the limit of connections was reached: 1 time; more are told in 30ms");
  refuse(2);
  refuse(3);
  rig.data_plane->bump(0).accept_errors.add(1);
  rig.run_until([&] { return rig.events.count("limit") == 3; });
  std::vector<std::string> causes;
  std::uint64_t refused = 0;
  for (const Event& event : rig.events.events) {
    if (event.type != "limit") continue;
    causes.push_back(event.fields.at(0).second);
    if (causes.back() == "connection_limit") refused += std::stoull(event.fields.at(1).second);
  }
  EXPECT_THAT(causes, testing::Contains("accept_errors"));
  EXPECT_EQ(refused, 6U);
}

TEST(Ready, IsToldWhenItChanges) {
  ControlRig rig;
  rig.timing.ping_bound = base::kMillisecond;
  rig.start();
  EXPECT_EQ(rig.events.last("ready").message, "ready");
  rig.data_plane->worker[1].answers = false;
  rig.run_until([&] { return rig.events.count("ready") == 2; });
  EXPECT_EQ(rig.events.last("ready").message, "not ready any more: worker 1 does not answer");
  EXPECT_EQ(rig.events.last("ready").level, EventLevel::kError);
  rig.data_plane->answer_all(1);
  rig.run_until([&] { return rig.events.count("ready") == 3; });
  rig.plane->begin_stop();
  EXPECT_EQ(rig.events.last("ready").message, "not ready any more: stopping");
  EXPECT_EQ(rig.events.last("ready").level, EventLevel::kInfo);
}

TEST(Watchdog, AWorkerThatDoesNotAnswerIsNotAlive) {
  ControlRig rig;
  rig.timing.ping_bound = base::kMillisecond;
  rig.start();
  rig.run_until([&] { return rig.data_plane->pings > 4; });
  rig.data_plane->worker[1].answers = false;
  rig.run_until([&] { return !rig.plane->alive(); });
  EXPECT_THAT(rig.plane->not_ready_because(), HasSubstr("worker 1 does not answer"));
  rig.data_plane->answer_all(1);
  rig.run_until([&] { return rig.plane->alive(); });
  EXPECT_TRUE(rig.plane->not_ready_because().empty());
}

TEST(BusyPoll, IsShownAsConfiguredWithWhatHoldsWorkersOff) {
  ControlRig rig;
  rig.config.busy_poll = {};
  rig.start();
  const auto process = [&] { return rig.plane->status().process; };
  EXPECT_EQ(process().busy_poll, "auto");
  EXPECT_EQ(process().busy_poll_held, "");
  using proxy::BusyPollHold;
  rig.data_plane->worker[1].busy_poll_hold = BusyPollHold::kCpuShared;
  EXPECT_EQ(process().busy_poll_held, "others use the CPU (1 of 2 workers)");
  rig.data_plane->worker[0].busy_poll_hold = BusyPollHold::kCpuUnknown;
  EXPECT_EQ(process().busy_poll_held,
            "it is not known yet whether others use the CPU (1 of 2 workers), "
            "others use the CPU (1 of 2 workers)");
  for (auto& worker : rig.data_plane->worker) worker.busy_poll_hold = BusyPollHold::kCpuQuota;
  EXPECT_EQ(process().busy_poll_held, "a control group limits the CPU time");
  rig.config.busy_poll = {.mode = proxy::BusyPollMode::kAlways, .span = 50 * base::kMicrosecond};
  EXPECT_EQ(process().busy_poll, "50us");
  rig.config.busy_poll = {.mode = proxy::BusyPollMode::kOff};
  EXPECT_EQ(process().busy_poll, "off");
}

TEST(Connections, AreListedWithNamesOldestFirst) {
  ControlRig rig;
  rig.start();
  proxy::ConnectionInfo info;
  info.id = 7;
  info.client.family = AF_INET;
  info.client.port = 4000;
  info.client.bytes[0] = 127;
  info.client.bytes[3] = 1;
  info.service = 1;
  info.pool = 0;
  info.node = 1;
  info.age = 5;
  rig.data_plane->worker[0].connections = {info};
  info.id = 8;
  info.age = 9;
  rig.data_plane->worker[1].connections = {info, info};
  rig.data_plane->worker[1].matches = 2;
  rig.data_plane->worker[0].matches = 1;
  std::optional<base::Result<ConnectionsAnswer>> answer;
  rig.plane->connections({.app = "", .pool = "blue", .node = "", .limit = 2},
                         [&](auto result) { answer = std::move(result); });
  rig.run_until([&] { return answer.has_value(); });
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->matched, 3U);
  ASSERT_EQ((*answer)->rows.size(), 2U);
  const ConnectionRow& row = (*answer)->rows[0];
  EXPECT_EQ(row.id, 8U);
  EXPECT_EQ(row.client, "127.0.0.1:4000");
  EXPECT_EQ(row.service, "https");
  EXPECT_EQ(row.pool, "blue");
  EXPECT_EQ(row.node, "b2");
}

TEST(Connections, OfSomethingUnknownAreNotFound) {
  ControlRig rig;
  rig.start();
  std::optional<base::Result<ConnectionsAnswer>> answer;
  rig.plane->connections({.app = "", .pool = "purple", .node = "zz", .limit = 2},
                         [&](auto result) { answer = std::move(result); });
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, base::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace shunt::control
