// Ring: the only owner of an io_uring. Created, used and destroyed on one thread (SINGLE_ISSUER
// binds the ring to its creator).
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>

#include "shunt/base/check.hpp"
#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/base/result.hpp"
#include "shunt/uring/compat.hpp"
#include "shunt/uring/features.hpp"

namespace shunt::uring {

struct RingOptions {
  std::uint32_t submissions = 1024;  // queued before a full queue is handed over early
  // Beyond, the kernel keeps them aside at some cost.
  std::uint32_t completions = base::kCompletionsQueued;
  bool watched = false;  // has_news() is asked: costs an atomic operation a wake-up
  Features wanted;
};

// On lines of its own: what is queued is written there.
class alignas(base::kLinePair) Ring {
 public:
  // Takes the best set-up that the kernel accepts, from DEFER_TASKRUN (6.1) down. Errors name the
  // cause (seccomp, sysctl, no io_uring in the kernel, memory) and the way out.
  [[nodiscard]] static base::Result<std::unique_ptr<Ring>> create(const RingOptions& options);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  [[nodiscard]] const Features& features() const noexcept { return features_; }
  // They were found not to work.
  void do_without_multishot_receives() noexcept { features_.multishot_receive = false; }
  void do_without_splice() noexcept { features_.splice = false; }
  void do_without_min_wait() noexcept { features_.min_wait = false; }
  [[nodiscard]] io_uring* raw() noexcept { return &ring_; }
  // Stays open beside its registration.
  [[nodiscard]] int descriptor() const noexcept { return ring_.ring_fd; }

  // An entry to prepare (io_uring_prep_* sets every field); never null: a full queue is handed over
  // first.
  [[nodiscard]] io_uring_sqe* entry() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    return sqe != nullptr ? sqe : entry_of_full_queue();
  }

  // Hands over what is queued; waits for a completion when there is none, at most `timeout`
  // (0: not at all; UINT64_MAX: for ever). 0 or -errno; ETIME, EINTR, EAGAIN and EBUSY are no
  // errors. gather: one completion is not enough, if more come soon (kernel.hpp); needs min_wait.
  int enter(base::Duration timeout, bool gather = false) noexcept {
    const std::uint32_t tail = ring_.sq.sqe_tail;
    io_uring_smp_store_release(ring_.sq.ktail, tail);
    const std::uint32_t count = queued();
    io_uring_getevents_arg argument{};
    __kernel_timespec until;
    if (timeout != 0 && timeout != UINT64_MAX) {
      until.tv_sec = static_cast<std::int64_t>(timeout / base::kSecond);
      until.tv_nsec = static_cast<long long>(timeout % base::kSecond);
      argument.ts = reinterpret_cast<std::uint64_t>(&until);
    }
    std::uint32_t wanted = timeout == 0 ? 0 : 1;
    if (gather && features_.min_wait) [[unlikely]] {
      // Without a timeout the kernel ends the wait after the minimum with nothing (6.18): a turn.
      wanted = count + base::kGatherMore;
      compat::set_min_wait(argument, base::kGatherSpan / base::kMicrosecond);
    }
    // GETEVENTS even without a wait: with DEFER_TASKRUN completions are made nowhere else.
    const int result =
        io_uring_enter2(static_cast<std::uint32_t>(ring_.enter_ring_fd), count, wanted,
                        enter_flags_, reinterpret_cast<sigset_t*>(&argument), sizeof(argument));
    if (result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
        result == -EBUSY) {
      return 0;
    }
    return result;
  }

  // Entries that were prepared and not handed over.
  [[nodiscard]] std::uint32_t queued() const noexcept {
    return ring_.sq.sqe_tail - io_uring_smp_load_acquire(ring_.sq.khead);
  }
  // There are completions, or the kernel has work from which enter() makes some
  // (IORING_SETUP_TASKRUN_FLAG, 5.19; with DEFER_TASKRUN nothing else shows it).
  [[nodiscard]] bool has_news() const noexcept {
    return has_completions() || (io_uring_smp_load_acquire(ring_.sq.kflags) &
                                 (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  }

  [[nodiscard]] bool has_completions() const noexcept {
    return *ring_.cq.khead != io_uring_smp_load_acquire(ring_.cq.ktail);
  }

  // Calls take(cqe) for up to `max` completions, oldest first, and frees their entries.
  template <class Take>
  std::uint32_t reap(std::uint32_t max, Take&& take) noexcept {
    const std::uint32_t head = *ring_.cq.khead;
    const std::uint32_t ready = io_uring_smp_load_acquire(ring_.cq.ktail) - head;
    const std::uint32_t count = ready < max ? ready : max;
    for (std::uint32_t i = 0; i < count; ++i) {
      take(ring_.cq.cqes[(head + i) & ring_.cq.ring_mask]);
    }
    io_uring_smp_store_release(ring_.cq.khead, head + count);
    return count;
  }

 private:
  Ring() noexcept = default;
  [[nodiscard]] base::Status set_up(const RingOptions& options);
  [[nodiscard]] io_uring_sqe* entry_of_full_queue() noexcept;

  io_uring ring_{};
  bool made_ = false;
  std::uint32_t enter_flags_ = 0;
  Features features_;
};

}  // namespace shunt::uring
