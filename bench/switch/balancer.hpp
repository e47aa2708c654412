// What is compared: a load balancer in front of a blue and a green pool, and its way to switch.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bench/net.hpp"
#include "shunt/base/clock.hpp"

namespace shunt::bench {

inline constexpr std::array<const char*, 2> kColors{"blue", "green"};

// Equal for all of them.
struct Scene {
  std::string directory;                       // for configuration, sockets, state and logs
  std::string shunt;                           // path of the binary
  std::array<std::vector<Endpoint>, 2> nodes;  // by colour
  int workers = 1;
  int cpu = kAnyCpu;  // where the balancer runs
  // Nodes that refuse or never answer are in the pools: no health checks, so that they are tried.
  bool faults = false;
};

// Times are CLOCK_MONOTONIC nanoseconds around the command.
struct Change {
  base::Instant sent = 0;
  base::Instant acknowledged = 0;
  int color = 0;  // what is live now
  bool durable = false;
  std::string answer;  // as it came, parsed after the run
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string version() const = 0;
  [[nodiscard]] virtual Endpoint entry() const = 0;
  // Does it tell durable from not durable?
  [[nodiscard]] virtual bool can_be_durable() const { return false; }
  // Makes a colour live and returns when that is acknowledged. Throws std::runtime_error where it
  // is refused.
  virtual Change switch_to(int color, bool durable) = 0;
};

// Each starts the process and waits until it serves. Throws std::runtime_error with its log.
[[nodiscard]] std::unique_ptr<Balancer> start_shunt(const Scene& scene);
[[nodiscard]] std::unique_ptr<Balancer> start_haproxy(const Scene& scene);
[[nodiscard]] std::unique_ptr<Balancer> start_nginx(const Scene& scene);

}  // namespace shunt::bench
