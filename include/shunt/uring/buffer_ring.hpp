// BufferRing: the receive buffers of one ring, provided to the kernel through a shared ring (5.19).
// A receive that waits holds none; the kernel takes one when data is there.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "shunt/base/own_lines.hpp"
#include "shunt/base/result.hpp"
#include "shunt/uring/kernel.hpp"
#include "shunt/uring/ring.hpp"

namespace shunt::uring {

class alignas(base::kLinePair) BufferRing {
 public:
  static constexpr std::uint16_t kGroup = 0;

  // count: a power of two, at most 32768. `ring` must outlive the buffers.
  [[nodiscard]] static base::Result<std::unique_ptr<BufferRing>> create(Ring& ring,
                                                                        std::uint32_t count,
                                                                        std::uint32_t bytes);
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::byte* at(BufferId id) noexcept {
    return memory_ + static_cast<std::size_t>(id) * bytes_;
  }
  void recycle(BufferId id) noexcept {
    // Entry 0 overlays the tail, which lives in the entry's reserved field: write the fields one by
    // one. The header's flexible array is misplaced when some versions of it are compiled as C++
    // (its empty struct has a size there), so entries are addressed by a cast.
    io_uring_buf& entry = entries()[tail_ & (count_ - 1)];
    entry.addr = reinterpret_cast<std::uint64_t>(at(id));
    entry.len = bytes_;
    entry.bid = id;
    io_uring_smp_store_release(&shared_->tail, ++tail_);
  }

 private:
  BufferRing(Ring& ring, std::uint32_t count, std::uint32_t bytes) noexcept
      : ring_(ring), count_(count), bytes_(bytes) {}
  [[nodiscard]] base::Status set_up();
  [[nodiscard]] io_uring_buf* entries() noexcept {
    return reinterpret_cast<io_uring_buf*>(shared_);
  }
  [[nodiscard]] std::size_t entries_bytes() const noexcept { return count_ * sizeof(io_uring_buf); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return static_cast<std::size_t>(count_) * bytes_;
  }

  Ring& ring_;
  const std::uint32_t count_;
  const std::uint32_t bytes_;
  io_uring_buf_ring* shared_ = nullptr;
  std::byte* memory_ = nullptr;
  std::uint16_t tail_ = 0;
  bool registered_ = false;
};

}  // namespace shunt::uring
