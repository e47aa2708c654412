#include "src/proxy/cpu_watch.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace shunt::proxy {

void CpuWatch::note(const CpuSample& sample) noexcept {
  if (before_ && sample.at > before_->at) {
    const base::Duration passed = sample.at - before_->at;
    const base::Duration own = sample.own - before_->own;
    const base::Duration tasks = sample.tasks - before_->tasks;
    const base::Duration others = tasks - std::min(tasks, own);
    const std::uint64_t percent = others * 100 / passed;
    known_ = true;
    shared_ = shared_ ? percent > kSharedToPercent : percent >= kSharedFromPercent;
  }
  before_ = sample;
}

std::optional<base::Duration> time_of_tasks(std::string_view proc_stat, int cpu,
                                            std::uint64_t ticks_per_second) {
  const std::string name = "\ncpu" + std::to_string(cpu) + " ";
  const std::size_t line = proc_stat.find(name);
  if (line == std::string_view::npos) return std::nullopt;
  proc_stat.remove_prefix(line + name.size());
  // user nice system idle iowait irq softirq steal; guests are in user and nice.
  std::array<std::uint64_t, 8> ticks{};
  for (std::uint64_t& value : ticks) {
    proc_stat.remove_prefix(std::min(proc_stat.find_first_not_of(' '), proc_stat.size()));
    const auto [end, error] =
        std::from_chars(proc_stat.data(), proc_stat.data() + proc_stat.size(), value);
    if (error != std::errc{}) return std::nullopt;
    proc_stat.remove_prefix(static_cast<std::size_t>(end - proc_stat.data()));
  }
  return (ticks[0] + ticks[1] + ticks[2] + ticks[7]) * (base::kSecond / ticks_per_second);
}

}  // namespace shunt::proxy
