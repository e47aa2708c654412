// CpuWatch: whether others use the CPU that a worker is pinned to, so that the worker does not
// watch its ring at their cost (busy_poll: auto).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shunt/base/clock.hpp"

namespace shunt::proxy {

// All since some time before the first of two samples.
struct CpuSample {
  base::Instant at = 0;
  base::Duration tasks = 0;  // what all tasks and hypervisors' other guests had of the CPU
  base::Duration own = 0;    // what the worker had of it
};

class CpuWatch {
 public:
  // One sample more, a second or so after the one before. Until the second one the CPU counts as
  // shared.
  void note(const CpuSample& sample) noexcept;
  [[nodiscard]] bool shared() const noexcept { return shared_; }
  [[nodiscard]] bool known() const noexcept { return known_; }

 private:
  // Apart, so that it does not go on and off around one share. Times of the kernel's accounting are
  // ticks: some percent are noise.
  static constexpr std::uint64_t kSharedFromPercent = 20;
  static constexpr std::uint64_t kSharedToPercent = 10;

  std::optional<CpuSample> before_;
  bool known_ = false;
  bool shared_ = true;
};

// The time of tasks on the CPU from the text of /proc/stat (proc(5)): user, nice, system and steal.
// Interrupts are not in it: those of a busy worker's connections are. Nothing where the text has no
// such CPU.
[[nodiscard]] std::optional<base::Duration> time_of_tasks(std::string_view proc_stat, int cpu,
                                                          std::uint64_t ticks_per_second);

}  // namespace shunt::proxy
