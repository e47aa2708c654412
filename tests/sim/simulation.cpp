#include "tests/sim/simulation.hpp"

namespace shunt::sim {

Temper make_temper(Random& random) {
  Temper temper;
  constexpr std::uint64_t kBytes[] = {256, 4096, 16'384};
  constexpr std::uint64_t kBuffers[] = {64, 1024, 16'384};
  temper.bytes_max = kBytes[random.below(3)];
  temper.socket_buffer = kBuffers[random.below(3)];
  temper.delay_max = random.between(1, 200) * base::kMillisecond;
  temper.pause_max = random.between(1, 3000) * base::kMillisecond;
  temper.stall_max = random.between(1, 20'000) * base::kMillisecond;
  temper.mood_change_one_in = static_cast<std::uint32_t>(random.between(100, 5000));
  temper.scarce = random.one_in(16);
  if (temper.scarce) {
    temper.bytes_max = 16'384;
    temper.socket_buffer = 64;
    temper.stall_one_in = 2;
  }
  return temper;
}

ScriptedKernelOptions make_kernel_options(Random& random, const Temper& temper) {
  ScriptedKernelOptions options;
  constexpr std::uint32_t kBytes[] = {64, 256, 4096};
  options.buffers = temper.scarce ? 1U << random.below(3) : 1U << random.below(5);
  options.buffer_bytes = kBytes[random.below(3)];
  options.descriptors = random.one_in(6) ? 3 + random.below(6) : 64;
  options.multishot = !random.one_in(4);
  options.splices = random.one_in(3);
  return options;
}

void expect_nothing_left(const ScriptedKernel::Usage& usage, Violations& violations) {
  const auto expect_none = [&](std::size_t left, const char* what) {
    if (left != 0) violations.add(std::to_string(left) + " " + what + " leaked");
  };
  expect_none(usage.sockets, "sockets");
  expect_none(usage.listeners, "listeners");
  expect_none(usage.operations, "operations");
  expect_none(usage.buffers_missing, "buffers");
  expect_none(usage.pipe_ends, "ends of kernel pipes");
}

namespace {

// After how many steps it happens; 0: never. With several workers more often, and while clients
// come: connections are under way between them then.
std::uint64_t steps_until(bool several, Random& random) {
  if (!random.one_in(several ? 2 : 6)) return 0;
  return random.between(10, several && random.one_in(2) ? 400 : 3000);
}

}  // namespace

Phases::Phases(Network& network, Control& control, Random& random, Violations& violations)
    : network_(network),
      control_(control),
      violations_(violations),
      steps_left_(steps_until(control.workers() > 1, random)),
      accepting_left_(steps_until(control.workers() > 1, random)) {}

void Phases::act() {
  // True once, at the step at which the count runs out.
  const auto is_due = [](std::uint64_t& left) {
    if (left == 0) return false;
    --left;
    return left == 0;
  };
  if (is_due(accepting_left_) && !control_.stopping()) {
    violations_.note("accept no more");
    control_.stop_accepting();
  }
  if (!is_due(steps_left_)) return;
  violations_.note("stop in the middle");
  control_.stop_workers();
}

bool Phases::next() {
  switch (phase_) {
    case Phase::kTraffic:
      violations_.note("hurry");
      phase_ = Phase::kHurry;
      control_.calm_down();
      network_.hurry();
      return true;
    case Phase::kHurry:
      violations_.note("stop");
      phase_ = Phase::kStopping;
      if (!control_.stopping()) expect_rest();
      control_.stop_workers();
      return true;
    case Phase::kStopping:
      return false;
  }
  return false;
}

// All clients came and went; only listeners and the wake-up are left.
void Phases::expect_rest() {
  control_.take_records();
  control_.expect_rest();
  for (const ScriptedKernel* kernel : kernels_) {
    const ScriptedKernel::Usage usage = kernel->usage();
    if (control_.accepting_stopped() && usage.listeners != 0) {
      violations_.add("it accepts no more, but a listener is left");
    }
    if (usage.sockets != 0) violations_.add("sockets are left behind by connections that ended");
    if (usage.buffers_missing != 0) {
      violations_.add("buffers are left behind by connections that ended");
    }
  }
}

}  // namespace shunt::sim
