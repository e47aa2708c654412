// Live connections by node, shared by all workers: a padded atomic per slot, so that two nodes
// never share a cache line, nor a pair of them. Kept only for balancers that compare loads
// (least_connections, random_two).
#pragma once

#include <atomic>
#include <cstdint>

#include "shunt/base/own_lines.hpp"
#include "shunt/traffic/ids.hpp"

namespace shunt::traffic {

class LiveCounts {
 public:
  explicit LiveCounts(std::uint32_t slots) : slots_(slots), counts_(slots) {}

  // One relaxed operation each; any thread.
  void reserve(NodeSlot slot) noexcept {
    counts_[slot].value.fetch_add(1, std::memory_order_relaxed);
  }
  void release(NodeSlot slot) noexcept {
    counts_[slot].value.fetch_sub(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t get(NodeSlot slot) const noexcept {
    return counts_[slot].value.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t slots() const noexcept { return slots_; }

 private:
  struct alignas(base::kLinePair) Padded {
    std::atomic<std::uint32_t> value{0};
  };
  std::uint32_t slots_;
  base::OwnLinesVector<Padded> counts_;
};

}  // namespace shunt::traffic
