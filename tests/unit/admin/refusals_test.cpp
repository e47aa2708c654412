// Bad input: each gets a clear error and changes nothing, and the server goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// At the end of each test: nothing was changed and the next client is served.
class AdminRefusals : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_THAT(admin_.controller.commands(), SizeIs(0));
    EXPECT_EQ(admin_.unix_client().get("/live").status, 200);
  }

  // Sends raw bytes on a connection of their own and gives the answer.
  Response raw(std::string_view bytes, bool cut = false) {
    Client client = admin_.unix_client();
    client.send(bytes);
    if (cut) client.shutdown_send();
    return client.receive();
  }

  RunningAdmin admin_;
};

constexpr std::string_view kSwitchHead =
    "POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

TEST_F(AdminRefusals, OfBytesThatAreNoHttp) {
  for (const std::string_view bytes :
       {std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
        std::string_view("hello\r\n\r\n"), std::string_view("GET /live\r\n\r\n"),
        std::string_view("\0\0\0\0\r\n\r\n", 8), std::string_view("GET  /live HTTP/1.1\r\n\r\n"),
        std::string_view("GET /live HTTP/1.1\r\nHost localhost\r\n\r\n"),
        std::string_view("GET /live HTTP/1.1\r\nHost : localhost\r\n\r\n"),
        std::string_view("GET /live HTTP/1.1\r\nHost: local\0host\r\n\r\n", 41)}) {
    const Response response = raw(bytes);
    EXPECT_EQ(response.status, 400) << bytes;
    EXPECT_EQ(response.kind(), "bad_request") << bytes;
    EXPECT_EQ(response.headers.at("connection"), "close") << bytes;
  }
}

TEST_F(AdminRefusals, OfOtherVersions) {
  EXPECT_EQ(raw("GET /live HTTP/2.0\r\nHost: localhost\r\n\r\n").status, 505);
  EXPECT_EQ(raw("GET /live HTTP/0.9\r\nHost: localhost\r\n\r\n").status, 505);
}

TEST_F(AdminRefusals, OfLinesThatEndWithALineFeedAlone) {
  for (const std::string_view bytes :
       {"GET /live HTTP/1.1\nHost: localhost\n\n", "\nGET /live HTTP/1.1\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: localhost\n\r\n"}) {
    const Response response = raw(bytes);
    EXPECT_EQ(response.status, 400) << bytes;
    EXPECT_THAT(response.body, HasSubstr("CR LF")) << bytes;
  }
}

TEST_F(AdminRefusals, OfRequestsThatAreCut) {
  for (const std::string& bytes :
       {std::string("GET /li"), std::string("GET /live HTTP/1.1\r\nHost: localhost\r\n"),
        std::string(kSwitchHead) + "Content-Length: 15\r\n\r\n{\"to\": \"gre",
        std::string(kSwitchHead) +
            "Transfer-Encoding: chunked\r\n\r\nf\r\n{\"to\": \"green\"}\r\n"}) {
    const Response response = raw(bytes, true);
    EXPECT_EQ(response.status, 400) << bytes;
    EXPECT_EQ(response.kind(), "bad_request") << bytes;
    EXPECT_THAT(response.body, HasSubstr("cut short after " + std::to_string(bytes.size())))
        << bytes;
  }
}

TEST_F(AdminRefusals, OfHeadersThatAreTooLarge) {
  for (const std::string& bytes :
       {"GET /" + std::string(32'768, 'x'), "GET /live HTTP/1.1\r\nX: " + std::string(32'768, 'x'),
        "GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(17'000, 'x') + "\r\n\r\n"}) {
    const Response response = raw(bytes);
    EXPECT_EQ(response.status, 431);
    EXPECT_EQ(response.kind(), "too_large");
  }
}

TEST_F(AdminRefusals, OfBodiesThatAreTooLarge) {
  const Response announced = raw(std::string(kSwitchHead) + "Content-Length: 65537\r\n\r\n");
  EXPECT_EQ(announced.status, 413);
  EXPECT_EQ(announced.kind(), "too_large");
  EXPECT_EQ(raw(std::string(kSwitchHead) + "Content-Length: 18446744073709551615\r\n\r\n").status,
            413);
  // The client that sends it all the same reads the answer, too.
  EXPECT_EQ(
      raw(std::string(kSwitchHead) + "Content-Length: 500000\r\n\r\n" + std::string(500'000, ' '))
          .status,
      413);
}

TEST_F(AdminRefusals, OfChunkedBodiesThatAreTooLarge) {
  std::string chunks;
  for (int i = 0; i < 20; ++i) chunks += "1000\r\n" + std::string(4096, ' ') + "\r\n";
  EXPECT_EQ(raw(std::string(kSwitchHead) + "Transfer-Encoding: chunked\r\n\r\n" + chunks).status,
            413);
  EXPECT_EQ(raw(std::string(kSwitchHead) + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
                .status,
            413);
}

TEST_F(AdminRefusals, OfChunksThatAreMostlyFraming) {
  std::string chunks;
  for (int i = 0; i < 1000; ++i) chunks += "1;" + std::string(1000, 'x') + "\r\n \r\n";
  EXPECT_EQ(raw(std::string(kSwitchHead) + "Transfer-Encoding: chunked\r\n\r\n" + chunks).status,
            413);
  EXPECT_EQ(raw(std::string(kSwitchHead) + "Transfer-Encoding: chunked\r\n\r\n1;" +
                std::string(40'000, 'x'))
                .status,
            431);
}

TEST_F(AdminRefusals, OfBodiesWhoseEndIsInDoubt) {
  const std::string body = "{\"to\": \"green\"}";
  const std::string head(kSwitchHead);
  EXPECT_EQ(raw(head + "Content-Length: 15\r\nContent-Length: 16\r\n\r\n" + body).status, 400);
  EXPECT_EQ(raw(head + "Content-Length: -1\r\n\r\n" + body).status, 400);
  EXPECT_EQ(raw(head + "Content-Length: 0x0f\r\n\r\n" + body).status, 400);
  EXPECT_EQ(raw(head + "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n" + body).status,
            400);
  EXPECT_EQ(raw(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body).status, 400);
  for (const char* coding : {"gzip", "gzip, chunked", "identity", "chunked, gzip", "xchunked"}) {
    const Response response = raw(head + "Transfer-Encoding: " + coding + "\r\n\r\n" + body);
    EXPECT_EQ(response.status, 501) << coding;
    EXPECT_EQ(response.headers.at("connection"), "close") << coding;
  }
}

TEST_F(AdminRefusals, OfForeignHosts) {
  for (const bool tcp : {false, true}) {
    Client client = tcp ? admin_.tcp_client() : admin_.unix_client();
    for (const char* host : {"evil.example", "127.0.0.1:1", "localhost.evil.example"}) {
      if (std::string_view(host) == "127.0.0.1:1" && client.host() == "localhost") continue;
      for (const char* request : {"GET /v1/status", "POST /v1/apps/web/switch"}) {
        client.send(std::string(request) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
        const Response response = client.receive();
        EXPECT_EQ(response.status, 403) << host;
        EXPECT_EQ(response.kind(), "forbidden") << host;
        EXPECT_THAT(response.body, HasSubstr("none of this server's names")) << host;
      }
    }
  }
}

TEST_F(AdminRefusals, OfMissingAndRepeatedHosts) {
  EXPECT_EQ(raw("GET /live HTTP/1.1\r\n\r\n").kind(), "bad_request");
  EXPECT_EQ(raw("GET /live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").kind(),
            "bad_request");
}

TEST_F(AdminRefusals, OfRepeatedHeadersThatSayWhichCommandItIs) {
  for (const auto& [name, values] : {std::pair<std::string, std::pair<std::string, std::string>>{
                                         "If-Match", {"\"41\"", "\"42\""}},
                                     {"If-Match", {"\"41\"", "\"41\""}},
                                     {"Idempotency-Key", {"a", "b"}},
                                     {"Content-Type", {"application/json", "text/plain"}},
                                     {"Origin", {"http://localhost", "http://evil.example"}}}) {
    const Response response =
        raw(std::string(kSwitchHead) + name + ": " + values.first + "\r\n" + name + ": " +
            values.second + "\r\nContent-Length: 15\r\n\r\n{\"to\": \"green\"}");
    EXPECT_EQ(response.kind(), "bad_request");
    EXPECT_THAT(response.body, HasSubstr("more than one " + name + " header"));
  }
}

TEST_F(AdminRefusals, OfForeignOrigins) {
  for (const bool tcp : {false, true}) {
    Client client = tcp ? admin_.tcp_client() : admin_.unix_client();
    for (const char* origin : {"http://evil.example", "null", "https://localhost"}) {
      const std::string header = "Origin: " + std::string(origin) + "\r\n";
      EXPECT_EQ(client.get("/v1/status", header).kind(), "forbidden") << origin;
      EXPECT_EQ(client.post("/v1/apps/web/switch", "", header).status, 403) << origin;
    }
    EXPECT_EQ(client.get("/v1/status", "Origin: http://" + client.host() + "\r\n").status, 200);
  }
}

TEST_F(AdminRefusals, OfChangesOverTcp) {
  for (const char* verb : {"switch", "rollback", "nodes", "close"}) {
    Client one = admin_.tcp_client();
    const Response response = one.post("/v1/apps/web/" + std::string(verb), R"({"to": "green"})");
    EXPECT_EQ(response.status, 403) << verb;
    EXPECT_EQ(response.kind(), "forbidden") << verb;
    EXPECT_THAT(response.body, HasSubstr("Unix socket")) << verb;
  }
}

TEST_F(AdminRefusals, OfOtherContentTypes) {
  for (const char* type :
       {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"}) {
    const Response response =
        raw("POST /v1/apps/web/switch HTTP/1.1\r\nHost: localhost\r\n" + std::string(type) +
            "Content-Length: 15\r\n\r\n{\"to\": \"green\"}");
    EXPECT_EQ(response.status, 415) << type;
    EXPECT_EQ(response.kind(), "unsupported_media_type") << type;
  }
}

TEST_F(AdminRefusals, OfUnknownPathsWithThoseThatExist) {
  const Response response = admin_.unix_client().get("/v1/stauts?x=1");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.kind(), "not_found");
  EXPECT_THAT(response.body, HasSubstr("there is no /v1/stauts;"));
  EXPECT_THAT(response.reasons(), HasSubstr("GET /v1/status"));
  EXPECT_THAT(response.reasons(), HasSubstr("POST /v1/apps/{app}/switch"));
}

TEST_F(AdminRefusals, OfTargetsThatAreNoPaths) {
  for (const char* target : {"v1/status", "*", "/a%zz", "localhost:80", "/a%2"}) {
    EXPECT_EQ(raw("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n").status,
              400)
        << target;
  }
}

TEST_F(AdminRefusals, OfUnknownParametersAndBodiesWhereNoneBelongs) {
  EXPECT_THAT(admin_.unix_client().get("/v1/status?verbose=1").reasons(),
              HasSubstr("verbose: unknown"));
  EXPECT_THAT(admin_.unix_client().post("/v1/apps/web/switch?to=green", "{}").reasons(),
              HasSubstr("to: unknown query parameter"));
  EXPECT_EQ(raw("GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx").kind(),
            "bad_request");
  EXPECT_EQ(
      raw(std::string(kSwitchHead) + "Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}").status,
      417);
}

TEST_F(AdminRefusals, OfBodiesTellEveryFaultAtOnce) {
  Client client = admin_.unix_client();
  const Response response = client.post("/v1/apps/web/switch", R"({"to": 7, "colour": "green"})",
                                        "If-Match: new\r\nIdempotency-Key: \"\"\r\n");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.kind(), "bad_request");
  EXPECT_THAT(response.reasons(), HasSubstr("to: expected a string, got a number\n"));
  EXPECT_THAT(response.reasons(), HasSubstr("colour: unknown field"));
  EXPECT_THAT(response.reasons(), HasSubstr("If-Match: expected an epoch"));
  EXPECT_THAT(response.reasons(), HasSubstr("Idempotency-Key: expected"));
  // Such a request was read whole, so the connection goes on.
  EXPECT_EQ(client.get("/live").status, 200);
}

TEST_F(AdminRefusals, OfBodiesThatAreNoJsonObject) {
  Client client = admin_.unix_client();
  for (const char* body :
       {"", "[]", "{", "{\"to\": \"green\"} x", "{\"to\": \"green\", \"to\": \"blue\"}", "to=green",
        "{\"to\": \"\xFF\"}", "{\"to\": null}"}) {
    const Response response = client.post("/v1/apps/web/switch", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(response.kind(), "bad_request") << body;
  }
}

TEST_F(AdminRefusals, OfAppNamesThatCouldForgeLogs) {
  EXPECT_EQ(admin_.unix_client().post("/v1/apps/a%0Ab/rollback", "{}").kind(), "bad_request");
}

}  // namespace
}  // namespace shunt::admin::testing
