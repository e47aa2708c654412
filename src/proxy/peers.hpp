// Peers: what workers know of each other, so that one with clearly more than its share hands
// connections that it accepted to another one. SO_REUSEPORT hashes them: few that live long may all
// meet in one worker.
//
//               reserve                    message arrives
//   accepted ─────────────► under way ──────────────────────────► admitted (or refused) by the
//   other
//      ▲                        │
//      └────message failed──────┘ withdraw: admitted (or refused) by the worker that accepted it
//
// A descriptor has one owner, and nobody else touches it:
//   accepted    the worker that accepted it;
//   under way   nobody: the ring operation carries it, and the receiver's seat counts it;
//   arrived     the receiver, from the completion with kHandedOver on: it counts it as accepted,
//   holds
//               it against the limit, and picks the node from the root of its own turn. A message
//               holds no pool and no pointer, so for the clean cut it is what a connection in the
//               listener's queue is: the receiver has adopted, or reads the newest root as it
//               wakes;
//   failed      the worker that accepted it, from its own message's completion with an error on
//               (-EOVERFLOW, -EBADFD, -ENOMEM, …): the kernel has posted nothing then.
//
// The end. A seat is closed by its worker when it stops accepting; after that nobody reserves
// there, and that worker hands over nothing itself. It has stopped accepting once its listeners are
// closed, its own messages have come back, and nothing is under way to it. So when all workers say
// so, every connection that was accepted is with a worker, and none comes into being any more. A
// worker's ring and thread end later than that, so no message goes to a ring that is gone (newer
// kernels would lose it without an error: for them it is sent when it is queued for the receiver's
// task). A message that fails after its receiver has closed wakes it, or it would wait for
// it for ever; that eventfd lives until all threads have ended.
//
// Bounded: so many are under way to one worker at most, so a worker that is stuck does not hold
// more than those, and takes no more. Not even they are given to one that has not opened its seat.
#pragma once

#include <atomic>
#include <cstdint>

#include "shunt/base/check.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/proxy/counters.hpp"

namespace shunt::proxy {

class Peers {
 public:
  explicit Peers(std::uint32_t workers) : seats_(workers) {}

  // Before any worker's thread begins. load: its relays; outlives all workers' threads.
  void introduce(std::uint32_t index, const Count& load) noexcept { seats_[index].load = &load; }
  [[nodiscard]] std::uint32_t workers() const noexcept {
    return static_cast<std::uint32_t>(seats_.size());
  }

  // ---- Thread of worker `index`.

  // From now on others may hand over to it, by messages to this ring. wake_fd: its eventfd, which
  // outlives all workers' threads.
  void open(std::uint32_t index, int ring, int wake_fd) noexcept {
    seats_[index].ring = ring;
    seats_[index].wake_fd = wake_fd;
    seats_[index].word.store(0, std::memory_order_release);
  }
  void close(std::uint32_t index) noexcept {
    seats_[index].word.fetch_or(kClosed, std::memory_order_relaxed);
  }
  // It is closed and nothing is under way to it.
  [[nodiscard]] bool settled(std::uint32_t index) const noexcept {
    return seats_[index].word.load(std::memory_order_acquire) == kClosed;
  }
  // One that was under way to it is here.
  void arrived(std::uint32_t index) noexcept {
    // With the release in reserve(): what the sender did to the descriptor is before this. The
    // kernel's queue orders it too, but not for the language.
    const std::uint32_t before = seats_[index].word.fetch_sub(1, std::memory_order_acquire);
    SHUNT_CHECK((before & ~kClosed) != 0);
  }

  // ---- Threads of the others.

  // Open connections of worker `index`, with those under way to it. Relaxed: only a hint.
  [[nodiscard]] std::uint64_t load(std::uint32_t index) const noexcept {
    return seats_[index].load->get() +
           (seats_[index].word.load(std::memory_order_relaxed) & ~kClosed);
  }
  // Before a message to it; each is followed by arrived() there or withdraw(). False: it is closed,
  // or as many as may be are under way.
  [[nodiscard]] bool reserve(std::uint32_t index) noexcept {
    std::atomic<std::uint32_t>& word = seats_[index].word;
    std::uint32_t now = word.load(std::memory_order_relaxed);
    while (now < base::kHandedOverMax) {  // a closed one is far above that
      if (word.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  // The message failed. True: that worker stops, and may wait for it: write its wake_fd().
  [[nodiscard]] bool withdraw(std::uint32_t index) noexcept {
    return (seats_[index].word.fetch_sub(1, std::memory_order_release) & kClosed) != 0;
  }
  // After reserve().
  [[nodiscard]] int ring(std::uint32_t index) const noexcept { return seats_[index].ring; }
  [[nodiscard]] int wake_fd(std::uint32_t index) const noexcept { return seats_[index].wake_fd; }

 private:
  static constexpr std::uint32_t kClosed = 1U << 31;
  static_assert(base::kHandedOverMax < kClosed);

  // Written when something is handed over to it, and so not where load is even.
  struct alignas(base::kLinePair) Seat {
    std::atomic<std::uint32_t> word{kClosed};  // and how many are under way to it
    int ring = -1;
    int wake_fd = -1;
    const Count* load = nullptr;
  };
  base::OwnLinesVector<Seat> seats_;
};

}  // namespace shunt::proxy
