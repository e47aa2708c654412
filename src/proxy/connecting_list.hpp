// ConnectingList: the relays whose connect is under way, oldest first, linked through the relays.
// It is what a new root has to go through before the worker follows it.
#pragma once

#include <cstdint>

#include "src/proxy/relay_slab.hpp"

namespace shunt::proxy {

class ConnectingList {
 public:
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  explicit ConnectingList(RelaySlab& relays) noexcept : relays_(relays) {}

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t first() const noexcept { return first_; }

  void append(std::uint32_t slot) noexcept {
    Relay& relay = relays_.at(slot);
    relay.list_next = kNobody;
    relay.list_previous = last_;
    (last_ == kNobody ? first_ : relays_.at(last_).list_next) = slot;
    last_ = slot;
    ++count_;
  }
  void remove(std::uint32_t slot) noexcept {
    Relay& relay = relays_.at(slot);
    (relay.list_previous == kNobody ? first_ : relays_.at(relay.list_previous).list_next) =
        relay.list_next;
    (relay.list_next == kNobody ? last_ : relays_.at(relay.list_next).list_previous) =
        relay.list_previous;
    --count_;
  }

 private:
  RelaySlab& relays_;
  std::uint32_t first_ = kNobody;
  std::uint32_t last_ = kNobody;
  std::uint32_t count_ = 0;
};

}  // namespace shunt::proxy
