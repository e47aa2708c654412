// Buffers: who holds which receive buffer of a worker, and what happens when they run out.
//
// The ring is small so that it stays in the cache, and every pipe that sends holds one buffer of
// it, or a few that came before its multishot receive was stopped. Readers that stopped reading
// must not take it from everybody else: once a receive has found the ring empty, sends that have
// been under way for a while are cancelled, what they had left to send moves to the heap (bounded),
// and their buffers go back. At the bound, connections whose readers stand still are given up, the
// newest first. Receives that were put off wait first in, first out, until half of the ring is
// free, so that the shortage ends before they are tried again.
//
// A stream whose receives keep coming back full goes through kernel pipes (splice_pipes.hpp) or
// reads into large buffers beside the ring, as long as there are any (large_buffers.hpp). A reader
// that stops keeps its own: others go on with the ring's.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/splice_pipes.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Buffers {
 public:
  explicit Buffers(Shard<K>& shard)
      : shard_(shard),
        large_(shard.setup.large_buffers),
        splice_pipes_(shard.kernel, shard.kernel.splices() ? shard.setup.splice_pipes : 0),
        free_(shard.kernel.buffer_count()),
        holders_(free_) {}

  // A receive filled `buffer` for this pipe, which holds nothing.
  void hold(Relay& relay, Side source, uring::BufferId buffer, std::uint32_t length) noexcept {
    Pipe& pipe = relay.from(source);
    claim(relay, source, buffer);
    take_up(pipe, buffer, length);
    const bool left_more = length == shard_.kernel.buffer_bytes() && pipe.more_expected;
    pipe.full_receives = left_more ? std::min<std::uint8_t>(pipe.full_receives + 1, kGrowAfter) : 0;
  }
  // The same for a pipe that is sending: the bytes wait behind what it holds. Seldom, and few.
  void queue(Relay& relay, Side source, uring::BufferId buffer, std::uint32_t length) noexcept {
    claim(relay, source, buffer);
    holders_[buffer].length = length;
    uring::BufferId* last = &relay.from(source).queued;
    while (*last != uring::kNoBuffer) last = &holders_[*last].next;
    *last = buffer;
  }
  // Frees what the pipe holds, and it holds the first of what is queued.
  void advance(Pipe& pipe) noexcept {
    release(pipe);
    const uring::BufferId buffer = pipe.queued;
    pipe.queued = std::exchange(holders_[buffer].next, uring::kNoBuffer);
    take_up(pipe, buffer, holders_[buffer].length);
  }
  // Gives a pipe that holds nothing a large buffer to receive into, where its stream has earned one
  // and there is one.
  [[nodiscard]] bool enlarge(Pipe& pipe) noexcept {
    if (!pipe.more_expected || pipe.full_receives < kGrowAfter) return false;
    std::byte* const memory = large_.take();
    if (memory == nullptr) return false;
    pipe.buffer = kLargeBuffer;
    pipe.data = memory;
    large_used_at_ = shard_.now;
    streams_left_some_ = true;
    return true;
  }
  // The pipe's stream is worth a kernel pipe. Not in a crowd: messages beside it had a longer tail
  // (docs/performance.md).
  [[nodiscard]] bool may_splice(const Pipe& pipe) const noexcept {
    return pipe.full_receives >= kGrowAfter && shard_.kernel.splices() && !pipe.never_spliced &&
           shard_.crowded_turns == 0 && splice_pipes_.may_take(shard_.now);
  }
  // Moves what waits in its socket into a kernel pipe, which the pipe holds then. What splice()
  // said, or -ENOBUFS where there is no kernel pipe.
  [[nodiscard]] std::int32_t splice_in(Relay& relay, Side source) noexcept {
    Pipe& pipe = relay.from(source);
    streams_left_some_ = true;
    pipe.buffer = splice_pipes_.take(shard_.now);
    if (pipe.buffer == uring::kNoBuffer) return -ENOBUFS;
    const int moved =
        splice_pipes_.fill(pipe.buffer, relay.socket(source).fd, base::kSplicePipeBytes);
    if (moved <= 0) {
      release(pipe);
      pipe.full_receives = 0;
      return moved;
    }
    pipe.length = static_cast<std::uint32_t>(moved);
    // Where little comes at a time, a ring's buffer holds it.
    if (pipe.length < shard_.kernel.buffer_bytes()) pipe.full_receives = 0;
    return moved;
  }
  // Moves on what its kernel pipe holds.
  [[nodiscard]] std::int32_t splice_out(Relay& relay, Side source) noexcept {
    return splice_pipes_.drain(relay.from(source).buffer, relay.socket(other(source)).fd);
  }
  // Takes what its kernel pipe holds into memory, and the pipe is never spliced again. False, and
  // all is as it was: there is no memory, or what is set aside has reached its share of the bound
  // (the rest is for the time when the ring is short).
  [[nodiscard]] bool pour(Pipe& pipe) noexcept {
    const std::uint32_t left = pipe.length - pipe.sent;
    if (spilled_bytes_ + left > shard_.setup.spilled_bytes_max / kPouredShare) return false;
    auto* memory = static_cast<std::byte*>(std::malloc(left));
    if (memory == nullptr || !splice_pipes_.pour(pipe.buffer, memory)) {
      std::free(memory);
      return false;
    }
    release(pipe);
    pipe.data = memory;
    pipe.length = left;
    pipe.never_spliced = true;
    spilled_bytes_ += left;
    return true;
  }
  // How much a receive may take into it now.
  [[nodiscard]] std::uint32_t large_bytes() const noexcept {
    return shard_.crowded_turns == 0 ? large_.bytes()
                                     : std::min(large_.bytes(), base::kLargeReceiveInCrowd);
  }
  // For tests and simulations.
  [[nodiscard]] std::uint32_t large_taken() const noexcept { return large_.taken(); }
  [[nodiscard]] const SplicePipes<K>& splice_pipes() const noexcept { return splice_pipes_; }
  // Frees what the pipe holds, if anything, but not what is queued.
  void release(Pipe& pipe) noexcept {
    if (pipe.buffer == kLargeBuffer) {
      give_back_large(pipe);
    } else if (pipe.is_spliced()) {
      splice_pipes_.give_back(std::exchange(pipe.buffer, uring::kNoBuffer));
    } else if (pipe.buffer != uring::kNoBuffer) {
      give_back(std::exchange(pipe.buffer, uring::kNoBuffer));
    } else if (pipe.data != nullptr) {
      spilled_bytes_ -= pipe.length;
      std::free(pipe.data);
    }
    pipe.data = nullptr;
    pipe.sent = pipe.length = 0;
  }
  // Frees what is queued.
  void release_queued(Pipe& pipe) noexcept {
    while (pipe.queued != uring::kNoBuffer) {
      const uring::BufferId buffer = pipe.queued;
      pipe.queued = std::exchange(holders_[buffer].next, uring::kNoBuffer);
      give_back(buffer);
    }
  }
  // A buffer came that nobody wants.
  void drop(uring::BufferId buffer) noexcept { shard_.kernel.recycle(buffer); }

  // Moves what is left to send, and what is queued, to the heap and gives the buffers back. Does
  // nothing when the bound is reached or there is no memory; the bytes then stay where they are.
  void spill(Pipe& pipe) noexcept {
    const std::uint32_t left = left_to_send(pipe);
    const bool in_ring = pipe.buffer < kFirstSplicePipe || pipe.queued != uring::kNoBuffer;
    if (!in_ring || spilled_bytes_ + left > shard_.setup.spilled_bytes_max) return;
    auto* memory = static_cast<std::byte*>(std::malloc(left));
    if (memory == nullptr) return;
    std::byte* end = memory;
    const auto append = [&end](const std::byte* data, std::uint32_t length) {
      std::memcpy(end, data, length);
      end += length;
    };
    append(pipe.data + pipe.sent, pipe.length - pipe.sent);
    for (auto at = pipe.queued; at != uring::kNoBuffer; at = holders_[at].next) {
      append(shard_.kernel.buffer(at), holders_[at].length);
    }
    release(pipe);
    release_queued(pipe);
    pipe.data = memory;
    pipe.length = left;
    spilled_bytes_ += left;
  }

  // Queues a pipe whose receive found no buffer.
  void starve(Relay& relay, Side source) noexcept {
    shard_.counters.buffer_starved.add();
    Pipe& pipe = relay.from(source);
    pipe.starved_next = kNobody;
    pipe.starved_previous = last_;
    const std::uint32_t entry = entry_of(relay, source);
    if (first_ == kNobody) full_ = false;  // that was another shortage
    (last_ == kNobody ? first_ : pipe_of(last_).starved_next) = entry;
    last_ = entry;
  }
  // Takes a pipe out of the queue. It must be starved.
  void leave_queue(Pipe& pipe) noexcept {
    (pipe.starved_previous == kNobody ? first_ : pipe_of(pipe.starved_previous).starved_next) =
        pipe.starved_next;
    (pipe.starved_next == kNobody ? last_ : pipe_of(pipe.starved_next).starved_previous) =
        pipe.starved_previous;
  }

  // Once a turn: frees buffers that are stuck, and calls feed(relay, source) for starved pipes,
  // each taken out of the queue before, while half of the ring is free and as far as buffers go.
  template <class Feed>
  void serve_starved(Feed&& feed) noexcept {
    if (first_ == kNobody) return;
    relieve();
    if (free_ < std::max(1U, shard_.kernel.buffer_count() / 2)) return;
    for (std::uint32_t left = free_; left != 0 && first_ != kNobody; --left) {
      const std::uint32_t entry = first_;
      leave_queue(pipe_of(entry));
      feed(shard_.relays.at(entry / 2), static_cast<Side>(entry % 2));
    }
  }
  // Once a turn: a connection that has to go because others starve and no more bytes can be moved
  // to the heap. The newest of those whose readers stand still, or null.
  [[nodiscard]] Relay* surplus() noexcept {
    if (first_ == kNobody || shard_.now - looked_at_ < kReliefPause) return nullptr;
    looked_at_ = shard_.now;
    if (!full_ || free_ >= std::max(1U, shard_.kernel.buffer_count() / 2)) return nullptr;
    Relay* newest = nullptr;
    for (Holder& holder : holders_) {
      if (holder.slot == kNobody || !stands_still(holder)) continue;
      Relay& relay = shard_.relays.at(holder.slot);
      if (newest == nullptr || relay.accepted_at > newest->accepted_at) newest = &relay;
    }
    return newest;
  }
  // Once a turn: what streams have not used for a while goes back, of each kind one.
  void rest() noexcept {
    if (streams_left_some_) [[unlikely]]
      give_up();
  }
  // How long the worker may sleep as far as buffers are concerned.
  [[nodiscard]] base::Duration until_next() const noexcept {
    if (first_ != kNobody) return kReliefPause;
    return streams_left_some_ ? until_give_up() : uring::kForever;
  }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  // Receives in a row that fill their buffer and leave more, before a stream reads into large ones.
  // Requests and answers hardly ever get there.
  static constexpr std::uint8_t kGrowAfter = 2;
  static constexpr base::Duration kKept = base::kSecond;
  static constexpr std::size_t kPouredShare = 8;
  // A send that takes longer than this has met a full socket; before, it is only on its way.
  static constexpr base::Duration kStuckAfter = base::kMillisecond;
  static constexpr base::Duration kReliefPause = base::kMillisecond;
  // A reader far away takes something within this, a round trip and the kernel's delayed ACK.
  static constexpr base::Duration kStandsStillAfter = base::kSecond;

  struct Holder {
    std::uint32_t slot = kNobody;
    int unsent = -1;             // in the destination's socket, at the last look; -1: none yet
    base::Instant moved_at = 0;  // the first look that found it so
    std::uint32_t length = 0;    // of bytes that are queued
    uring::BufferId next = uring::kNoBuffer;  // queued behind this one
    Side source = Side::kClient;
  };

  void claim(const Relay& relay, Side source, uring::BufferId buffer) noexcept {
    --free_;
    holders_[buffer] = {.slot = shard_.relays.slot_of(relay), .source = source};
  }
  void give_back(uring::BufferId buffer) noexcept {
    holders_[buffer].slot = kNobody;
    shard_.kernel.recycle(buffer);
    ++free_;
  }
  void take_up(Pipe& pipe, uring::BufferId buffer, std::uint32_t length) noexcept {
    pipe.data = shard_.kernel.buffer(buffer);
    pipe.buffer = buffer;
    pipe.length = length;
    pipe.sent = 0;
  }
  [[nodiscard]] std::uint32_t left_to_send(const Pipe& pipe) const noexcept {
    std::uint32_t left = pipe.length - pipe.sent;
    for (auto at = pipe.queued; at != uring::kNoBuffer; at = holders_[at].next) {
      left += holders_[at].length;
    }
    return left;
  }

  // Nothing has left the destination's queue for a while.
  [[nodiscard]] bool stands_still(Holder& holder) noexcept {
    Relay& relay = shard_.relays.at(holder.slot);
    if (relay.state != RelayState::kEstablished ||
        relay.from(holder.source).state != PipeState::kSending) {
      return false;
    }
    const int unsent = shard_.kernel.unsent(relay.socket(other(holder.source)).fd);
    if (unsent != holder.unsent) {
      holder.unsent = unsent;
      holder.moved_at = shard_.now;
    }
    return shard_.now - holder.moved_at >= kStandsStillAfter;
  }

  [[gnu::noinline]] void give_up() noexcept {
    if (large_.keeps_memory() && shard_.now - large_used_at_ >= kKept) large_.give_up_one();
    if (splice_pipes_.keeps_any() && shard_.now - splice_pipes_.used_at() >= kKept)
      splice_pipes_.close_one();
    streams_left_some_ = large_.taken() != 0 || large_.keeps_memory() || splice_pipes_.open() != 0;
  }
  [[nodiscard, gnu::noinline]] base::Duration until_give_up() const noexcept {
    const auto left = [this](bool any, base::Instant used_at) {
      const base::Duration unused = shard_.now - used_at;
      if (!any) return uring::kForever;
      return unused < kKept ? kKept - unused : uring::kNoWait;
    };
    return std::min(left(large_.keeps_memory(), large_used_at_),
                    left(splice_pipes_.keeps_any(), splice_pipes_.used_at()));
  }

  void give_back_large(Pipe& pipe) noexcept {
    large_.give_back(pipe.data);
    pipe.buffer = uring::kNoBuffer;
  }

  [[nodiscard]] std::uint32_t entry_of(const Relay& relay, Side source) const noexcept {
    return shard_.relays.slot_of(relay) * 2 + static_cast<std::uint32_t>(source);
  }
  [[nodiscard]] Pipe& pipe_of(std::uint32_t entry) noexcept {
    return shard_.relays.at(entry / 2).pipes[entry % 2];
  }

  void relieve() noexcept {
    if (shard_.now - relieved_at_ < kReliefPause) return;
    relieved_at_ = shard_.now;
    full_ = false;
    for (const Holder& holder : holders_) {
      if (holder.slot == kNobody) continue;
      Relay& relay = shard_.relays.at(holder.slot);
      Pipe& pipe = relay.from(holder.source);
      if (spilled_bytes_ + left_to_send(pipe) > shard_.setup.spilled_bytes_max) {
        full_ = true;
      } else if (pipe.state == PipeState::kHolding) {
        spill(pipe);
      } else if (pipe.state == PipeState::kSending && !pipe.reclaiming &&
                 relay.state == RelayState::kEstablished &&
                 shard_.now - pipe.since >= kStuckAfter) {
        pipe.reclaiming = true;
        const Side destination = other(holder.source);
        shard_.cancel(relay, destination, send_of(destination));
      }
    }
  }

  Shard<K>& shard_;
  LargeBuffers large_;
  SplicePipes<K> splice_pipes_;
  base::Instant large_used_at_ = 0;  // one was taken
  std::uint32_t free_;
  base::OwnLinesVector<Holder> holders_;  // by BufferId
  bool streams_left_some_ = false;  // large buffers or kernel pipes, in use or kept for others
  std::size_t spilled_bytes_ = 0;
  bool full_ = false;  // at the latest look, what some pipe has did not fit within the bound
  base::Instant relieved_at_ = 0;
  base::Instant looked_at_ = 0;
  std::uint32_t first_ = kNobody;  // the queue of starved pipes: relay slot * 2 + source
  std::uint32_t last_ = kNobody;
};

}  // namespace shunt::proxy
