// Load over a balancer while it is switched, and what was seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/load.hpp"
#include "bench/switch/balancer.hpp"

namespace shunt::bench {

// The same for every balancer.
struct LoadPlan {
  double connections_per_s = 500;  // new connections, open loop
  double probes_per_s = 300;       // requests on kept connections, open loop, measured one by one
  std::uint32_t probe_connections = 8;
  int wrk_connections = 64;  // wrk's keep-alive load, closed loop with a rest between requests
  int wrk_rest_ms = 10;
  int cpu = kAnyCpu;       // for wrk and the generator
  std::string wrk_script;  // bench/paced.lua
  std::string directory;   // for wrk's report
};

struct SwitchPlan {
  int switches = 0;
  base::Duration gap = 0;  // between the beginnings of two switches
  bool irregular = false;  // gaps from a half to one and a half of it
};

// One stretch under load without a pause.
struct Slice {
  base::Instant begin = 0;  // load is steady from here on
  int initial = 0;          // the live colour until the first change
  std::vector<Change> changes;
  std::vector<Sample> samples;
  std::uint64_t wrk_requests = 0;
  std::uint64_t wrk_errors = 0;
};

// live: the colour that is live now; afterwards the last one switched to. Throws where the load
// cannot start or a switch is refused.
[[nodiscard]] Slice record(Balancer& balancer, const LoadPlan& load, const SwitchPlan& plan,
                           int& live);

struct Capacity {
  double requests_per_s = 0;     // keep-alive, closed loop
  double connections_per_s = 0;  // a new connection for each request
};
[[nodiscard]] Capacity measure_capacity(const Balancer& balancer, const LoadPlan& load);

}  // namespace shunt::bench
