// LargeBuffers: what a stream reads into whose receives keep coming back full, so that each call
// into the kernel moves more. A worker has a bounded number of them. One is taken only for bytes
// that are known to wait and goes back with the last of them, so none belongs to a connection at
// rest; memory that was not used for a while goes back to the machine.
//
// What they give: docs/performance.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shunt/base/limits.hpp"

namespace shunt::proxy {

struct LargeBufferLimits {
  std::uint32_t count = base::kLargeBuffers;      // at most 32; 0: none
  std::uint32_t bytes = base::kLargeBufferBytes;  // each, whole pages
};

class LargeBuffers {
 public:
  // Reserves the address space. Where the machine has none, there are no large buffers.
  explicit LargeBuffers(const LargeBufferLimits& limits) noexcept;
  ~LargeBuffers();
  LargeBuffers(const LargeBuffers&) = delete;
  LargeBuffers& operator=(const LargeBuffers&) = delete;

  [[nodiscard]] std::uint32_t bytes() const noexcept { return limits_.bytes; }
  // Null where all are taken. Always the lowest that is free: few are used, and those are warm.
  [[nodiscard]] std::byte* take() noexcept;
  void give_back(const std::byte* buffer) noexcept;

  // Memory of the machine is kept for buffers that nobody has.
  [[nodiscard]] bool keeps_memory() const noexcept { return (touched_ & free_) != 0; }
  // Gives that of one buffer back to the machine: a call of some ten microseconds.
  void give_up_one() noexcept;
  // For tests and simulations.
  [[nodiscard]] std::uint32_t taken() const noexcept;

 private:
  LargeBufferLimits limits_;
  std::byte* memory_ = nullptr;
  std::uint32_t free_ = 0;  // a bit a buffer
  std::uint32_t touched_ = 0;
};

}  // namespace shunt::proxy
