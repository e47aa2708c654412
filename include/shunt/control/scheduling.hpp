// How the scheduler treats the threads of the control side.
#pragma once

namespace shunt::control {

// Asks for a time slice of 100 us for the calling thread (sched_setattr with sched_runtime for
// SCHED_OTHER, kernel >= 6.12; EEVDF then gives it earlier deadlines, so that a thread that runs
// briefly and seldom is scheduled soon on a busy CPU). Threads that the caller starts afterwards
// inherit it. Ignored where the kernel does not know it.
void prefer_short_slices() noexcept;

}  // namespace shunt::control
