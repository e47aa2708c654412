#include "src/admin/tcp_turns.hpp"

#include <gmock/gmock.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <vector>

namespace shunt::admin::testing {
namespace {

using ::testing::ElementsAre;

constexpr base::Duration kHour = 3600 * base::kSecond;

class TcpTurnsTest : public ::testing::Test {
 protected:
  // A reader asks for something that takes so long to put together.
  void ask(const std::string& what, base::Duration takes = 0) {
    turns->ask(
        what,
        [this, what, takes](const TcpTurns::Done& done) {
          log.push_back("make " + what);
          now += takes;
          Answer answer;
          answer.body = what;
          done(std::move(answer));
        },
        [this](const Answer& answer) { log.push_back("give " + answer.body); });
  }
  // Whatever can be done without time passing.
  void run() {
    io.restart();
    io.poll();
  }

  boost::asio::io_context io;
  base::Instant now = base::kSecond;
  std::vector<std::string> log;
  std::shared_ptr<TcpTurns> turns = std::make_shared<TcpTurns>(
      io, TcpTurns::Options{.rest_max = kHour, .now = [this] { return now; }});
};

TEST_F(TcpTurnsTest, WhoeverAsksTheSameSharesTheAnswer) {
  ask("metrics");
  ask("status");
  ask("metrics");
  EXPECT_TRUE(log.empty()) << "never before ask returns";
  run();
  EXPECT_THAT(log, ElementsAre("make metrics", "give metrics", "give metrics", "make status",
                               "give status"));
}

TEST_F(TcpTurnsTest, AnAnswerIsNeverOlderThanItsRequest) {
  ask("status");
  run();
  ask("status");
  run();
  EXPECT_THAT(log, ElementsAre("make status", "give status", "make status", "give status"));
}

TEST_F(TcpTurnsTest, WhoeverAsksWhileItIsMadeGetsTheNextOne) {
  TcpTurns::Done finish;
  const auto ask_for_list = [&](const std::string& name) {
    turns->ask(
        "connections",
        [&, name](TcpTurns::Done done) {
          log.push_back("walk for " + name);
          finish = std::move(done);
        },
        [&, name](const Answer&) { log.push_back("give " + name); });
  };
  ask_for_list("a");
  run();
  ask_for_list("b");
  ask_for_list("c");
  run();
  finish({});
  run();
  finish({});
  run();
  EXPECT_THAT(log, ElementsAre("walk for a", "give a", "walk for b", "give b", "give c"));
}

TEST_F(TcpTurnsTest, WhatIsReadyComesFirst) {
  for (const char* what : {"a", "b"}) ask(what);
  boost::asio::post(io, [&] { log.emplace_back("command"); });
  run();
  EXPECT_THAT(log, ElementsAre("make a", "command", "give a", "make b", "give b"));
}

TEST_F(TcpTurnsTest, AfterATurnReadersRestNineTimesAsLong) {
  ask("metrics", kHour / 9);
  run();
  log.clear();
  ask("metrics");
  run();
  EXPECT_THAT(log, ElementsAre()) << "an hour is to pass";
  now += kHour;  // the timer's own clock has not moved: another reader comes
  ask("status");
  run();
  EXPECT_THAT(log, ElementsAre("make metrics", "give metrics", "make status", "give status"));
}

TEST_F(TcpTurnsTest, AWaitForWorkersIsNotTakenForWork) {
  turns->ask(
      "connections",
      [this](TcpTurns::Done done) {
        boost::asio::post(io, [this, done = std::move(done)] {
          now += 1000 * kHour;
          done({});
        });
      },
      [this](const Answer&) { log.emplace_back("give"); });
  run();
  now += kHour;
  ask("status");
  run();
  EXPECT_THAT(log, ElementsAre("give", "make status", "give status"));
}

TEST_F(TcpTurnsTest, AStopWaitsForNoRest) {
  ask("metrics", kHour);
  run();
  log.clear();
  ask("metrics");
  run();
  EXPECT_THAT(log, ElementsAre());
  turns->hurry();
  run();
  EXPECT_THAT(log, ElementsAre("make metrics", "give metrics"));
}

TEST_F(TcpTurnsTest, NobodyIsAnsweredOnceShut) {
  ask("metrics");
  turns->shut();
  run();
  ask("status");
  turns.reset();
  run();
  EXPECT_THAT(log, ElementsAre());
}

}  // namespace
}  // namespace shunt::admin::testing
