#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Asks for the stream and reads up to the comment that opens it.
std::string follow(Client& client, std::string_view headers = {}) {
  client.send("GET /v1/events HTTP/1.1\r\nHost: " + client.host() +
              "\r\nAccept: application/json;q=0.5, text/event-stream\r\n" + std::string(headers) +
              "\r\n");
  return client.receive_until(": shunt events\n\n");
}

TEST(EventStream, SendsWhatHappensFromNowOn) {
  RunningAdmin admin;
  admin.publish("before");
  Client client = admin.tcp_client();
  const std::string head = follow(client);
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
  admin.publish("green is live");
  const std::string frame = client.receive_until("\n\n");
  EXPECT_THAT(frame, HasSubstr("id: 2\ndata: {\"id\":2,"));
  EXPECT_THAT(frame, HasSubstr("\"message\":\"green is live\""));
}

TEST(EventStream, IsNotForAClientThatWeighsItZero) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  for (const char* accept :
       {"text/event-stream;q=0", "text/event-stream; Q=0.000 , application/json",
        "text/event-stream;charset=utf-8 ;q=0.0"}) {
    const Response response = client.get("/v1/events", "Accept: " + std::string(accept) + "\r\n");
    ASSERT_EQ(response.body, R"({"events":[]})") << accept;
  }
  for (const char* accept : {"text/event-stream;q=0.001",
                             "text/event-stream;q=0, text/event-stream", "text/event-stream;q"}) {
    Client follower = admin.unix_client();
    follower.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: " + std::string(accept) +
                  "\r\n\r\n");
    EXPECT_THAT(follower.receive_until(": shunt events\n\n"), HasSubstr("text/event-stream"));
  }
}

TEST(EventStream, ResumesBehindTheLastEventSeen) {
  RunningAdmin admin;
  for (int i = 1; i <= 5; ++i) admin.publish("event " + std::to_string(i));
  Client client = admin.tcp_client();
  follow(client, "Last-Event-ID: 3\r\n");
  admin.publish("event 6");
  for (int id = 4; id <= 6; ++id) {
    EXPECT_THAT(client.receive_until("\n\n"), HasSubstr("id: " + std::to_string(id) + "\n"));
  }
}

TEST(EventStream, SendsAllToAClientFromBeforeTheClockWasSetBack) {
  RunningAdmin admin;
  admin.publish("after the restart");
  Client client = admin.tcp_client();
  follow(client, "Last-Event-ID: 4711\r\n");
  EXPECT_THAT(client.receive_until("\n\n"), HasSubstr("id: 1\n"));
}

TEST(EventStream, SendsEachEventOnceWhenItIsKeptBeforeItIsToldOf) {
  RunningAdmin admin;
  Client first = admin.tcp_client();
  follow(first);  // the server listens to the feed from now on
  control::Event event;
  event.id = 1;
  event.message = "kept";
  admin.on_loop([&] { admin.feed.keep(event); });
  Client client = admin.tcp_client();
  follow(client, "Last-Event-ID: 0\r\n");
  admin.on_loop([&] { admin.feed.tell(event); });
  admin.publish("next");
  EXPECT_THAT(client.receive_until("\n\n"), HasSubstr("id: 1\n"));
  EXPECT_THAT(client.receive_until("\n\n"), HasSubstr("id: 2\n"));
  EXPECT_THAT(first.receive_until("\n\n"), HasSubstr("id: 1\n"));
}

TEST(EventStream, RefusesWhatIsNoEventId) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  const std::string accept = "Accept: text/event-stream\r\n";
  EXPECT_EQ(client.get("/v1/events", accept + "Last-Event-ID: last\r\n").kind(), "bad_request");
  EXPECT_EQ(client.get("/v1/events?after=1", accept).kind(), "bad_request");
  EXPECT_EQ(client.get("/v1/events", "Accept: application/json\r\n").body, R"({"events":[]})");
}

TEST(EventStream, IsChunkedAndHasAnEnd) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  const std::string head = follow(client);
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\n\r\n10\r\n: shunt events\n\n"));
  auto stopped = admin.begin_stop();
  EXPECT_EQ(client.receive_until("0\r\n\r\n"), "\r\n0\r\n\r\n");
  EXPECT_TRUE(client.closed_by_server());
  stopped.get();
}

TEST(EventStream, IsPlainForHttp10) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  client.send("GET /v1/events HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n");
  const std::string head = client.receive_until(": shunt events\n\n");
  EXPECT_THAT(head, Not(HasSubstr("chunked")));
  admin.publish("one");
  EXPECT_THAT(client.receive_until("\n\n"), ::testing::StartsWith("id: 1\ndata: "));
}

TEST(EventStream, BeatsSoThatTheDeadAreFound) {
  AdminLimits limits;
  limits.stream_heartbeat = base::kMillisecond;
  RunningAdmin admin(limits);
  Client client = admin.tcp_client();
  follow(client);
  EXPECT_THAT(client.receive_until(":\n\n"), HasSubstr(":\n\n"));
  EXPECT_THAT(client.receive_until(":\n\n"), HasSubstr(":\n\n"));
}

TEST(EventStream, OfAFollowerThatDoesNotReadIsDropped) {
  AdminLimits limits;
  limits.subscriber_bytes = 100'000;
  RunningAdmin admin(limits);
  Client stuck = admin.unix_client();
  follow(stuck);
  Client other = admin.unix_client();
  follow(other);
  // Far more than the socket takes and the queue keeps; the other one reads on.
  const std::string message(10'000, 'm');
  for (int id = 1; id <= 200; ++id) {
    admin.publish(message);
    ASSERT_THAT(other.receive_until("\n\n"), HasSubstr("id: " + std::to_string(id) + "\n"));
  }
  const std::string got = stuck.receive_until("id: 200\n");
  EXPECT_THAT(got, Not(HasSubstr("id: 200\n")));
}

TEST(EventStream, OfAFollowerThatStopsTakingAnythingIsDroppedInTime) {
  AdminLimits limits;
  limits.stream_heartbeat = 5 * base::kMillisecond;
  limits.subscribers = 1;
  limits.subscriber_bytes = 100'000'000;
  RunningAdmin admin(limits);
  Client stuck = admin.unix_client();
  follow(stuck);
  admin.publish(std::string(5'000'000, 'm'));
  // Its place is free again once it was dropped.
  while (admin.unix_client().get("/v1/events", "Accept: text/event-stream\r\n").status == 503) {
    std::this_thread::yield();
  }
}

TEST(EventStream, IsForABoundedNumberOfFollowers) {
  AdminLimits limits;
  limits.http_subscribers = 1;
  RunningAdmin admin(limits);
  auto first = std::make_unique<Client>(admin.http());
  follow(*first);
  Client second = admin.tcp_client();
  EXPECT_EQ(second.get("/v1/events", "Accept: text/event-stream\r\n").kind(), "busy");
  EXPECT_EQ(second.get("/live").status, 200);
  first.reset();
  while (admin.tcp_client().get("/v1/events", "Accept: text/event-stream\r\n").status == 503) {
    std::this_thread::yield();
  }
}

TEST(EventStream, LetsGoOfTheFeedWhenTheServerStops) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  follow(client);
  EXPECT_EQ(admin.on_loop([&] { return admin.feed.subscriptions(); }), 1U);
  admin.stop();
  EXPECT_EQ(admin.on_loop([&] { return admin.feed.subscriptions(); }), 0U);
}

}  // namespace
}  // namespace shunt::admin::testing
