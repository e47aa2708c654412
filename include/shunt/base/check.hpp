// SHUNT_CHECK: for what only our own bug can break. What a peer, the kernel or an operator can
// break is answered with a Result instead (result.hpp).
#pragma once

namespace shunt::base {

// Prints file, line and the broken condition to standard error with write(2) (no allocation, safe
// on a worker) and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition) noexcept;

}  // namespace shunt::base

#define SHUNT_CHECK(condition)        \
  (__builtin_expect(!!(condition), 1) \
       ? static_cast<void>(0)         \
       : ::shunt::base::check_failed(__FILE__, __LINE__, #condition))
