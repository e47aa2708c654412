// Memory that one thread writes shares no cache line with what another writes or reads: each write
// would take the line away from the other's core, on every byte and connection.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace shunt::base {

inline constexpr std::size_t kCacheLine = 64;
// Cores of x86 fetch lines in pairs as well (the adjacent-line prefetcher of Intel's optimization
// manual), so that a neighbour's line comes along and goes again. What is written on every turn or
// connection begins on a pair; it costs address space only.
inline constexpr std::size_t kLinePair = 128;

// Heap memory of which no line belongs to another allocation. malloc gives threads arenas of their
// own, but only as long as there are few threads (mallopt(3), M_ARENA_MAX).
template <class T>
struct OwnLines {
  using value_type = T;
  static_assert(alignof(T) <= kLinePair);

  OwnLines() noexcept = default;
  template <class U>
  explicit(false) OwnLines(const OwnLines<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers too
    const std::size_t bytes = (count * sizeof(T) + kLinePair - 1) / kLinePair * kLinePair;
    return static_cast<T*>(::operator new(bytes, std::align_val_t{kLinePair}));
  }
  void deallocate(T* memory, std::size_t /*count*/) noexcept {
    ::operator delete(memory, std::align_val_t{kLinePair});
  }
  template <class U>
  friend bool operator==(const OwnLines& /*a*/, const OwnLines<U>& /*b*/) noexcept {
    return true;
  }
};
template <class T>
using OwnLinesVector = std::vector<T, OwnLines<T>>;

}  // namespace shunt::base
