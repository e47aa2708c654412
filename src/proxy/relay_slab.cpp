#include "src/proxy/relay_slab.hpp"

#include <sys/mman.h>

#include <new>

#include "shunt/base/check.hpp"
#include "shunt/uring/kernel.hpp"

namespace shunt::proxy {

RelaySlab::RelaySlab(std::uint32_t capacity) noexcept : capacity_(capacity) {
  void* memory = ::mmap(nullptr, std::size_t{capacity} * sizeof(Relay), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED) relays_ = static_cast<Relay*>(memory);
}

RelaySlab::~RelaySlab() {
  // Relays are plain values; there is nothing to destroy.
  if (relays_ != nullptr) ::munmap(relays_, std::size_t{capacity_} * sizeof(Relay));
}

std::uint32_t RelaySlab::acquire() noexcept {
  std::uint32_t slot = free_;
  std::uint32_t generation = 1;
  if (slot != kNobody) {
    free_ = relays_[slot].list_next;
    generation = relays_[slot].generation;
  } else {
    if (high_ == capacity_) return kNobody;
    slot = high_++;
  }
  ++used_;
  Relay* relay = new (&relays_[slot]) Relay;
  relay->generation = generation;
  return slot;
}

void RelaySlab::release(std::uint32_t slot) noexcept {
  Relay& relay = relays_[slot];
  SHUNT_CHECK(relay.state != RelayState::kFree && !relay.in_flight() && !relay.timer.armed());
  relay.state = RelayState::kFree;
  relay.generation = (relay.generation + 1) & uring::Tag::kGenerationMask;
  relay.list_next = free_;
  free_ = slot;
  --used_;
}

}  // namespace shunt::proxy
