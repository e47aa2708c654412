// SpscRing: a bounded queue from one thread to one other, without locks or waiting. Mailboxes
// (control to worker) and outboxes (worker to control) are made of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shunt/base/check.hpp"
#include "shunt/base/own_lines.hpp"

namespace shunt::proxy {

template <class T>
class SpscRing {
 public:
  // capacity: a power of two.
  explicit SpscRing(std::uint32_t capacity) : mask_(capacity - 1), slots_(capacity) {
    SHUNT_CHECK(capacity > 0 && (capacity & mask_) == 0);
  }

  // Producer's thread. False when it is full; the item is not taken then.
  bool push(const T& item) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ > mask_) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ > mask_) return false;
    }
    slots_[tail & mask_] = item;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Consumer's thread. The oldest up to `max`; returns how many.
  std::size_t take(T* out, std::size_t max) noexcept {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    const std::uint32_t ready = tail_.load(std::memory_order_acquire) - head;
    const std::uint32_t count = ready < max ? ready : static_cast<std::uint32_t>(max);
    for (std::uint32_t i = 0; i < count; ++i) out[i] = slots_[(head + i) & mask_];
    if (count != 0) head_.store(head + count, std::memory_order_release);
    return count;
  }
  bool pop(T& out) noexcept { return take(&out, 1) == 1; }

 private:
  // Producer and consumer each write a line of their own; the producer looks at the consumer's only
  // when the ring seems full.
  alignas(base::kLinePair) std::atomic<std::uint32_t> tail_{0};
  std::uint32_t seen_head_ = 0;
  alignas(base::kLinePair) std::atomic<std::uint32_t> head_{0};
  alignas(base::kLinePair) const std::uint32_t mask_;
  base::OwnLinesVector<T> slots_;
};

}  // namespace shunt::proxy
