#include "src/app/machine.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>

#include "shunt/base/unique_fd.hpp"

namespace shunt::app {
namespace {

struct Lack {
  std::string_view feature;
  std::string_view since;
  std::string_view cost;
};
// What the ladder of src/uring/ring.cpp steps down from. coop_taskrun is moot with defer_taskrun.
constexpr std::array<Lack, 3> kLacks = {{
    {"defer_taskrun", "6.1", "completions are made while a worker is at something else"},
    {"single_issuer", "6.0", "the kernel guards each submission against other threads"},
    {"coop_taskrun", "5.19", "each completion interrupts its worker"},
}};

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// How many source addresses connects to an address of this family have; the kernel's choice is one.
std::uint64_t sources_for(const traffic::App& app, int family) {
  const auto fitting =
      std::count_if(app.sources.begin(), app.sources.end(),
                    [family](const base::Endpoint& source) { return source.family() == family; });
  return static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(fitting, 1));
}

// Nothing where a Unix socket is among the nodes, which takes any number.
std::optional<PortBound> bound_of(const traffic::App& app, const traffic::Pool& pool,
                                  std::uint32_t ports) {
  PortBound bound{.app = app.name, .pool = pool.name};
  std::set<std::string> seen;
  for (const traffic::Node& node : pool.nodes) {
    for (const base::Endpoint& address : node.addresses) {
      if (address.is_unix()) return std::nullopt;
      if (!seen.insert(address.to_string()).second) continue;
      bound.ways += sources_for(app, address.family());
    }
  }
  bound.connections = bound.ways * ports;
  return bound;
}

}  // namespace

bool can_bind(const base::Endpoint& address) {
  const base::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Any other failure says nothing about the address.
  return !fd || ::bind(fd.get(), address.address(), address.length()) == 0 ||
         errno != EADDRNOTAVAIL;
}

std::vector<control::ConfigError> missing_sources(
    const control::Config& config, const std::function<bool(const base::Endpoint&)>& bindable) {
  std::vector<control::ConfigError> missing;
  for (const control::PlacedEndpoint& source : config.sources) {
    if (bindable(source.address)) continue;
    missing.push_back({config.path, source.line, source.column,
                       source.key + ": " + source.address.host() +
                           " is not an address of this machine: connects to nodes from it fail",
                       "give it to an interface (ip address add), or write source: auto"});
  }
  return missing;
}

std::vector<control::ConfigError> missing_listeners(
    const control::Config& config, const std::function<bool(const base::Endpoint&)>& bindable) {
  std::vector<control::ConfigError> missing;
  for (const control::PlacedEndpoint& listener : config.listeners) {
    const std::string host = listener.address.host();
    const bool wildcard = host == "0.0.0.0" || host == "::";
    // Without the port, which may be taken, by this very shunt for one.
    if (wildcard || bindable(listener.address.with_port(0))) continue;
    missing.push_back(
        {config.path, listener.line, listener.column,
         listener.key + ": " + host + " is not an address of this machine: a start here would fail",
         "right for another machine; for this one give it to an interface (ip "
         "address add)"});
  }
  return missing;
}

std::uint32_t ports_in(std::string_view range) {
  const auto number = [&range] {
    std::uint32_t value = 0;
    range.remove_prefix(std::min(range.find_first_not_of(" \t\n"), range.size()));
    const auto [end, error] = std::from_chars(range.data(), range.data() + range.size(), value);
    range.remove_prefix(static_cast<std::size_t>(end - range.data()));
    return error == std::errc{} && value <= 65535 ? value : 0;
  };
  const std::uint32_t first = number();
  const std::uint32_t last = number();
  return first == 0 || last < first ? 0 : last - first + 1;
}

std::string local_port_range() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<PortBound> tightest_port_bound(const traffic::Model& model, std::uint32_t ports) {
  std::optional<PortBound> tightest;
  for (const traffic::App& app : model.apps) {
    for (const traffic::Pool& pool : app.pools) {
      auto bound = bound_of(app, pool, ports);
      if (bound && (!tightest || bound->connections < tightest->connections)) {
        tightest = std::move(bound);
      }
    }
  }
  return tightest;
}

std::string words_on_ports(const traffic::Model& model, std::string_view port_range,
                           std::uint32_t capacity) {
  const std::uint32_t ports = ports_in(port_range);
  if (ports == 0) return {};
  const auto bound = tightest_port_bound(model, ports);
  if (!bound || bound->connections >= capacity) return {};
  return "; local ports allow " + counted(bound->connections, "connection", "connections") +
         " at a time to pool " + bound->pool + " of app " + bound->app + " (" +
         std::to_string(ports) + " ports of net.ipv4.ip_local_port_range, " +
         counted(bound->ways, "pair", "pairs") +
         " of source and node address): more source addresses allow more";
}

std::string cpu_quota(std::string_view proc_self_cgroup,
                      const std::function<std::string(const std::string&)>& read) {
  // The line of version 2 is "0::/path"; others are of hierarchies without a cpu.max.
  std::string_view path;
  while (!proc_self_cgroup.empty()) {
    const std::size_t end = std::min(proc_self_cgroup.find('\n'), proc_self_cgroup.size());
    const std::string_view line = proc_self_cgroup.substr(0, end);
    proc_self_cgroup.remove_prefix(std::min(end + 1, proc_self_cgroup.size()));
    if (line.starts_with("0::/")) path = line.substr(3);
  }
  // Down to the root: in a container that is the container's own group, and has a cpu.max.
  while (!path.empty()) {
    if (path.ends_with('/')) path.remove_suffix(1);
    const std::string file = "/sys/fs/cgroup" + std::string(path) + "/cpu.max";
    const std::string quota = read(file);
    if (!quota.empty() && !quota.starts_with("max")) return file;
    path = path.substr(0, path.empty() ? 0 : path.rfind('/') + 1);
  }
  return {};
}

std::string cpu_quota() {
  const auto content = [](const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  return cpu_quota(content("/proc/self/cgroup"), content);
}

BusyPollVerdict judge_busy_poll(const proxy::BusyPollSetting& setting, std::uint32_t workers,
                                std::uint32_t cpus, const std::string& quota) {
  using proxy::BusyPollHold;
  if (setting.mode != proxy::BusyPollMode::kAuto) return {};
  // A process with a quota would be stopped for what it watched.
  if (!quota.empty()) {
    return {BusyPollHold::kCpuQuota, "; busy_poll is off: CPU time is limited by " + quota};
  }
  if (workers > cpus) {
    return {BusyPollHold::kManyWorkers,
            "; busy_poll is off: " + counted(workers, "worker", "workers") + " on " +
                counted(cpus, "CPU", "CPUs")};
  }
  return {};
}

std::string words_on_kernel(std::string_view features) {
  const auto has = [features](std::string_view name) {
    return features.find(name) != std::string_view::npos;
  };
  if (has(kLacks.front().feature)) return {};
  std::string text;
  for (const Lack& lack : kLacks) {
    if (has(lack.feature)) continue;
    text += (text.empty() ? "; io_uring without " : ", without ") + std::string(lack.feature) +
            " (Linux " + std::string(lack.since) + ": " + std::string(lack.cost) + ")";
  }
  return text;
}

}  // namespace shunt::app
