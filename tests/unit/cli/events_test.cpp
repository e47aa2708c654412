// Events: the stream's parser, the lines, and following across lost connections.
#include <unistd.h>

#include <csignal>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/event_stream.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;

std::string event(int id, const std::string& app = "web") {
  return R"({"id": )" + std::to_string(id) +
         R"(, "time": "2026-11-23T10:00:00.000Z", "level": "info", "type": "switch", "app": ")" +
         app +
         R"(", "message": "green is live", "actor": "uid 0", "reason": "release", "fields": {}})";
}

std::string streamed(int id) {
  return "id: " + std::to_string(id) + "\nevent: switch\ndata: " + event(id) + "\n\n";
}

std::string stream_of(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body;
}

TEST(EventStream, IsParsedWhereverItIsCut) {
  const std::string text = ": hello\nid: 1\ndata: a\ndata: b\n\r\nretry: 5\n\nevent: x\ndata:c\n\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EventStreamParser parser;
    auto events = parser.feed(text.substr(0, cut));
    for (auto& more : parser.feed(text.substr(cut))) events.push_back(std::move(more));
    ASSERT_EQ(events.size(), 2U) << cut;
    EXPECT_EQ(events[0].data, "a\nb");
    EXPECT_EQ(events[0].id, "1");
    EXPECT_EQ(events[1].data, "c");
    EXPECT_EQ(events[1].type, "x");
    EXPECT_EQ(parser.last_id(), "1");
  }
}

TEST(EventStream, DropsAnEventWithoutEnd) {
  EventStreamParser parser;
  EXPECT_TRUE(parser.feed("data: " + std::string(2 * 1024 * 1024, 'x')).empty());
  EXPECT_TRUE(parser.feed("\n").empty());
  EXPECT_EQ(parser.feed("data: a\n\n").size(), 1U);
}

TEST(Events, OfAnAppThatIsNotThereAreAnErrorAndNotNothing) {
  ScriptedDaemon daemon([](const SeenRequest& request) {
    if (request.target != "/v1/apps/shoop") return http(200, R"({"events": []})");
    return http(404, answers::problem("not_found", "there is no app shoop; apps: shop, web"));
  });
  for (const char* line : {"events --app shoop", "events --follow --app shoop --timeout 5s"}) {
    const Ran ran = run_at(daemon, line);
    EXPECT_EQ(ran.code, 1) << line;
    EXPECT_EQ(ran.out, "") << line;
    EXPECT_EQ(ran.err, "not found: there is no app shoop; apps: shop, web\n") << line;
  }
}

TEST(Events, AreLinesWithWhoAndWhy) {
  ScriptedDaemon daemon(
      in_turn({http(200, R"({"events": [)" + event(16) + "," + event(17, "shop") + "]}")}));
  EXPECT_EQ(run_at(daemon, "events").out,
            "2026-11-23T10:00:00.000Z  16  info   switch  web: green is live (uid 0: release)\n"
            "2026-11-23T10:00:00.000Z  17  info   switch  shop: green is live (uid 0: release)\n");
  EXPECT_THAT(run_at(daemon, "events --since 16").out,
              ::testing::StartsWith("2026-11-23T10:00:00.000Z  17"));
  EXPECT_THAT(run_at(daemon, "events --app web").out, ::testing::Not(HasSubstr("shop")));
  EXPECT_THAT(run_at(daemon, "events --since 16 --json").out,
              ::testing::StartsWith(R"({"events":[{"id":17)"));
}

TEST(Events, AreLeftOutWhereTheirTypeIsNotAskedFor) {
  std::string health = event(18);
  health.replace(health.find("\"switch\""), 8, "\"node_health\"");
  ScriptedDaemon daemon([&](const SeenRequest& request) {
    if (request.headers.contains("accept") && request.headers.at("accept") == "text/event-stream") {
      return std::optional(stream_of("id: 18\ndata: " + health + "\n\n" + streamed(19)));
    }
    return std::optional(http(200, R"({"events": [)" + event(17) + "," + health + "]}"));
  });
  EXPECT_THAT(run_at(daemon, "events --type node_health").out,
              ::testing::StartsWith("2026-11-23T10:00:00.000Z  18  info   node_health  web: "));
  const std::string both = run_at(daemon, "events --type switch --type node_health").out;
  EXPECT_EQ(std::count(both.begin(), both.end(), '\n'), 2);
  const Ran none = run_at(daemon, "events --type panic --type switch --since 17");
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, "no event of type panic is kept; those that are: node_health, switch\n");
  EXPECT_THAT(run_at(daemon, "events --follow --type switch --timeout 50ms").out,
              ::testing::Not(HasSubstr("node_health")));
}

TEST(Following, ResumesAfterTheLastEventOnANewConnection) {
  ScriptedDaemon daemon(
      in_turn({stream_of(streamed(5) + streamed(6) + "id: 7\ndata: {cut"), "",
               stream_of(streamed(7)), http(403, answers::problem("forbidden", "enough"))}));
  const Ran ran = run_at(daemon, "events --follow --since 4 --json");
  EXPECT_EQ(ran.code, 1) << "the last answer ends it";
  const auto requests = daemon.seen();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(requests[0].headers.at("accept"), "text/event-stream");
  EXPECT_EQ(requests[0].headers.at("last-event-id"), "4");
  EXPECT_EQ(requests[2].headers.at("last-event-id"), "6") << "the cut event is asked for again";
  EXPECT_EQ(requests[3].headers.at("last-event-id"), "7");
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 4) << ran.out;
}

TEST(Following, ShowsWhatComesAfterARestartThatCountsFromOne) {
  ScriptedDaemon daemon(
      in_turn({stream_of(streamed(1)), http(403, answers::problem("forbidden", ""))}));
  EXPECT_THAT(run_at(daemon, "events --follow --since 4711").out, HasSubstr("green is live"));
}

TEST(Following, TakesAChunkedStream) {
  const std::string body = streamed(5);
  std::string chunks;
  for (const char c : body) chunks += std::string("1\r\n") + c + "\r\n";
  ScriptedDaemon daemon(in_turn(
      {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
           chunks + "0\r\n\r\n",
       http(403, answers::problem("forbidden", "enough"))}));
  EXPECT_THAT(run_at(daemon, "events --follow").out, HasSubstr("green is live"));
}

TEST(Following, EndsWith0AtItsTime) {
  ScriptedDaemon daemon([](const SeenRequest&) { return std::nullopt; });
  EXPECT_EQ(run_at(daemon, "events --follow --timeout 20ms").code, 0);
}

TEST(Following, EndsWith130OnSigint) {
  ScriptedDaemon daemon([](const SeenRequest&) -> std::optional<std::string> {
    ::kill(::getpid(), SIGINT);
    return std::nullopt;
  });
  EXPECT_EQ(run_at(daemon, "events --follow").code, 130);
}

}  // namespace
}  // namespace shunt::cli
