// A whole simulation from one seed: up to three workers on scripted kernels, clients that come,
// nodes that have moods, and control that interferes. Everything is over when it returns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
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
  std::uint64_t spliced_bytes = 0;
  std::uint64_t without_source = 0;
  std::uint64_t after_accepting = 0;  // ended by their ends when accepting had stopped
  std::uint64_t beside_another = 0;   // carried by another worker than the first
  std::uint64_t queued_ahead = 0;     // receptions while earlier ones of the same source waited
  std::uint64_t handed_over = 0;      // accepted by another worker than the one that carried them
};

[[nodiscard]] Temper make_temper(Random& random);
[[nodiscard]] ScriptedKernelOptions make_kernel_options(Random& random, const Temper& temper);

// At the end of all.
void expect_nothing_left(const ScriptedKernel::Usage& usage, Violations& violations);

// What happens when no worker has anything to do for good: the next phase.
class Phases {
 public:
  Phases(Network& network, Control& control, Random& random, Violations& violations);

  void watch(const ScriptedKernel& kernel) { kernels_.push_back(&kernel); }

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
  std::vector<const ScriptedKernel*> kernels_;
  Violations& violations_;
  Phase phase_ = Phase::kTraffic;
  std::uint64_t steps_left_;      // until it is stopped in the middle; 0: it is not
  std::uint64_t accepting_left_;  // steps until it is to accept no more; 0: it goes on
};

// One worker with its kernel.
template <class K>
struct Seat {
  std::unique_ptr<K> kernel;
  std::unique_ptr<proxy::Worker<K>> worker;
  bool over = false;
};

// While all workers sleep, time passes; each is woken by what happens to itself alone. False when
// there is nothing left to do.
template <class K>
[[nodiscard]] bool pass_time(Network& network, Control& control, Phases& phases,
                             std::vector<Seat<K>>& seats) {
  while (true) {
    base::Instant next = network.next_time();
    for (Seat<K>& seat : seats) {
      if (seat.over) continue;
      if (seat.kernel->sleeps_until() == 0) return true;
      next = std::min(next, seat.kernel->sleeps_until());
    }
    const auto steps = [](Seat<K>& seat) { return !seat.over && seat.kernel->step(); };
    const bool went_on = std::any_of(seats.begin(), seats.end(), steps);
    if (!went_on) control.expect_answered();
    if (!went_on && next == kNever && !phases.next()) return false;
    if (!went_on && next != kNever) network.advance_to(next);
    for (Seat<K>& seat : seats) {
      if (seat.kernel->has_completions() || network.now() >= seat.kernel->sleeps_until()) {
        seat.kernel->wake_up();
      }
    }
  }
}

// K: a ScriptedKernel, or one derived from it that plants a fault.
template <class K = ScriptedKernel>
[[nodiscard]] SimulationResult simulate(std::uint64_t seed, bool trace = false) {
  constexpr std::uint64_t kTurnsMax = 200'000;
  Random random(seed);
  Violations violations(trace);
  Network network(random, violations, make_temper(random));
  Control control(network, random, violations);
  Phases phases(network, control, random, violations);
  typename K::Process process;
  std::vector<Seat<K>> seats;
  std::vector<proxy::WorkerSetup> setups;
  ScriptedKernelOptions options = make_kernel_options(random, network.temper());
  options.alone = control.workers() == 1;
  options.messages = !random.one_in(8);
  for (std::uint32_t index = 0; index < control.workers(); ++index) {
    options.index = index;
    K& kernel =
        *seats.emplace_back(std::make_unique<K>(process, network, random, violations, options))
             .kernel;
    proxy::WorkerSetup& setup = setups.emplace_back(control.make_setup(index));
    for (const traffic::Service& service : control.model().services) {
      setup.listeners.push_back({kernel.add_listener(service.id), service.id});
    }
    setup.splice_pipes = random.below(4);
    setup.wake_fd = kernel.add_wake();
    setup.adoption_fd = kernel.add_wake();
    kernel.between = [&] {
      phases.act();
      control.act();
    };
    kernel.asleep = [&] { control.expect_answered(); };
    kernel.asleep_for_good = [&] { return phases.next(); };
    phases.watch(kernel);
  }
  control.wake = [&](std::uint32_t index) {
    if (!seats[index].over) seats[index].kernel->signal(setups[index].wake_fd);
  };
  for (const traffic::Service& service : control.model().services) {
    const bool many = control.workers() > 1 && random.one_in(2);
    const std::uint32_t clients = 1 + random.below(many ? 24 : 6);
    for (std::uint32_t i = 0; i < clients; ++i) {
      network.add_client(
          service.id,
          network.now() + random.between(0, random.one_in(2) ? base::kMillisecond : base::kSecond));
    }
  }

  SimulationResult result;
  for (std::uint32_t index = 0; index < control.workers(); ++index) {
    Seat<K>& seat = seats[index];
    seat.worker = std::make_unique<proxy::Worker<K>>(*seat.kernel, setups[index]);
    if (!seat.worker->ready()) violations.add("no address space for relays");
    seat.worker->start();
  }
  for (std::size_t left = seats.size(); left != 0;) {
    Seat<K>& seat = seats[random.below(control.workers())];
    if (seat.over || seat.kernel->sleeps_until() != 0) continue;
    seat.over = !seat.worker->turn();
    if (seat.over) {
      --left;
      seat.kernel->end();
    }
    control.take_records();
    const bool stuck = seat.kernel->is_over() ||
                       (!options.alone && left != 0 && !pass_time(network, control, phases, seats));
    if (stuck) violations.add("a worker sleeps for good and was told to stop");
    if (++result.turns == kTurnsMax) violations.add("it does not come to an end");
    if (stuck || result.turns >= kTurnsMax) break;
  }
  for (Seat<K>& seat : seats) {
    if (seat.worker->large_buffers_taken() != 0) violations.add("large buffers leaked");
    if (seat.worker->splice_pipes_taken() != 0) violations.add("kernel pipes leaked");
    seat.kernel->between = nullptr;  // nobody acts while it is taken down
    seat.worker.reset();
    seat.kernel->end();
  }
  network.hurry();
  while (network.step()) network.advance_to(network.now() + base::kMicrosecond);
  control.take_records();
  control.expect_rest();
  for (const Seat<K>& seat : seats) expect_nothing_left(seat.kernel->usage(), violations);
  judge_connections(network, control, violations);

  result.violations = violations.found();
  for (const Link& link : network.links()) {
    result.connections += link.kind == Link::Kind::kClient ? 1 : 0;
    result.established += link.kind == Link::Kind::kNode && link.relay != 0 ? 1 : 0;
    result.beside_another += link.kind == Link::Kind::kNode && link.relay >> 60 != 0 ? 1 : 0;
    result.bytes += link.delivered();
  }
  for (const proxy::ConnectionEnd& end : control.ends()) {
    result.out_of_buffers += end.cause == proxy::CloseCause::kNoBuffers ? 1 : 0;
    result.without_source += end.cause == proxy::CloseCause::kNoSource ? 1 : 0;
  }
  for (const Seat<K>& seat : seats) {
    const ScriptedKernel::Usage usage = seat.kernel->usage();
    result.queued_ahead += usage.queued_ahead;
    result.spliced_bytes += usage.spliced_bytes;
  }
  result.after_accepting = control.ended_after_accepting();
  for (std::uint32_t index = 0; index < control.workers(); ++index) {
    const proxy::WorkerCounters& counters = control.counters(index);
    result.starved += counters.buffer_starved.get();
    result.handed_over += counters.handed_over.get();
    for (const traffic::Service& service : control.model().services) {
      result.repointed += counters.services[service.id].repointed.get();
    }
  }
  return result;
}

}  // namespace shunt::sim
