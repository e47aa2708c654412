// HTTP as such: methods, versions, connections, framing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(AdminProtocol, KeepsTheConnectionForManyRequests) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  for (int i = 0; i < 200; ++i) {
    const Response response = client.post("/v1/apps/web/switch", R"({"to": "green"})");
    ASSERT_EQ(response.status, 200);
    ASSERT_EQ(response.headers.at("connection"), "keep-alive");
  }
  EXPECT_THAT(admin.controller.commands(), SizeIs(200));
}

TEST(AdminProtocol, AnswersHeadLikeGetWithoutTheBody) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  client.send("HEAD /live HTTP/1.1\r\nHost: " + client.host() + "\r\n\r\n");
  const Response head = client.receive(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "13");
  // The next answer begins right behind the head.
  EXPECT_EQ(client.get("/live").body, R"({"live":true})");
  client.send("HEAD /nowhere HTTP/1.1\r\nHost: " + client.host() + "\r\n\r\n");
  EXPECT_EQ(client.receive(true).status, 404);
  EXPECT_EQ(client.get("/live").status, 200);
}

TEST(AdminProtocol, SaysWhichMethodsAPathTakes) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  const auto options = [&](std::string_view target) {
    client.send("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    Response response = client.receive();
    EXPECT_EQ(response.status, 204);
    return response.headers.at("allow");
  };
  EXPECT_EQ(options("/v1/status"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(options("/v1/apps/web/switch"), "POST, OPTIONS");
  EXPECT_EQ(options("*"), "GET, HEAD, POST, OPTIONS");

  const Response wrong = client.post("/v1/status", "");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.kind(), "method_not_allowed");
  EXPECT_EQ(wrong.headers.at("allow"), "GET, HEAD, OPTIONS");
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "PATCH", "BREW"}) {
    client.send(std::string(method) + " /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const Response response = client.receive(std::string_view(method) == "HEAD");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.headers.at("allow"), "POST, OPTIONS") << method;
  }
  EXPECT_THAT(admin.controller.commands(), SizeIs(0));
}

TEST(AdminProtocol, SpeaksHttp10) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  client.send("GET /live HTTP/1.0\r\n\r\n");
  const Response response = client.receive();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(client.closed_by_server());

  Client kept = admin.tcp_client();
  kept.send("GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.receive().headers.at("connection"), "keep-alive");
  EXPECT_EQ(kept.get("/live").status, 200);
}

TEST(AdminProtocol, ClosesWhenAsked) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  EXPECT_EQ(client.get("/live", "Connection: close\r\n").headers.at("connection"), "close");
  EXPECT_TRUE(client.closed_by_server());
}

TEST(AdminProtocol, AnswersPipelinedRequestsInTheirOrder) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  std::string requests;
  constexpr int kRequests = 300;
  for (int i = 0; i < kRequests; ++i) {
    const std::string body = R"({"to": "pool)" + std::to_string(i) + R"("})";
    requests +=
        "POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    requests += "GET /nowhere/" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }
  std::thread sender([&] { client.send(requests); });
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_EQ(client.receive().status, 200);
    EXPECT_THAT(client.receive().body, HasSubstr("/nowhere/" + std::to_string(i)));
  }
  sender.join();
  const auto commands = admin.controller.commands();
  ASSERT_THAT(commands, SizeIs(kRequests));
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_EQ(commands[static_cast<std::size_t>(i)].pool, "pool" + std::to_string(i));
  }
}

TEST(AdminProtocol, ReadsARequestThatComesByteByByte) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  for (const char c : std::string("POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n"
                                  "{\"to\": \"green\"}")) {
    client.send(std::string_view(&c, 1));
  }
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(admin.controller.commands().at(0).pool, "green");
}

TEST(AdminProtocol, ReadsChunkedBodies) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  client.send(
      "POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"
      "4;note=x\r\n{\"to\r\n0b\r\n\": \"green\"}\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(admin.controller.commands().at(0).pool, "green");
  EXPECT_EQ(client.get("/live").status, 200);
}

TEST(AdminProtocol, TellsAClientThatWaitsToGoOn) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  client.send(
      "POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("{\"to\": \"green\"}");
  EXPECT_EQ(client.receive().status, 200);
}

TEST(AdminProtocol, SparesAClientThatWaitsABodyThatIsNotWanted) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  client.send(
      "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n");
  const Response response = client.receive();
  EXPECT_EQ(response.kind(), "not_found");
  EXPECT_EQ(response.headers.at("connection"), "close");
}

// RFC 9112 section 2.2; they may come cut anywhere, and some clients end a body with one.
TEST(AdminProtocol, IgnoresEmptyLinesBeforeARequest) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  for (const char* lines : {"\r\n", "\r\n\r\n\r\n"}) {
    client.send(lines);
    EXPECT_EQ(client.get("/live").status, 200);
  }
  for (const char* piece : {"\r", "\n\r", "\n"}) {
    client.send(piece);
    admin.on_loop([] {});  // most likely read by itself
  }
  EXPECT_EQ(client.get("/live").status, 200);
  client.send("\r\n");
  client.shutdown_send();
  EXPECT_TRUE(client.closed_by_server()) << "no request was cut short";
}

TEST(AdminProtocol, TakesAbsoluteTargets) {
  RunningAdmin admin;
  Client client = admin.tcp_client();
  EXPECT_EQ(client.get("http://" + client.host() + "/live").status, 200);
  EXPECT_EQ(client.get("http://evil.example/live").kind(), "forbidden");
}

TEST(AdminProtocol, AnswersAreDatedAndNotToBeStored) {
  RunningAdmin admin;
  Client client = admin.unix_client();
  const Response response = client.get("/live");
  EXPECT_THAT(response.headers.at("date"), ::testing::EndsWith(" GMT"));
  EXPECT_EQ(response.headers.at("cache-control"), "no-store");
  EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
}

}  // namespace
}  // namespace shunt::admin::testing
