#include "bench/switch/recording.hpp"

#include <csignal>
#include <ctime>
#include <random>
#include <stdexcept>
#include <thread>

#include "bench/process.hpp"

namespace shunt::bench {
namespace {

constexpr base::Duration kWarmUp = 500 * base::kMillisecond;

void sleep_until(base::Instant when) {
  const timespec at{.tv_sec = static_cast<time_t>(when / base::kSecond),
                    .tv_nsec = static_cast<long>(when % base::kSecond)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

std::vector<std::string> wrk_command(const Endpoint& entry, const LoadPlan& load, int seconds) {
  return {"wrk", "-t1", "-c" + std::to_string(load.wrk_connections),
          "-d" + std::to_string(seconds) + "s", "http://" + entry.to_string() + "/"};
}

// The number after a label in wrk's report; 0 where it is missing.
double number_after(const std::string& report, const std::string& label) {
  const auto at = report.find(label);
  return at == std::string::npos ? 0 : std::strtod(report.c_str() + at + label.size(), nullptr);
}

std::uint64_t requests_of(const std::string& report) {
  const auto at = report.find(" requests in ");
  if (at == std::string::npos) throw std::runtime_error("wrk left no report: " + report);
  const auto begin = report.find_last_not_of("0123456789", at - 1) + 1;
  return std::strtoull(report.c_str() + begin, nullptr, 10);
}

std::uint64_t errors_of(const std::string& report) {
  double errors = number_after(report, "Non-2xx or 3xx responses: ");
  if (report.find("Socket errors:") != std::string::npos) {
    for (const char* kind : {"connect ", "read ", "write ", "timeout "}) {
      errors += number_after(report.substr(report.find("Socket errors:")), kind);
    }
  }
  return static_cast<std::uint64_t>(errors);
}

double wrk_rate(std::vector<std::string> command, const LoadPlan& load, const char* header) {
  const std::string log = load.directory + "/wrk-capacity.log";
  write_file(log, "");
  command.insert(command.begin() + 1, {"-H", header});
  Process(command, log, load.cpu).wait();
  return number_after(read_file(log), "Requests/sec:");
}

// wrk for as long as it lives; finish() takes its report.
class WrkLoad {
 public:
  WrkLoad(const Endpoint& entry, const LoadPlan& load)
      : log_(load.directory + "/wrk.log"), process_(launch(entry, load, log_)) {}

  void finish(Slice& slice) {
    process_.signal(SIGINT);
    process_.wait();
    const std::string report = read_file(log_);
    slice.wrk_requests = requests_of(report);
    slice.wrk_errors = errors_of(report);
  }

 private:
  static Process launch(const Endpoint& entry, const LoadPlan& load, const std::string& log) {
    auto command = wrk_command(entry, load, 3600);
    command.insert(command.begin() + 1, {"-s", load.wrk_script});
    write_file(log, "");
    return Process(command, log, load.cpu, {"WRK_REST_MS=" + std::to_string(load.wrk_rest_ms)});
  }

  std::string log_;
  Process process_;
};

// The generator on a thread of its own for as long as it lives; finish() hands over its samples.
class SampledLoad {
 public:
  SampledLoad(const Endpoint& entry, const LoadPlan& load, std::uint64_t seed)
      : options_{.target = entry,
                 .connections_per_s = load.connections_per_s,
                 .requests_per_s = load.probes_per_s,
                 .keep_alive = load.probe_connections,
                 .seed = seed},
        thread_([this, cpu = load.cpu] {
          pin_to_cpu(cpu);
          generate_load(options_, stop_, 0, [this](const Sample& one) { samples_.push_back(one); });
        }) {}
  ~SampledLoad() { end(); }
  SampledLoad(const SampledLoad&) = delete;
  SampledLoad& operator=(const SampledLoad&) = delete;

  void finish(Slice& slice) {
    end();
    slice.samples = std::move(samples_);
  }

 private:
  void end() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }

  LoadOptions options_;
  std::vector<Sample> samples_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

Slice record(Balancer& balancer, const LoadPlan& load, const SwitchPlan& plan, int& live) {
  static std::uint64_t seed = 0;
  Slice slice{.initial = live, .changes = {}, .samples = {}};
  slice.changes.reserve(static_cast<std::size_t>(plan.switches));
  WrkLoad wrk(balancer.entry(), load);
  SampledLoad sampled(balancer.entry(), load, seed += 2);

  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> stretch(0.5, 1.5);
  slice.begin = base::monotonic_now() + kWarmUp;
  base::Instant next = slice.begin;
  for (int number = 0; number < plan.switches; ++number) {
    sleep_until(next);
    live = 1 - live;
    // In pairs, so that both colours are switched to in both ways.
    slice.changes.push_back(
        balancer.switch_to(live, balancer.can_be_durable() && number / 2 % 2 == 0));
    next += plan.irregular
                ? static_cast<base::Duration>(stretch(random) * static_cast<double>(plan.gap))
                : plan.gap;
    // Behind schedule: the next one keeps its distance.
    next = std::max(next, base::monotonic_now() + plan.gap / 4);
  }
  sleep_until(next);
  sampled.finish(slice);
  wrk.finish(slice);
  return slice;
}

Capacity measure_capacity(const Balancer& balancer, const LoadPlan& load) {
  const auto command = wrk_command(balancer.entry(), load, 2);
  return {.requests_per_s = wrk_rate(command, load, "X-Bench: capacity"),
          .connections_per_s = wrk_rate(command, load, "Connection: close")};
}

}  // namespace shunt::bench
