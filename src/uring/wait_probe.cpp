#include "src/uring/wait_probe.hpp"

namespace shunt::uring {
namespace {

constexpr base::Duration kAlarm = base::kMillisecond;  // well beyond kGatherSpan
constexpr base::Duration kPatience = 100 * base::kMillisecond;
constexpr int kRoundsMax = 50;  // of kPatience, for an alarm that is due in kAlarm

}  // namespace

bool gathering_works(Ring& ring) noexcept {
  __kernel_timespec alarm{.tv_sec = 0, .tv_nsec = static_cast<long long>(kAlarm)};
  io_uring_prep_timeout(ring.entry(), &alarm, 0, 0);
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
