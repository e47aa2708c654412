// HandOver: a worker's part in evening out connections (peers.hpp has who owns what and when).
//
// Which worker: each connection that is accepted is compared with one other worker, the next in
// turn, so its cost is that of two lines that are seldom written, whatever the number of workers;
// the better of two choices is nearly as good as the best of all. It stays where the kernel's hash
// put it unless this worker has clearly more open connections than that one: by a margin, and by an
// eighth where they are many. So where the hash spreads evenly, nothing is handed over.
//
// HAProxy spreads every connection of a listener that threads share (tune.listener.multi-queue),
// and Envoy's exact balance takes a lock and looks at all workers for each. Here the kernel has
// spread them already, and moving one costs another thread's wake-up and the cache that received
// its packets: it is done only where that is worth it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "src/proxy/peers.hpp"
#include "src/proxy/shard.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class HandOver {
 public:
  explicit HandOver(Shard<K>& shard) noexcept
      : shard_(shard),
        peers_(shard.kernel.ring() < 0 ? nullptr : shard.setup.peers),
        other_(shard.setup.index) {}

  // Others may hand over to this worker.
  void open() noexcept {
    if (peers_ == nullptr) return;
    peers_->open(shard_.setup.index, shard_.kernel.ring(), shard_.setup.wake_fd);
  }
  // It hands over nothing any more, and nobody begins to hand over to it.
  void close() noexcept {
    closed_ = true;
    if (peers_ != nullptr) peers_->close(shard_.setup.index);
  }
  // After close(): its messages have come back, and nothing is under way to it.
  [[nodiscard]] bool settled() const noexcept {
    return under_way_ == 0 && (peers_ == nullptr || peers_->settled(shard_.setup.index));
  }

  // A connection that this worker accepted. True: it is under way to another one, and the
  // descriptor is not this worker's any more.
  [[nodiscard]] bool pass_on(traffic::ServiceId service, int fd) noexcept {
    if (peers_ == nullptr || closed_) return false;
    const std::uint32_t to = next_other();
    if (!is_clearly_less(peers_->load(to)) || !peers_->reserve(to)) return false;
    ++under_way_;
    shard_.kernel.message(peers_->ring(to), fd,
                          {static_cast<std::uint8_t>(Operation::kHandedOver), service, 0},
                          {static_cast<std::uint8_t>(Operation::kHandOver),
                           static_cast<std::uint32_t>(fd), to << kServiceBits | service});
    return true;
  }

  // A message of this worker came back. failed: its connection is this worker's again.
  struct Returned {
    bool failed = false;
    traffic::ServiceId service = 0;
    int fd = -1;
  };
  [[nodiscard]] Returned returned(const uring::Completion& completion) noexcept {
    --under_way_;
    if (completion.result >= 0) {
      shard_.counters.handed_over.add();
      return {};
    }
    const std::uint32_t to = completion.tag.generation >> kServiceBits;
    if (peers_->withdraw(to)) shard_.kernel.signal(peers_->wake_fd(to));
    return {true, completion.tag.generation & ((1U << kServiceBits) - 1),
            static_cast<int>(completion.tag.slot)};
  }

  // A connection that was under way to this worker is here.
  void arrived() noexcept { peers_->arrived(shard_.setup.index); }

 private:
  static constexpr std::uint32_t kServiceBits = 12;
  static_assert(base::kServicesMax <= 1U << kServiceBits);
  static_assert(base::kWorkersMax << kServiceBits <= uring::Tag::kGenerationMask + 1);

  [[nodiscard]] std::uint32_t next_other() noexcept {
    do {
      if (++other_ >= peers_->workers()) other_ = 0;
    } while (other_ == shard_.setup.index);
    return other_;
  }
  [[nodiscard]] bool is_clearly_less(std::uint64_t load) const noexcept {
    const std::uint64_t margin = std::max<std::uint64_t>(shard_.setup.hand_over_margin, load / 8);
    return shard_.counters.relays.get() > load + margin;
  }

  Shard<K>& shard_;
  Peers* const peers_;           // null: one worker, or no messages between rings
  std::uint32_t other_;          // the last that was looked at
  std::uint32_t under_way_ = 0;  // messages of this worker that have not come back
  bool closed_ = false;
};

}  // namespace shunt::proxy
