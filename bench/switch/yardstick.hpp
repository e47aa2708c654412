// What the round trips are held against: the least that a command costs on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/switch/recording.hpp"

namespace shunt::bench {

// A thread of its own on the balancer's CPU answers each message with that message, half of them
// after a pwrite and fdatasync of 4 KiB: no balancer whose commands run beside its data path can be
// quicker. (One sync after the other is several times as quick as one now and then, so these keep
// the pace of the commands.) Meanwhile the load runs through a balancer that is not switched.
// cpu: the balancer's; directory: of the state. syncs takes how long each sync took, in
// nanoseconds. Throws as record does, and std::system_error.
[[nodiscard]] Slice record_echo(const Balancer& under_load, const LoadPlan& load,
                                const SwitchPlan& plan, int cpu, const std::string& directory,
                                std::vector<std::uint64_t>& syncs);

}  // namespace shunt::bench
