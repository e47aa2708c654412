#include "bench/switch/analysis.hpp"

#include <gtest/gtest.h>

#include "bench/switch/report.hpp"

namespace shunt::bench {
namespace {

constexpr int kBlue = 0;
constexpr int kGreen = 1;

// Blue is live, green from the acknowledgement at 110 on, blue again from 210 on.
Slice two_switches(std::vector<Sample> samples) {
  Slice slice;
  slice.begin = 1;
  slice.initial = kBlue;
  slice.changes = {{.sent = 100, .acknowledged = 110, .color = kGreen, .answer = {}},
                   {.sent = 200, .acknowledged = 210, .color = kBlue, .answer = {}}};
  slice.samples = std::move(samples);
  return slice;
}

Sample connection(base::Instant begun, base::Instant answered, int color) {
  return {.scheduled = begun,
          .begun = begun,
          .answered = answered,
          .color = static_cast<std::uint8_t>(color)};
}

TEST(LateConnections, AreThoseThatBeginAfterAnAcknowledgementAndReachTheOldPool) {
  const Figures figures = analyse({two_switches({connection(120, 130, kBlue)})}, false);
  EXPECT_EQ(figures.late, 1U);
  EXPECT_EQ(figures.latest, 10U);
}

TEST(LateConnections, BeforeTheFirstSwitchReachThePoolThatWasNotLive) {
  EXPECT_EQ(analyse({two_switches({connection(20, 30, kGreen)})}, false).late, 1U);
}

TEST(LateConnections, AreNotThoseOfTheNewPool) {
  EXPECT_EQ(analyse({two_switches({connection(20, 30, kBlue), connection(120, 130, kGreen),
                                   connection(220, 230, kBlue)})},
                    false)
                .late,
            0U);
}

TEST(LateConnections, AreNotThoseThatACommandInProgressMayHaveMoved) {
  const std::vector<Sample> around{connection(105, 150, kBlue), connection(190, 220, kBlue)};
  EXPECT_EQ(analyse({two_switches(around)}, false).late, 0U);
}

TEST(Disturbance, SeparatesRequestsNearASwitchFromTheOthers) {
  Slice slice;
  slice.begin = 1;
  slice.initial = kBlue;
  const base::Instant at = 100 * base::kMillisecond;
  slice.changes = {{.sent = at, .acknowledged = at + 1000, .color = kGreen, .answer = {}}};
  const auto sample = [&](base::Instant when, base::Duration latency) {
    slice.samples.push_back(connection(when, when + latency, kGreen));
  };
  sample(at + base::kMillisecond, 300);
  sample(at - 4 * base::kMillisecond, 300);
  sample(at + 20 * base::kMillisecond, 100);
  const Figures figures = analyse({slice}, true);
  EXPECT_EQ(figures.fresh.near[0], 300U);
  EXPECT_EQ(figures.fresh.steady[0], 100U);
  EXPECT_DOUBLE_EQ(figures.fresh.ratio[0].estimate, 3);
}

TEST(FirstNew, CountsFromTheCommandToTheFirstAnswerOfTheNewPool) {
  const Figures figures =
      analyse({two_switches({connection(90, 140, kGreen), connection(120, 160, kGreen)})}, false);
  EXPECT_EQ(figures.first_new.count, 1U);
  EXPECT_EQ(figures.first_new.p50, 40U);
  EXPECT_EQ(figures.never_new, 1U);
}

TEST(Receipts, GiveStoreAdoptionAndPersist) {
  Slice slice = two_switches({});
  slice.changes[0].durable = true;
  slice.changes[0].answer =
      "HTTP/1.1 200 OK\r\n\r\n{\"receipt\": {\"store_ns\": 50, \"adoption_ns\": 70, "
      "\"persist_ns\": 90, \"total_ns\": 900}}";
  slice.changes[1].answer =
      "HTTP/1.1 200 OK\r\n\r\n{\"receipt\": {\"store_ns\": 60, \"adoption_ns\": 80, "
      "\"persist_ns\": 0, \"total_ns\": 500}}";
  const Figures figures = analyse({slice}, false);
  EXPECT_EQ(figures.store.max, 60U);
  EXPECT_EQ(figures.adoption.p50, 70U);
  EXPECT_EQ(figures.persist.count, 1U);
  EXPECT_EQ(figures.persist.p50, 90U);
  EXPECT_EQ(figures.inside.count, 1U) << "of commands that wait for no disk";
  EXPECT_EQ(figures.inside.p50, 500U);
  EXPECT_EQ(figures.round_trip.count, 1U);
  EXPECT_EQ(figures.round_trip_durable.count, 1U);
}

TEST(Verdicts, FailOnOneLateConnectionOrOneError) {
  Report report;
  report.rows = {{"often", "shunt", "0.1.0", {}}};
  bool all_met = false;
  static_cast<void>(verdicts(report, all_met));
  EXPECT_TRUE(all_met);
  report.rows[0].figures.late = 1;
  static_cast<void>(verdicts(report, all_met));
  EXPECT_FALSE(all_met);
  report.rows[0].figures.late = 0;
  report.rows[0].figures.errors = 1;
  static_cast<void>(verdicts(report, all_met));
  EXPECT_FALSE(all_met);
}

}  // namespace
}  // namespace shunt::bench
