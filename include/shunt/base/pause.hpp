// A hint to the CPU that this is a waiting loop: saves power, and lets the other thread of the core
// run.
#pragma once

namespace shunt::base {

inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif  // elsewhere the loop is as right without it
}

}  // namespace shunt::base
