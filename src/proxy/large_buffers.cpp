#include "src/proxy/large_buffers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>

#include "shunt/base/check.hpp"

namespace shunt::proxy {

LargeBuffers::LargeBuffers(const LargeBufferLimits& limits) noexcept : limits_(limits) {
  // Whole pages: what gives up the memory of one (MADV_DONTNEED) must not reach into another.
  SHUNT_CHECK(limits.count <= 32 && limits.bytes > 0 &&
              limits.bytes % static_cast<std::uint32_t>(::getpagesize()) == 0);
  if (limits.count == 0) return;
  void* const memory =
      ::mmap(nullptr, std::size_t{limits.count} * limits.bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  memory_ = static_cast<std::byte*>(memory);
  free_ = UINT32_MAX >> (32 - limits.count);
}

LargeBuffers::~LargeBuffers() {
  if (memory_ != nullptr) ::munmap(memory_, std::size_t{limits_.count} * limits_.bytes);
}

std::byte* LargeBuffers::take() noexcept {
  if (free_ == 0) return nullptr;
  const auto index = static_cast<std::uint32_t>(std::countr_zero(free_));
  free_ &= ~(1U << index);
  touched_ |= 1U << index;
  return memory_ + std::size_t{index} * limits_.bytes;
}

void LargeBuffers::give_back(const std::byte* buffer) noexcept {
  const auto index = static_cast<std::uint32_t>((buffer - memory_) / limits_.bytes);
  SHUNT_CHECK(index < limits_.count && (free_ & 1U << index) == 0);
  free_ |= 1U << index;
}

void LargeBuffers::give_up_one() noexcept {
  const std::uint32_t idle = touched_ & free_;
  if (idle == 0) return;
  const auto index = static_cast<std::uint32_t>(31 - std::countl_zero(idle));
  touched_ &= ~(1U << index);
  ::madvise(memory_ + std::size_t{index} * limits_.bytes, limits_.bytes, MADV_DONTNEED);
}

std::uint32_t LargeBuffers::taken() const noexcept {
  const std::uint32_t all = memory_ == nullptr ? 0 : limits_.count;
  return all - static_cast<std::uint32_t>(std::popcount(free_));
}

}  // namespace shunt::proxy
