// A share of new connections for another pool: whose are those, and what a failure costs.
#include "tests/unit/proxy/harness.hpp"

namespace shunt::proxy::testing {
namespace {

constexpr std::uint32_t kHalf = traffic::kTickets / 2;

traffic::SplitTerms share(std::uint32_t millionths, bool sticky = false) {
  traffic::SplitTerms terms;
  terms.pool = 1;
  terms.share = millionths;
  terms.sticky = sticky;
  return terms;
}

// How many of so many new connections the second pool takes.
int greens(Plane& plane, int connections) {
  int count = 0;
  for (int i = 0; i < connections; ++i) {
    Socket client = plane.client();
    const std::string name = client.read(2);
    EXPECT_TRUE(name == "bl" || name == "gr") << name;
    count += name == "gr" ? 1 : 0;
  }
  return count;
}

TEST(SplitShare, GoesToTheOtherPoolAndTheRestDoesNot) {
  Node blue(named("bl"));
  Node green(named("gr"));
  Plane plane({{blue.address()}, {green.address()}});
  EXPECT_EQ(greens(plane, 20), 0);
  plane.split(share(kHalf));
  const int half = greens(plane, 200);
  EXPECT_GT(half, 60);  // beyond five standard deviations
  EXPECT_LT(half, 140);
  plane.split(share(traffic::kTickets));
  EXPECT_EQ(greens(plane, 20), 20);
  plane.split(std::nullopt);
  EXPECT_EQ(greens(plane, 20), 0);
}

TEST(SplitShare, IsOneOfClientsWhereItIsSticky) {
  Node blue(named("bl"));
  Node green(named("gr"));
  Plane plane({{blue.address()}, {green.address()}});
  plane.split(share(kHalf, true));
  const int all = greens(plane, 20);
  EXPECT_TRUE(all == 0 || all == 20) << "one client, one side: " << all;
}

TEST(SplitShare, NamedClientsTakeItAll) {
  Node blue(named("bl"));
  Node green(named("gr"));
  Plane plane({{blue.address()}, {green.address()}});
  traffic::SplitTerms terms = share(0);
  terms.sources = {base::Network::parse("127.0.0.0/8").value()};
  plane.split(terms);
  EXPECT_EQ(greens(plane, 10), 10);
  terms.sources = {base::Network::parse("192.0.2.0/24").value()};
  plane.split(terms);
  EXPECT_EQ(greens(plane, 10), 0);
}

// A canary that refuses costs its clients nothing but the time of one attempt.
TEST(SplitShare, WhoCannotBeConnectedToItGoesToTheLivePool) {
  Node blue(named("bl"));
  const base::Endpoint nobody = refusing_address();
  Plane plane({{blue.address()}, {nobody, nobody}});
  plane.split(share(traffic::kTickets));
  for (int i = 0; i < 10; ++i) {
    Socket client = plane.client();
    EXPECT_EQ(client.read(2), "bl");
    client.close();
    const ConnectionEnd end = plane.end();
    EXPECT_EQ(end.pool, 0U);
    EXPECT_EQ(end.attempts, 2U) << "one on the canary is enough";
    EXPECT_FALSE(end.repointed) << "no decision took it back";
  }
}

// The live pool's own retries are what they were.
TEST(SplitShare, TheLivePoolHasAllAttemptsLeftAfterwards) {
  Node blue(named("bl"));
  const base::Endpoint nobody = refusing_address();
  Plane plane({{nobody, nobody, blue.address()}, {nobody}});
  plane.split(share(traffic::kTickets));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(plane.client().read(2), "bl");
}

// Connects that are under way to it are taken back with the end of the split.
TEST(SplitShare, ItsConnectsAreTakenBackWithItsEnd) {
  Node blue(named("bl"));
  BlackHole hole;
  Plane plane({{blue.address()}, {hole.address()}}, {.timeouts = {.connect = 60 * base::kSecond}});
  plane.split(share(traffic::kTickets));
  Socket client = plane.client();
  ASSERT_TRUE(plane.wait_open(1));
  plane.split(std::nullopt);
  EXPECT_EQ(client.read(2), "bl");
  client.close();
  EXPECT_TRUE(plane.end().repointed);
}

// A share that comes and goes with its nodes' health must not throw connects about.
TEST(SplitShare, ConnectsToTheLivePoolStayWhereTheyAre) {
  Node green(named("gr"));
  BlackHole hole;
  Plane plane({{hole.address()}, {green.address()}}, {.timeouts = {.connect = 60 * base::kSecond}});
  Socket first = plane.client();
  ASSERT_TRUE(plane.wait_open(1));
  plane.split(share(traffic::kTickets));
  EXPECT_EQ(plane.client().read(2), "gr");
  EXPECT_FALSE(plane.end().repointed);
  EXPECT_EQ(plane.open(), 1U) << "the first one waits for its node still";
  plane.split(std::nullopt, 1);
  EXPECT_EQ(first.read(2), "gr") << "a switch takes it along";
}

TEST(SplitShare, WhatIsEstablishedStaysWhateverBecomesOfIt) {
  Node blue(named("bl"));
  Node green(echo);
  Plane plane({{blue.address()}, {green.address()}});
  plane.split(share(traffic::kTickets));
  Socket client = plane.client();
  client.send("one");
  EXPECT_EQ(client.read(3), "one");
  plane.split(std::nullopt);
  client.send("two");
  EXPECT_EQ(client.read(3), "two");
  plane.switch_to(1);
  client.send("three");
  EXPECT_EQ(client.read(5), "three");
}

}  // namespace
}  // namespace shunt::proxy::testing
