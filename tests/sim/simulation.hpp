// A whole simulation from one seed: a worker on a scripted kernel, clients that come, nodes that
// have moods, and control that interferes. Everything is over when it returns.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/proxy/worker.hpp"
#include "tests/sim/control.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/scripted_kernel.hpp"
#include "tests/sim/verdict.hpp"

namespace shunt::sim {

struct SimulationResult {
  std::vector<std::string> violations;
  // To see that simulations do something.
  std::uint64_t turns = 0;
  std::uint64_t connections = 0;
  std::uint64_t established = 0;
  std::uint64_t repointed = 0;
  std::uint64_t bytes = 0;
  std::uint64_t starved = 0;
  std::uint64_t out_of_buffers = 0;
  std::uint64_t without_source = 0;
  std::uint64_t after_accepting = 0;  // ended by their ends when accepting had stopped
};

[[nodiscard]] Temper make_temper(Random& random);
[[nodiscard]] ScriptedKernelOptions make_kernel_options(Random& random, const Temper& temper);

// What happens when the worker has nothing to do for good: the next phase.
class Phases {
 public:
  Phases(Network& network, Control& control, const ScriptedKernel& kernel, Random& random,
         Violations& violations);

  // Called at every step: in the middle of its traffic a worker may be told to stop, or to accept
  // no more.
  void act();
  // False when there is none left.
  bool next();

 private:
  enum class Phase : std::uint8_t { kTraffic, kHurry, kStopping };
  void expect_rest();

  Network& network_;
  Control& control_;
  const ScriptedKernel& kernel_;
  Violations& violations_;
  Phase phase_ = Phase::kTraffic;
  std::uint64_t steps_left_;      // until it is stopped in the middle; 0: it is not
  std::uint64_t accepting_left_;  // steps until it is to accept no more; 0: it goes on
};

// K: a ScriptedKernel, or one derived from it that plants a fault.
template <class K = ScriptedKernel>
[[nodiscard]] SimulationResult simulate(std::uint64_t seed, bool trace = false) {
  constexpr std::uint64_t kTurnsMax = 200'000;
  Random random(seed);
  Violations violations(trace);
  Network network(random, violations, make_temper(random));
  Control control(network, random, violations);
  K kernel(network, random, violations, make_kernel_options(random, network.temper()));

  proxy::WorkerSetup setup = control.make_setup();
  for (const traffic::Service& service : control.model().services) {
    setup.listeners.push_back({kernel.add_listener(service.id), service.id});
    const std::uint32_t clients = 1 + random.below(6);
    for (std::uint32_t i = 0; i < clients; ++i) {
      network.add_client(
          service.id,
          network.now() + random.between(0, random.one_in(2) ? base::kMillisecond : base::kSecond));
    }
  }
  setup.wake_fd = kernel.add_wake();
  setup.adoption_fd = kernel.add_wake();
  control.wake = [&] { kernel.signal(setup.wake_fd); };

  Phases phases(network, control, kernel, random, violations);
  kernel.between = [&] {
    phases.act();
    control.act();
  };
  kernel.asleep = [&] { control.expect_answered(); };
  kernel.asleep_for_good = [&] { return phases.next(); };

  SimulationResult result;
  {
    proxy::Worker<K> worker(kernel, setup);
    if (!worker.ready()) violations.add("no address space for relays");
    worker.start();
    while (worker.turn()) {
      control.take_records();
      if (++result.turns == kTurnsMax) violations.add("it does not come to an end");
      if (result.turns >= kTurnsMax || kernel.is_over()) break;
    }
    if (kernel.is_over()) violations.add("the worker sleeps for good and was told to stop");
  }
  network.hurry();
  while (network.step()) network.advance_to(network.now() + base::kMicrosecond);
  control.take_records();
  control.expect_rest();
  const ScriptedKernel::Usage usage = kernel.usage();
  if (usage.sockets != 0) violations.add(std::to_string(usage.sockets) + " sockets leaked");
  if (usage.listeners != 0) violations.add(std::to_string(usage.listeners) + " listeners leaked");
  if (usage.operations != 0)
    violations.add(std::to_string(usage.operations) + " operations leaked");
  if (usage.buffers_missing != 0) {
    violations.add(std::to_string(usage.buffers_missing) + " buffers leaked");
  }
  judge_connections(network, control, violations);

  result.violations = violations.found();
  for (const Link& link : network.links()) {
    result.connections += link.kind == Link::Kind::kClient ? 1 : 0;
    result.established += link.kind == Link::Kind::kNode && link.relay != 0 ? 1 : 0;
    result.bytes += link.delivered();
  }
  result.starved = control.counters().buffer_starved.get();
  for (const proxy::ConnectionEnd& end : control.ends()) {
    result.out_of_buffers += end.cause == proxy::CloseCause::kNoBuffers ? 1 : 0;
    result.without_source += end.cause == proxy::CloseCause::kNoSource ? 1 : 0;
  }
  result.after_accepting = control.ended_after_accepting();
  for (const traffic::Service& service : control.model().services) {
    result.repointed += control.counters().services[service.id].repointed.get();
  }
  return result;
}

}  // namespace shunt::sim
