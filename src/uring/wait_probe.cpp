#include "src/uring/wait_probe.hpp"

#include <poll.h>
#include <sys/timerfd.h>

#include "shunt/base/unique_fd.hpp"

namespace shunt::uring {
namespace {

constexpr long kAlarm = base::kMillisecond;  // well beyond kGatherSpan
constexpr base::Duration kPatience = 100 * base::kMillisecond;
constexpr int kRoundsMax = 50;  // of kPatience, for an alarm that is due in kAlarm

}  // namespace

bool gathering_works(Ring& ring) noexcept {
  // Not a timeout of the ring: the kernel takes its end for the end of the wait, whatever is
  // wanted.
  const base::UniqueFd alarm(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const itimerspec once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = kAlarm}};
  if (alarm.get() < 0 || ::timerfd_settime(alarm.get(), 0, &once, nullptr) != 0) return false;
  io_uring_prep_poll_add(ring.entry(), alarm.get(), POLLIN);
  const base::Instant began = base::monotonic_now();
  ring.enter(kPatience, true);
  const bool in_time = base::monotonic_now() - began < kPatience;
  std::uint32_t seen = 0;
  for (int i = 0; i < kRoundsMax; ++i) {
    seen += ring.reap(1, [](const io_uring_cqe&) {});
    if (seen != 0) return in_time;
    ring.enter(kPatience);
  }
  return false;
}

}  // namespace shunt::uring
