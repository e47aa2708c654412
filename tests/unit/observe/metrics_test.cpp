#include "shunt/observe/metrics.hpp"

#include <gmock/gmock.h>

#include "src/observe/metric_families.hpp"
#include "tests/unit/observe/event_recorder.hpp"
#include "tests/unit/observe/exposition.hpp"
#include "tests/unit/observe/fake_controller.hpp"
#include "tests/unit/observe/markdown.hpp"

namespace shunt::observe {
namespace {

using testing::IsEmpty;

std::string name_of(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return {};
}

class MetricsTest : public testing::Test {
 protected:
  Exposition scrape() {
    const Metrics metrics({controller_, histograms_, meter_, access_log_, logger_});
    Exposition exposition = parse_exposition(metrics.scrape());
    EXPECT_THAT(exposition.faults, IsEmpty());
    return exposition;
  }
  // One sample by family and series.
  static double value(const Exposition& exposition, const std::string& family,
                      const std::string& labels = "") {
    const auto& samples = exposition.families.at(family).samples;
    const auto found = samples.find(family + labels);
    EXPECT_NE(found, samples.end()) << family << labels;
    return found == samples.end() ? -1 : found->second;
  }

  FakeController controller_{example_model()};
  ConnectionHistograms histograms_{controller_.config().model};
  CommandMeter meter_{controller_.config().model};
  EventRecorder events_;
  AccessLog access_log_{{}, controller_.workers, controller_.config().model, histograms_, events_};
  Logger logger_{{}};
};

TEST_F(MetricsTest, EveryFamilyIsExportedWithItsTypeAndHelpAndNoOther) {
  const Exposition exposition = scrape();
  EXPECT_EQ(exposition.families.size(), kMetrics);
  for (const MetricText& text : kMetricTexts) {
    const auto found = exposition.families.find(std::string(text.name));
    ASSERT_NE(found, exposition.families.end()) << text.name;
    EXPECT_EQ(found->second.help, text.help);
    EXPECT_EQ(found->second.type, name_of(text.type)) << text.name;
    EXPECT_FALSE(found->second.samples.empty()) << text.name << " has no series";
  }
}

TEST_F(MetricsTest, NamesFollowPrometheusConventions) {
  for (const MetricText& text : kMetricTexts) {
    EXPECT_THAT(text.name, testing::StartsWith("shunt_"));
    EXPECT_EQ(text.name.ends_with("_total"), text.type == MetricType::kCounter) << text.name;
    if (text.type == MetricType::kHistogram) {
      EXPECT_THAT(text.name, testing::EndsWith("_seconds"));
    }
  }
}

TEST_F(MetricsTest, SumsWhatTheWorkersCounted) {
  auto& first = controller_.workers.worker(0);
  auto& second = controller_.workers.worker(1);
  first.services[2].accepted.add(3);
  second.services[2].accepted.add(4);
  first.nodes[7].established.add(5);
  second.nodes[7].bytes_down.add(1'000'000'007);
  second.closed[static_cast<std::size_t>(proxy::CloseCause::kServerReset)].add(2);
  second.turns.add(9);
  const Exposition exposition = scrape();
  EXPECT_EQ(
      value(exposition, "shunt_connections_accepted_total", R"({app="shop",service="https"})"), 7);
  EXPECT_EQ(value(exposition, "shunt_connections_accepted_total", R"({app="shop",service="http"})"),
            0);
  EXPECT_EQ(
      value(exposition, "shunt_node_established", R"({app="shop",pool="green",node="green2"})"), 5);
  EXPECT_EQ(value(exposition, "shunt_node_bytes_total",
                  R"({app="shop",pool="green",node="green2",direction="down"})"),
            1'000'000'007);
  EXPECT_EQ(value(exposition, "shunt_connections_closed_total", R"({cause="server_reset"})"), 2);
  EXPECT_EQ(value(exposition, "shunt_worker_turns_total", R"({worker="1"})"), 9);
}

TEST_F(MetricsTest, ShowWhatHoldsBusyPollOffByWorker) {
  controller_.workers.second_worker = proxy::BusyPollHold::kCpuShared;
  const Exposition exposition = scrape();
  const auto held = [&](const std::string& labels) {
    return value(exposition, "shunt_worker_busy_poll_held", labels);
  };
  EXPECT_EQ(held(R"({worker="1",reason="cpu_shared"})"), 1);
  EXPECT_EQ(held(R"({worker="1",reason="cpu_quota"})"), 0);
  EXPECT_EQ(held(R"({worker="0",reason="cpu_shared"})"), 0);
  EXPECT_EQ(exposition.families.at("shunt_worker_busy_poll_held").samples.size(), 2U * 4);
}

TEST_F(MetricsTest, CountsHowLongPoolsTookToDrain) {
  meter_.drained(1, 0, 90 * base::kSecond);
  const Exposition exposition = scrape();
  const traffic::App& app = controller_.config().model.apps[1];
  const std::string labels = "{app=\"" + app.name + "\",pool=\"" + app.pools[0].name + "\"";
  const auto& samples = exposition.families.at("shunt_drain_seconds").samples;
  EXPECT_EQ(samples.at("shunt_drain_seconds_count" + labels + "}"), 1);
  EXPECT_EQ(samples.at("shunt_drain_seconds_sum" + labels + "}"), 90);
  EXPECT_EQ(samples.at("shunt_drain_seconds_bucket" + labels + ",le=\"60\"}"), 0);
  EXPECT_EQ(samples.at("shunt_drain_seconds_bucket" + labels + ",le=\"300\"}"), 1);
}

TEST_F(MetricsTest, ShowsDecisionsHealthAndTheProcess) {
  control::StatusSnapshot& snapshot = controller_.snapshot;
  snapshot.process.started_wall_ms = 1'700'000'000'500;
  snapshot.process.capacity = 9'900;
  snapshot.process.retained_roots = 1;
  snapshot.process.durable = false;
  controller_.not_ready = "stopping";
  control::AppStatus& web = snapshot.apps[0];
  web.epoch = 42;
  web.drift = {"initial is green, active is blue"};
  web.services[0].panic = true;
  web.pools[1].state = traffic::PoolState::kKept;
  web.pools[1].drain.oldest = 90 * base::kSecond;
  web.pools[1].healthy = 1;
  web.pools[0].node_list[1].health = traffic::Health::kDown;
  web.pools[0].node_list[1].admin = traffic::AdminState::kDrain;
  const Exposition exposition = scrape();
  EXPECT_EQ(value(exposition, "shunt_build_info", R"({version="1.2.3"})"), 1);
  EXPECT_EQ(value(exposition, "shunt_process_start_time_seconds"), 1'700'000'000.5);
  EXPECT_EQ(value(exposition, "shunt_connections_capacity"), 9'900);
  EXPECT_EQ(value(exposition, "shunt_table_retained_roots"), 1);
  EXPECT_EQ(value(exposition, "shunt_state_durable"), 0);
  EXPECT_EQ(value(exposition, "shunt_ready"), 0);
  EXPECT_EQ(value(exposition, "shunt_app_epoch", R"({app="web"})"), 42);
  EXPECT_EQ(value(exposition, "shunt_config_drift", R"({app="web"})"), 1);
  EXPECT_EQ(value(exposition, "shunt_service_panic", R"({app="web",service="default"})"), 1);
  EXPECT_EQ(value(exposition, "shunt_pool_active", R"({app="web",pool="blue"})"), 1);
  EXPECT_EQ(value(exposition, "shunt_pool_active", R"({app="web",pool="green"})"), 0);
  EXPECT_EQ(value(exposition, "shunt_pool_state", R"({app="web",pool="green",state="kept"})"), 1);
  EXPECT_EQ(value(exposition, "shunt_pool_state", R"({app="web",pool="green",state="active"})"), 0);
  EXPECT_EQ(value(exposition, "shunt_pool_drain_oldest_seconds", R"({app="web",pool="green"})"),
            90);
  EXPECT_EQ(value(exposition, "shunt_pool_nodes_healthy", R"({app="web",pool="green"})"), 1);
  EXPECT_EQ(value(exposition, "shunt_node_health",
                  R"({app="web",pool="blue",node="blue2",health="down"})"),
            1);
  EXPECT_EQ(
      value(exposition, "shunt_node_health", R"({app="web",pool="blue",node="blue2",health="up"})"),
      0);
  EXPECT_EQ(value(exposition, "shunt_node_admin_state",
                  R"({app="web",pool="blue",node="blue2",state="drain"})"),
            1);
}

TEST_F(MetricsTest, HistogramsAreCumulative) {
  histograms_.connect(0, 1).observe(200 * base::kMicrosecond);
  histograms_.connect(0, 1).observe(10 * base::kSecond);
  const Exposition exposition = scrape();
  const auto& samples = exposition.families.at("shunt_connect_seconds").samples;
  const auto bucket = [&](const std::string& le) {
    return samples.at(
        R"(shunt_connect_seconds_bucket{app="web",service="default",pool="green",le=")" + le +
        "\"}");
  };
  EXPECT_EQ(bucket("0.0001"), 0);
  EXPECT_EQ(bucket("0.00025"), 1);
  EXPECT_EQ(bucket("2.5"), 1);
  EXPECT_EQ(bucket("+Inf"), 2);
}

TEST_F(MetricsTest, NamesCannotBreakTheFormat) {
  controller_.snapshot.apps[0].pools[0].node_list[0].name = "a\"b\\c\nd";
  const Exposition exposition = scrape();
  EXPECT_EQ(value(exposition, "shunt_node_health",
                  R"({app="web",pool="blue",node="a\"b\\c\nd",health="unproven"})"),
            1);
}

TEST_F(MetricsTest, CountsCommandsByOutcomeOnTheirWayThrough) {
  MeteredController metered(controller_, meter_);
  controller_.outcome.app = "web";
  controller_.outcome.changed = true;
  controller_.outcome.receipt.total = 300 * base::kMicrosecond;
  int answers = 0;
  const auto apply = [&](control::Verb verb) {
    control::Command command;
    command.verb = verb;
    metered.apply(command, [&](const control::Outcome&) { ++answers; });
  };
  apply(control::Verb::kSwitch);
  controller_.outcome.changed = false;
  apply(control::Verb::kRollback);
  controller_.outcome.kind = control::OutcomeKind::kRefused;
  apply(control::Verb::kSwitch);
  controller_.outcome.replayed = true;
  apply(control::Verb::kSwitch);
  controller_.outcome = {};
  controller_.outcome.dry_run = true;
  apply(control::Verb::kSwitch);
  controller_.outcome = {};
  controller_.outcome.kind = control::OutcomeKind::kNotFound;
  controller_.outcome.app = "made up by a client";
  apply(control::Verb::kSwitch);
  apply(control::Verb::kClose);
  EXPECT_EQ(answers, 7);

  const Exposition exposition = scrape();
  const auto count = [&](const std::string& labels) {
    return value(exposition, "shunt_switches_total", labels);
  };
  EXPECT_EQ(count(R"({app="web",kind="switch",outcome="done"})"), 1);
  EXPECT_EQ(count(R"({app="web",kind="rollback",outcome="unchanged"})"), 1);
  EXPECT_EQ(count(R"({app="web",kind="switch",outcome="refused"})"), 1);
  EXPECT_EQ(count(R"({app="",kind="switch",outcome="not_found"})"), 1);
  double all = 0;
  for (const auto& [series, n] : exposition.families.at("shunt_switches_total").samples) all += n;
  EXPECT_EQ(all, 4);
  EXPECT_EQ(exposition.families.at("shunt_switch_seconds")
                .samples.at(R"(shunt_switch_seconds_count{app="web",part="total"})"),
            1);
}

TEST(MetricsDocument, ListsEveryMetricAndNoOther) {
  std::vector<std::vector<std::string>> expected;
  for (const MetricText& text : kMetricTexts) {
    expected.push_back({"`" + std::string(text.name) + "`", name_of(text.type),
                        std::string(text.labels), std::string(text.help)});
  }
  EXPECT_THAT(table_in_document("docs/metrics.md", "| metric | type | labels | meaning |"),
              testing::UnorderedElementsAreArray(expected));
}

TEST(Exposition, FindsWhatIsNotInTheFormat) {
  const char* const falling =
      "# HELP x y\n# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\n"
      "x_count 1\n";
  for (const char* broken :
       {"# HELP x y\n# TYPE x gauge\nx{a=b} 1\n", "# HELP x y\n# TYPE x gauge\nx 1", "x 1\n",
        "# HELP x y\n# TYPE x gauge\nx 1\nx 1\n", "# HELP x y\n# TYPE x gauge\nx{a=\"b\"c\"} 1\n",
        "# HELP x y\n# TYPE x histogram\nx_bucket{le=\"1\"} 1\nx_sum 1\nx_count 1\n", falling}) {
    EXPECT_THAT(parse_exposition(broken).faults, testing::Not(IsEmpty())) << broken;
  }
}

}  // namespace
}  // namespace shunt::observe
