// ./dev bench switch: what a switch costs, and what it does to traffic, beside HAProxy and nginx.
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/process.hpp"
#include "bench/switch/balancer.hpp"
#include "bench/switch/black_hole.hpp"
#include "bench/switch/recording.hpp"
#include "bench/switch/report.hpp"
#include "bench/switch/yardstick.hpp"
#include "shunt/base/units.hpp"

namespace shunt::bench {
namespace {

struct Options {
  std::vector<std::string> balancers{"shunt", "haproxy", "nginx"};
  int switches = 1000;
  double rate = 20;
  int rare_switches = 30;
  double rare_gap_s = 1;
  // A reload forks, and old workers stay while they have connections: fewer, and further apart.
  int nginx_switches = 100;
  double nginx_rate = 2;
  int fault_switches = 1000;
  int rounds = 5;
  int workers = 1;
  double load_share = 0.5;
  std::string out = "build/bench";
  std::string binaries;
  std::string script;
};

// A balancer with its recordings.
struct Contestant {
  std::unique_ptr<Balancer> balancer;
  int live = 0;
  std::vector<Slice> often{};
  std::vector<Slice> rare{};
};

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

// Blue and green origins, two of each.
class Origins {
 public:
  Origins(const Options& options, const std::string& directory, int cpu) {
    for (std::size_t color = 0; color < kColors.size(); ++color) {
      for (int number = 1; number <= 2; ++number) {
        const Endpoint at = endpoint("127.0.0.1:" + std::to_string(free_port()));
        processes_.emplace_back(
            std::vector<std::string>{options.binaries + "/bench_origin", "--listen", at.to_string(),
                                     "--color", kColors[color], "--name",
                                     kColors[color] + std::to_string(number)},
            directory + "/origin.log", cpu);
        nodes_[color].push_back(at);
      }
    }
  }
  [[nodiscard]] const auto& nodes() const { return nodes_; }

 private:
  std::array<std::vector<Endpoint>, 2> nodes_;
  std::vector<Process> processes_;
};

std::string machine() {
  utsname kernel;
  ::uname(&kernel);
  const std::string cpus = read_file("/proc/cpuinfo");
  const auto at = cpus.find("model name");
  const auto begin = cpus.find(": ", at) + 2;
  const std::string model =
      at == std::string::npos ? "processor" : cpus.substr(begin, cpus.find('\n', begin) - begin);
  return model + ", " + std::to_string(cpu_count()) + " CPUs, Linux " + kernel.release;
}

std::unique_ptr<Balancer> start(const std::string& name, const Scene& scene) {
  if (name == "shunt") return start_shunt(scene);
  if (name == "haproxy") return start_haproxy(scene);
  if (name == "nginx") return start_nginx(scene);
  throw std::invalid_argument(name + ": expected shunt, haproxy or nginx");
}

// The same load for all: a share of what the slowest of them bears, half of it as keep-alive
// requests and half as new connections.
LoadPlan plan_load(const Options& options, const std::vector<Contestant>& contestants,
                   LoadPlan load) {
  Capacity least{.requests_per_s = 1e9, .connections_per_s = 1e9};
  for (const Contestant& one : contestants) {
    const Capacity capacity = measure_capacity(*one.balancer, load);
    say("  " + one.balancer->name() + " (" + one.balancer->version() +
        "): " + std::to_string(std::lround(capacity.requests_per_s)) + " requests/s, " +
        std::to_string(std::lround(capacity.connections_per_s)) + " connections/s");
    least.requests_per_s = std::min(least.requests_per_s, capacity.requests_per_s);
    least.connections_per_s = std::min(least.connections_per_s, capacity.connections_per_s);
  }
  if (least.requests_per_s < 100 || least.connections_per_s < 10)
    throw std::runtime_error("no load gets through");
  load.connections_per_s = least.connections_per_s * options.load_share / 2;
  const double wrk_rate = least.requests_per_s * options.load_share / 2 - load.probes_per_s;
  load.wrk_rest_ms =
      std::max(1, static_cast<int>(std::lround(load.wrk_connections * 1000 / wrk_rate)));
  return load;
}

std::string load_text(const LoadPlan& load, const Options& options) {
  return "load: " + std::to_string(std::lround(load.connections_per_s)) +
         " new connections/s, wrk on " + std::to_string(load.wrk_connections) +
         " keep-alive connections with " + std::to_string(load.wrk_rest_ms) + " ms rest, " +
         std::to_string(std::lround(load.probes_per_s)) + " measured requests/s on " +
         std::to_string(load.probe_connections) + " more; " + std::to_string(options.workers) +
         " worker(s); balancer and load on different CPUs";
}

// The one whose commands ours are held against, or whichever there is.
const Contestant& peer_of(const Options& options, const std::vector<Contestant>& contestants) {
  const auto peer = std::find(options.balancers.begin(), options.balancers.end(), "haproxy");
  return peer == options.balancers.end()
             ? contestants.back()
             : contestants[static_cast<std::size_t>(peer - options.balancers.begin())];
}

void compare(const Options& options, Scene scene, LoadPlan load, Report& report) {
  std::vector<Contestant> contestants;
  for (const std::string& name : options.balancers) {
    scene.directory = load.directory + "/" + name;
    std::filesystem::create_directory(scene.directory);
    contestants.push_back({.balancer = start(name, scene)});
  }
  say("capacity under closed loop");
  load = plan_load(options, contestants, load);
  report.load = load_text(load, options);
  say(report.load);
  const auto gap = [](double per_s) { return static_cast<base::Duration>(1e9 / per_s); };
  const Balancer& under_echo = *peer_of(options, contestants).balancer;
  std::vector<Slice> echoes;
  std::vector<std::uint64_t> syncs;
  for (int round = 1; round <= options.rounds; ++round) {
    for (Contestant& one : contestants) {
      const bool reload = one.balancer->name() == "nginx reload";
      const SwitchPlan often{
          .switches = (reload ? options.nginx_switches : options.switches) / options.rounds,
          .gap = gap(reload ? options.nginx_rate : options.rate)};
      const SwitchPlan rare{.switches = options.rare_switches / options.rounds,
                            .gap = static_cast<base::Duration>(options.rare_gap_s * 1e9),
                            .irregular = true};
      say("round " + std::to_string(round) + " of " + std::to_string(options.rounds) + ": " +
          one.balancer->name());
      if (often.switches > 0) one.often.push_back(record(*one.balancer, load, often, one.live));
      if (rare.switches > 0) one.rare.push_back(record(*one.balancer, load, rare, one.live));
    }
    say("round " + std::to_string(round) + " of " + std::to_string(options.rounds) +
        ": an echo beside " + under_echo.name());
    echoes.push_back(record_echo(
        under_echo, load, {.switches = options.switches / options.rounds, .gap = gap(options.rate)},
        scene.cpu, load.directory, syncs));
  }
  report.echo = analyse(echoes, true);
  report.sync = spread_of(std::move(syncs));
  for (const Contestant& one : contestants) {
    if (one.often.empty()) continue;
    report.rows.push_back(
        {"often", one.balancer->name(), one.balancer->version(), analyse(one.often, true)});
  }
  for (const Contestant& one : contestants) {
    if (one.rare.empty()) continue;
    report.rows.push_back(
        {"now and then", one.balancer->name(), one.balancer->version(), analyse(one.rare, false)});
  }
}

// A node that never answers and one that refuses in each pool, and so few connections that workers
// sleep when the switch comes.
void with_faults(const Options& options, Scene scene, LoadPlan load, Report& report) {
  const BlackHole black_hole;
  const RefusingPort refusing;
  for (auto& nodes : scene.nodes) {
    nodes.push_back(black_hole.address());
    nodes.push_back(refusing.address());
  }
  scene.faults = true;
  scene.workers = std::max(2, options.workers);
  scene.cpu = kAnyCpu;
  scene.directory = load.directory + "/faults";
  std::filesystem::create_directory(scene.directory);
  const auto balancer = start_shunt(scene);
  load.connections_per_s = 200;
  load.probes_per_s = 50;
  load.wrk_connections = 2;
  load.wrk_rest_ms = 20;
  int live = 0;
  say("with faults: a black-holed and a refusing node in each pool, workers that sleep");
  const SwitchPlan plan{.switches = options.fault_switches,
                        .gap = static_cast<base::Duration>(1e9 / options.rate),
                        .irregular = true};
  const std::vector<Slice> slices{record(*balancer, load, plan, live)};
  report.rows.push_back(
      {"with faults", balancer->name(), balancer->version(), analyse(slices, false)});
}

int run_benchmark(const Options& options) {
  const TemporaryDirectory directory;
  const bool apart = cpu_count() >= 2;
  LoadPlan load;
  load.cpu = apart ? 0 : kAnyCpu;
  load.wrk_script = options.script;
  load.directory = directory.path();
  Scene scene;
  scene.shunt = options.binaries + "/shunt";
  scene.workers = options.workers;
  scene.cpu = apart && options.workers == 1 ? 1 : kAnyCpu;

  Report report;
  report.date = base::format_wall_time(base::wall_now_ms()).substr(0, 10);
  report.machine = machine();
  const Origins origins(options, directory.path(), load.cpu);
  scene.nodes = origins.nodes();
  if (apart) pin_to_cpu(0);

  compare(options, scene, load, report);
  const bool ours = std::find(options.balancers.begin(), options.balancers.end(), "shunt") !=
                    options.balancers.end();
  if (ours && options.fault_switches > 0) with_faults(options, scene, load, report);

  std::filesystem::create_directories(options.out);
  write_file(options.out + "/switch.md", markdown(report));
  write_file(options.out + "/switch.json", json(report));
  bool all_met = true;
  const std::string judged = verdicts(report, all_met);
  say("\n" + markdown(report) + "\n" + judged + "\nwritten: " + options.out +
      "/switch.md, switch.json");
  return all_met ? 0 : 1;
}

int main_of(int argc, char** argv) {
  CLI::App app("What a switch costs, beside HAProxy's map command and nginx's reload");
  Options options;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  options.binaries = self.parent_path();
  app.add_option("--balancers", options.balancers, "which to compare")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--switches", options.switches, "switches of each at --rate")
      ->capture_default_str();
  app.add_option("--rate", options.rate, "switches a second")->capture_default_str();
  app.add_option("--rare-switches", options.rare_switches, "switches of each now and then")
      ->capture_default_str();
  app.add_option("--rare-gap", options.rare_gap_s, "seconds between those, on average")
      ->capture_default_str();
  app.add_option("--nginx-switches", options.nginx_switches, "reloads of nginx")
      ->capture_default_str();
  app.add_option("--nginx-rate", options.nginx_rate, "reloads a second")->capture_default_str();
  app.add_option("--fault-switches", options.fault_switches, "switches among broken nodes; 0: none")
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "parts into which the run is interleaved")
      ->capture_default_str();
  app.add_option("--workers", options.workers, "threads or processes of each balancer")
      ->capture_default_str();
  app.add_option("--load", options.load_share, "share of the slowest one's capacity")
      ->capture_default_str();
  app.add_option("--out", options.out, "directory for switch.md and switch.json")
      ->capture_default_str();
  app.add_option("--shunt", options.binaries, "directory of shunt and the tools")
      ->capture_default_str();
  app.add_option("--wrk-script", options.script, "bench/paced.lua");
  CLI11_PARSE(app, argc, argv);
  if (options.script.empty()) options.script = "bench/paced.lua";
  return run_benchmark(options);
}

}  // namespace
}  // namespace shunt::bench

int main(int argc, char** argv) {
  try {
    return shunt::bench::main_of(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_switch: %s\n", error.what());
    return 1;
  }
}
