// New connections at a fixed rate, open loop: connect, one GET, read the answer, close; or, beside
// them or instead, requests at a fixed rate on keep-alive connections.
//   bench_churn --target 127.0.0.1:8080 --rate 500 --seconds 10
//   bench_churn --target 127.0.0.1:8080 --rate 0 --requests 10000 --keep-alive 64 --seconds 10
// Prints one JSON line a second (counts by colour and failure, latency from the scheduled time), or
// with --each one line a connection, and a last line with totals. Exit code 1 where anything
// failed.
#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "bench/load.hpp"
#include "bench/quantiles.hpp"

namespace shunt::bench {
namespace {

std::atomic<bool> stop_requested{false};

struct Tally {
  explicit Tally(std::size_t colors) : by_color(colors, 0) {}

  void add(const Sample& sample) {
    if (sample.failure == Failure::kNone) {
      ++by_color[sample.color];
      latencies.push_back(sample.answered - sample.scheduled);
    } else {
      ++failures[static_cast<std::size_t>(sample.failure)];
    }
  }
  [[nodiscard]] std::uint64_t failed() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : failures) sum += count;
    return sum;
  }
  void print(const char* what, const std::vector<std::string>& colors) {
    std::sort(latencies.begin(), latencies.end());
    const auto us = [&](double q) { return static_cast<double>(quantile(latencies, q)) / 1e3; };
    std::printf(R"({"%s": {"answered": %zu, "colors": {)", what, latencies.size());
    for (std::size_t i = 0; i < colors.size(); ++i) {
      std::printf(R"(%s"%s": %lu)", i == 0 ? "" : ", ", colors[i].c_str(), by_color[i]);
    }
    std::printf(R"(}, "errors": %lu, "failures": {)", failed());
    const char* separator = "";
    for (std::size_t i = 1; i < kFailures; ++i) {
      if (failures[i] == 0) continue;
      std::printf(R"(%s"%s": %lu)", separator, to_string(static_cast<Failure>(i)), failures[i]);
      separator = ", ";
    }
    std::printf("}, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}}\n", us(0.5), us(0.99),
                us(0.999));
    std::fflush(stdout);
  }

  std::vector<std::uint64_t> by_color;
  std::array<std::uint64_t, kFailures> failures{};
  std::vector<std::uint64_t> latencies;
};

int run(int argc, char** argv) {
  CLI::App app("Open-loop generator of new connections");
  LoadOptions options;
  std::string target = "127.0.0.1:8080";
  double seconds = 0;
  double warm_up_s = 0;
  double timeout_s = 10;
  bool each = false;
  app.add_option("--target", target, "address to connect to")->capture_default_str();
  app.add_option("--rate", options.connections_per_s, "new connections per second")
      ->capture_default_str();
  app.add_option("--requests", options.requests_per_s,
                 "requests per second on keep-alive connections")
      ->capture_default_str();
  app.add_option("--keep-alive", options.keep_alive, "keep-alive connections")
      ->capture_default_str();
  app.add_option("--warm-up", warm_up_s, "seconds at the start whose requests are not counted")
      ->capture_default_str();
  app.add_option("--seconds", seconds, "how long; 0: until SIGTERM or SIGINT")
      ->capture_default_str();
  app.add_option("--timeout", timeout_s, "seconds that an answer may take")->capture_default_str();
  app.add_option("--colors", options.colors, "colours that answers may have")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of the gaps between connections")->capture_default_str();
  app.add_flag("--each", each, "a line for each connection");
  CLI11_PARSE(app, argc, argv);
  if (options.requests_per_s > 0 && options.keep_alive == 0) {
    std::fprintf(stderr, "bench_churn: --requests needs --keep-alive\n");
    return 2;
  }
  options.target = endpoint(target);
  options.timeout = static_cast<Duration>(timeout_s * 1e9);

  struct sigaction action{};
  action.sa_handler = [](int) { stop_requested.store(true); };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);

  const Instant start = base::monotonic_now();
  Tally total(options.colors.size());
  Tally second(options.colors.size());
  Instant second_ends = start + base::kSecond;
  const Instant counted = start + static_cast<Instant>(warm_up_s * 1e9);
  const auto on_end = [&](const Sample& sample) {
    // A keep-alive connection that fails before its first request has no scheduled time.
    if (sample.failure == Failure::kNone && sample.scheduled < counted) return;
    total.add(sample);
    if (each) {
      const bool good = sample.failure == Failure::kNone;
      std::printf(R"({"begun_ns": %lu, "latency_ns": %lu, "color": "%s", "error": "%s"})"
                  "\n",
                  sample.begun, sample.answered - sample.scheduled,
                  good ? options.colors[sample.color].c_str() : "",
                  good ? "" : to_string(sample.failure));
      return;
    }
    for (; sample.answered >= second_ends; second_ends += base::kSecond) {
      second.print("second", options.colors);
      second = Tally(options.colors.size());
    }
    second.add(sample);
  };
  generate_load(options, stop_requested,
                seconds > 0 ? start + static_cast<Instant>(seconds * 1e9) : 0, on_end);
  if (!each && !second.latencies.empty()) second.print("second", options.colors);
  total.print("total", options.colors);
  return total.failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace shunt::bench

int main(int argc, char** argv) {
  try {
    return shunt::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_churn: %s\n", error.what());
    return 1;
  }
}
