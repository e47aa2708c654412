// SplicePipes: kernel pipes through which a stream goes on without being copied (splice(2)). A
// worker has a bounded number of them, opened as streams come. One is taken for bytes that wait to
// be read and goes back with the last of them, so none belongs to a connection at rest; those that
// were not used for a while are closed.
//
// What they give: docs/performance.md.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "shunt/base/check.hpp"
#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/uring/kernel.hpp"
#include "src/proxy/pipe.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class SplicePipes {
 public:
  // count: at most kSplicePipesMax; 0: none.
  SplicePipes(K& kernel, std::uint32_t count) noexcept
      : kernel_(kernel), count_(count), free_((std::uint64_t{1} << count) - 1) {
    SHUNT_CHECK(count <= kSplicePipesMax);
  }
  ~SplicePipes() {
    for (Held& one : held_) shut(one);
  }
  SplicePipes(const SplicePipes&) = delete;
  SplicePipes& operator=(const SplicePipes&) = delete;

  // Whether take() may give one.
  [[nodiscard]] bool may_take(base::Instant now) const noexcept {
    return free_ != 0 && now >= not_before_;
  }
  // One that is empty, the lowest that is free; kNoBuffer where all are taken, or none can be
  // opened, which is tried again after a while.
  [[nodiscard]] uring::BufferId take(base::Instant now) noexcept {
    if (free_ == 0) return uring::kNoBuffer;
    const auto index = static_cast<std::uint32_t>(std::countr_zero(free_));
    Held& one = held_[index];
    if (one.ends.read_end < 0) {
      if (now < not_before_) return uring::kNoBuffer;
      one.ends = kernel_.open_pipe(base::kSplicePipeBytes);
      if (one.ends.read_end < 0) {
        not_before_ = now + kPause;
        return uring::kNoBuffer;
      }
    }
    free_ &= ~(std::uint64_t{1} << index);
    open_ |= std::uint64_t{1} << index;
    one.used_at = now;
    return static_cast<uring::BufferId>(kFirstSplicePipe + index);
  }
  // One in which bytes are left, because nobody wants them any more, is closed.
  void give_back(uring::BufferId id) noexcept {
    const std::uint32_t index = index_of(id);
    if (held_[index].bytes != 0) close(index);
    free_ |= std::uint64_t{1} << index;
  }

  // Moves at most `length` bytes of what waits in a socket into an empty one. As splice() says.
  [[nodiscard]] int fill(uring::BufferId id, int socket, std::uint32_t length) noexcept {
    Held& one = held_[index_of(id)];
    SHUNT_CHECK(one.bytes == 0);
    const int moved = kernel_.splice(socket, one.ends.write_end, length);
    if (moved > 0) one.bytes = static_cast<std::uint32_t>(moved);
    return moved;
  }
  // Moves what is in it to a socket, as far as that takes it. As splice() says.
  [[nodiscard]] int drain(uring::BufferId id, int socket) noexcept {
    Held& one = held_[index_of(id)];
    const int moved = kernel_.splice(one.ends.read_end, socket, one.bytes);
    if (moved > 0) one.bytes -= static_cast<std::uint32_t>(moved);
    return moved;
  }

  // Takes all that is in it into memory; false: the kernel would not give it, and it is there
  // still.
  [[nodiscard]] bool pour(uring::BufferId id, std::byte* memory) noexcept {
    Held& one = held_[index_of(id)];
    const std::uint32_t whole = one.bytes;
    while (one.bytes != 0) {
      const int taken = kernel_.read_pipe(one.ends.read_end, memory, one.bytes);
      if (taken <= 0) {
        SHUNT_CHECK(whole == one.bytes);  // a part is lost
        return false;
      }
      memory += taken;
      one.bytes -= static_cast<std::uint32_t>(taken);
    }
    return true;
  }

  // Some are open that nobody has.
  [[nodiscard]] bool keeps_any() const noexcept { return (open_ & free_) != 0; }
  // When the one was taken last that close_one() would close.
  [[nodiscard]] base::Instant used_at() const noexcept { return held_[highest_idle()].used_at; }
  void close_one() noexcept {
    if (keeps_any()) close(highest_idle());
  }
  // For tests and simulations.
  [[nodiscard]] std::uint32_t taken() const noexcept {
    return count_ - static_cast<std::uint32_t>(std::popcount(free_));
  }
  [[nodiscard]] std::uint32_t open() const noexcept {
    return static_cast<std::uint32_t>(std::popcount(open_));
  }

 private:
  // Descriptors or memory are short: nothing that passes within microseconds.
  static constexpr base::Duration kPause = base::kSecond;

  struct Held {
    uring::PipeEnds ends;
    std::uint32_t bytes = 0;  // in it
    base::Instant used_at = 0;
  };

  [[nodiscard]] static std::uint32_t index_of(uring::BufferId id) noexcept {
    SHUNT_CHECK(id >= kFirstSplicePipe && id < kFirstSplicePipe + kSplicePipesMax);
    return id - kFirstSplicePipe;
  }
  // The lowest are used first. Only where keeps_any().
  [[nodiscard]] std::uint32_t highest_idle() const noexcept {
    return static_cast<std::uint32_t>(63 - std::countl_zero((open_ & free_) | 1));
  }
  void shut(Held& one) noexcept {
    if (one.ends.read_end < 0) return;
    kernel_.close(one.ends.read_end);
    kernel_.close(one.ends.write_end);
    one = {};
  }
  void close(std::uint32_t index) noexcept {
    shut(held_[index]);
    open_ &= ~(std::uint64_t{1} << index);
  }

  K& kernel_;
  const std::uint32_t count_;
  std::array<Held, kSplicePipesMax> held_;
  std::uint64_t free_;            // a bit each
  std::uint64_t open_ = 0;        // the same
  base::Instant not_before_ = 0;  // to try to open one
};

}  // namespace shunt::proxy
