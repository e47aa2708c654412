// Splits: a share of new connections for a pool that is not live.
#include <gmock/gmock.h>

#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::admin_command;
using test::ControlRig;
using test::dry_run;
using test::rollback_command;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using traffic::PoolState;

constexpr std::uint32_t kTwentieth = 50'000;

Command split(const std::string& pool, std::uint32_t share) {
  Command command;
  command.verb = Verb::kSplit;
  command.pool = pool;
  command.share = share;
  return command;
}
Command split_off() {
  Command command;
  command.verb = Verb::kSplit;
  command.undo = true;
  return command;
}

class SplitTest : public testing::Test {
 protected:
  SplitTest() { rig.start(); }
  [[nodiscard]] PoolStatus green() const { return rig.app().pools[1]; }
  // What a worker has of it.
  [[nodiscard]] std::shared_ptr<const traffic::Split> published(traffic::ServiceId service = 0) {
    return rig.data_plane->publication().current().services[service]->split;
  }

  ControlRig rig;
};

TEST_F(SplitTest, GivesAShareAndTakesItBack) {
  const Outcome outcome = rig.run(split("green", kTwentieth));
  EXPECT_EQ(outcome.kind, OutcomeKind::kDone) << outcome.message;
  EXPECT_EQ(outcome.message, "green#2 takes 5% of new connections");
  EXPECT_EQ(outcome.active, "blue");
  EXPECT_EQ(outcome.epoch, 2U);
  ASSERT_TRUE(outcome.pool);
  EXPECT_EQ(outcome.pool->name, "green");
  EXPECT_EQ(green().state, PoolState::kCanary);
  ASSERT_TRUE(published());
  EXPECT_EQ(published()->terms.share, kTwentieth);
  EXPECT_EQ(published()->terms.pool, 1U);
  ASSERT_TRUE(rig.app().split);
  EXPECT_EQ(rig.app().split->pool, "green");
  EXPECT_EQ(rig.app().split->share, kTwentieth);
  EXPECT_TRUE(rig.app().split->returned.empty());
  EXPECT_THAT(rig.routed_to(), ElementsAre("b1", "b2"));
  const Outcome end = rig.run(split_off());
  EXPECT_EQ(end.message, "green#2 takes no share any more, blue is live alone");
  EXPECT_EQ(green().state, PoolState::kStandby);
  EXPECT_FALSE(published());
  EXPECT_FALSE(rig.app().split);
  EXPECT_FALSE(rig.run(split_off()).changed);
}

TEST_F(SplitTest, GrowsAndShrinksAndAskedForAgainDoesNothing) {
  rig.run(split("green", kTwentieth));
  EXPECT_FALSE(rig.run(split("green", kTwentieth)).changed);
  EXPECT_EQ(rig.run(split("green", 500'000)).message, "green#2 takes 50% of new connections");
  EXPECT_EQ(published()->terms.share, 500'000U);
  EXPECT_TRUE(rig.run(split("green", kTwentieth)).changed);
}

TEST_F(SplitTest, HasTermsThatSurviveAKill) {
  Command command = split("green", kTwentieth);
  command.sticky = true;
  command.sources = std::vector<std::string>{"::1/128", "10.0.0.0/8"};
  EXPECT_EQ(rig.run(command).message,
            "green#2 takes 5% of new connections, by client address, and those from 10.0.0.0/8, "
            "::1");
  rig.restart();
  ASSERT_TRUE(rig.app().split);
  EXPECT_TRUE(rig.app().split->sticky);
  EXPECT_THAT(rig.app().split->sources, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(rig.app().split->share, kTwentieth);
  // A restart knows nothing of its nodes: blue has its share until they have proved themselves.
  rig.kill();
  rig.start(false);
  EXPECT_FALSE(published());
  EXPECT_THAT(rig.app().split->returned, testing::Not(testing::IsEmpty()));
  for (const traffic::NodeSlot slot : {2U, 3U}) rig.check(slot, true, 2);
  rig.run_until([&] { return published() != nullptr; });
  EXPECT_TRUE(published()->terms.sticky);
  EXPECT_EQ(published()->terms.seed, traffic::seed_of("web"));
  EXPECT_EQ(published()->terms.sources.size(), 2U);
}

TEST_F(SplitTest, SourcesAloneAreASplit) {
  Command command = split("green", 0);
  command.sources = std::vector<std::string>{"192.0.2.0/24"};
  EXPECT_EQ(rig.run(command).message, "green#2 takes those from 192.0.2.0/24");
  EXPECT_EQ(green().state, PoolState::kCanary);
}

// Another share alone must not move clients that were told where they go.
TEST_F(SplitTest, TermsThatAreNotGivenStay) {
  Command command = split("green", kTwentieth);
  command.sticky = true;
  command.sources = std::vector<std::string>{"192.0.2.0/24"};
  rig.run(command);
  rig.run(split("green", 250'000));
  EXPECT_TRUE(published()->terms.sticky);
  EXPECT_EQ(published()->terms.sources.size(), 1U);
  Command without;
  without.verb = Verb::kSplit;
  without.pool = "green";
  without.sticky = false;
  without.sources.emplace();
  rig.run(without);
  EXPECT_FALSE(published()->terms.sticky);
  EXPECT_TRUE(published()->terms.sources.empty());
  EXPECT_EQ(published()->terms.share, 250'000U);
}

TEST_F(SplitTest, SourcesThatAreTakenAwayNeedNoGate) {
  Command command = split("green", kTwentieth);
  command.sources = std::vector<std::string>{"192.0.2.0/24", "198.51.100.0/24"};
  rig.run(command);
  rig.check(2, false, 3);
  command.sources = std::vector<std::string>{"198.51.100.0/24"};
  EXPECT_TRUE(rig.run(command).changed);
  command.sources = std::vector<std::string>{"203.0.113.0/24"};
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kRefused);
}

TEST_F(SplitTest, ARestartWithChecksOffKeepsIt) {
  rig.kill();
  rig.config.model.apps[0].health.type = traffic::HealthCheck::kOff;
  rig.start();
  rig.run(split("green", kTwentieth));
  rig.restart();
  EXPECT_TRUE(published());
  EXPECT_TRUE(rig.app().split->returned.empty());
}

TEST_F(SplitTest, ItsRollbackClosesWhatIsLeftWhereItIsTold) {
  rig.run(split("green", kTwentieth));
  rig.data_plane->bump(0).nodes[2].established.add(2);
  Command command = rollback_command();
  command.close_over = 3600 * base::kSecond;
  rig.run(command);
  EXPECT_TRUE(green().drain.closing || green().drain.deadline_in.has_value());
}

TEST_F(SplitTest, ARollbackToAnOlderPoolDrainsTheCanaryToo) {
  rig.switch_to("green");
  for (const traffic::NodeSlot slot : {0U, 1U}) rig.check(slot, true, 2);
  EXPECT_EQ(rig.app().rollback_why_not, "");
  Command command;
  command.verb = Verb::kPrepare;
  command.pool = "blue";
  rig.run(command);
  rig.run(split("blue", kTwentieth));
  EXPECT_THAT(rig.app().rollback_why_not, HasSubstr("a rollback ends the split of blue"));
}

TEST_F(SplitTest, OneThatEndedInProgressIsSettledByARepeat) {
  rig.run(split("green", kTwentieth));
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.data_plane->keep_busy(0);
  const traffic::Revision before = rig.revision();
  const auto answer = rig.apply(split_off());
  rig.run_until([&] { return rig.revision() > before; });
  rig.restart();
  EXPECT_TRUE(rig.app().recovered_unacknowledged);
  EXPECT_FALSE(rig.run(split_off()).changed);
  EXPECT_FALSE(rig.app().recovered_unacknowledged);
}

TEST_F(SplitTest, WhatMakesNoSenseIsToldAtOnce) {
  Command command = split("green", 0);
  EXPECT_EQ(rig.run(command).kind, OutcomeKind::kRefused);
  command.sources = std::vector<std::string>{"10.0.0.7/8", "nowhere"};
  const Outcome networks = rig.run(command);
  EXPECT_EQ(networks.kind, OutcomeKind::kInvalid);
  EXPECT_EQ(networks.reasons.size(), 2U);
  EXPECT_THAT(networks.reasons[0].message, HasSubstr("the network is 10.0.0.0/8"));
  Command off = split_off();
  off.pool = "green";
  EXPECT_EQ(rig.run(off).kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.run(split("", kTwentieth)).kind, OutcomeKind::kInvalid);
  EXPECT_EQ(rig.run(split("pink", kTwentieth)).kind, OutcomeKind::kNotFound);
  EXPECT_EQ(rig.app().epoch, 1U);
}

TEST_F(SplitTest, TheLivePoolTakesNoShare) {
  const Outcome outcome = rig.run(split("blue", kTwentieth));
  EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
  EXPECT_EQ(outcome.message, "blue#1 is live");
}

TEST_F(SplitTest, AsksForTheGatesOfASwitchWhereItGrows) {
  rig.run(split("green", kTwentieth));
  rig.check(2, false, 3);
  const Outcome refused = rig.run(split("green", 500'000));
  EXPECT_EQ(refused.kind, OutcomeKind::kRefused);
  EXPECT_EQ(refused.reasons.at(0).gate, "min_healthy");
  EXPECT_TRUE(rig.run(split("green", 10'000)).changed) << "less needs none";
  Command forced = split("green", 500'000);
  forced.skip = {"min_healthy"};
  EXPECT_THAT(rig.run(forced).receipt.skipped, ElementsAre("min_healthy"));
}

TEST_F(SplitTest, ASickCanarysShareReturnsAndComesBackWithItsHealth) {
  rig.run(split("green", kTwentieth));
  for (const traffic::NodeSlot slot : {2U, 3U}) rig.check(slot, false, 3);
  rig.run_until([&] { return published() == nullptr; });
  EXPECT_EQ(rig.events.last("share").level, EventLevel::kWarn);
  EXPECT_THAT(rig.events.last("share").message, HasSubstr("its share goes to blue"));
  EXPECT_EQ(rig.app().split->returned.size(), 2U);
  rig.check(2, true, 2);
  rig.run_until([&] { return published() != nullptr; });
  EXPECT_THAT(rig.events.last("share").message, HasSubstr("takes its share of"));
  EXPECT_EQ(rig.events.count("share"), 4U) << "once a service and way";
}

TEST_F(SplitTest, ADrainedCanaryNodeTakesNothing) {
  rig.run(split("green", kTwentieth));
  rig.run(admin_command({"g1"}, traffic::AdminState::kDrain));
  ASSERT_TRUE(published());
  EXPECT_EQ(published()->table.candidates.size(), 1U);
}

TEST_F(SplitTest, ARollbackEndsIt) {
  rig.run(split("green", kTwentieth));
  const Outcome outcome = rig.run(rollback_command());
  EXPECT_TRUE(outcome.changed);
  EXPECT_EQ(outcome.message, "green#2 takes no share any more, blue is live alone");
  EXPECT_EQ(outcome.receipt.to, "") << "the live pool is what it was";
  EXPECT_FALSE(published());
  EXPECT_FALSE(rig.run(rollback_command()).changed);
}

TEST_F(SplitTest, ARollbackOfItNeedsNoUsableNode) {
  rig.run(split("green", kTwentieth));
  for (const traffic::NodeSlot slot : {0U, 1U}) rig.check(slot, false, 3);
  EXPECT_TRUE(rig.run(rollback_command()).changed);
}

TEST_F(SplitTest, AnAbortEndsIt) {
  rig.run(split("green", kTwentieth));
  Command abort;
  abort.verb = Verb::kAbort;
  EXPECT_TRUE(rig.run(abort).changed);
  EXPECT_EQ(green().state, PoolState::kStandby);
  EXPECT_FALSE(published());
}

TEST_F(SplitTest, ASwitchOfTheCanaryTakesTheRest) {
  rig.run(split("green", kTwentieth));
  const Outcome outcome = rig.switch_to("green");
  EXPECT_EQ(outcome.active, "green");
  EXPECT_EQ(outcome.receipt.from, "blue");
  EXPECT_FALSE(published());
  EXPECT_FALSE(rig.app().split);
  EXPECT_EQ(rig.app().rollback_to, "blue");
}

TEST_F(SplitTest, WhatItHasLeftDrainsWithTheDeadlineOfADrain) {
  rig.kill();
  rig.config.model.apps[0].drain.deadline = 3600 * base::kSecond;
  rig.start();
  rig.run(split("green", kTwentieth));
  rig.data_plane->bump(0).nodes[2].established.add(2);
  EXPECT_EQ(green().drain.deadline_in, std::nullopt) << "it takes connections";
  rig.run(split_off());
  EXPECT_EQ(green().drain.remaining, 2U);
  EXPECT_TRUE(green().drain.deadline_in);
  rig.run(split("green", kTwentieth));
  EXPECT_EQ(green().drain.deadline_in, std::nullopt) << "it takes connections again";
}

TEST_F(SplitTest, ADryRunGivesNone) {
  EXPECT_EQ(rig.run(dry_run(split("green", kTwentieth))).message,
            "would let green#2 take 5% of new connections");
  EXPECT_FALSE(rig.app().split);
  rig.run(split("green", kTwentieth));
  EXPECT_EQ(rig.run(dry_run(split_off())).message,
            "would let green#2 take no share any more, blue is live alone");
  EXPECT_TRUE(rig.app().split);
}

TEST_F(SplitTest, PreparingAndRetiringTheCanaryNameTheWayOut) {
  rig.run(split("green", kTwentieth));
  for (const Verb verb : {Verb::kPrepare, Verb::kRetire}) {
    Command command;
    command.verb = verb;
    command.pool = "green";
    const Outcome outcome = rig.run(command);
    EXPECT_EQ(outcome.kind, OutcomeKind::kRefused);
    EXPECT_THAT(outcome.next, Contains("shunt split off"));
  }
}

}  // namespace
}  // namespace shunt::control
