// What a full submission queue waits for, free of the ring itself.
#pragma once

namespace shunt::uring {

// The kernel takes the whole queue in one call but for lack of memory, which passes: in
// microseconds, or in as long as reclaim takes. Each call also ends requests, whose memory serves
// the next ones. Nothing else can be done meanwhile: whatever a worker would do needs an entry.
inline constexpr int kAttemptsAtOnce = 100;
inline constexpr int kAttemptsWithPause = 5'000;  // of a millisecond

// Hands the queue over until it has room. enter() -> 0 or -errno; entry() -> an entry, or null
// where the queue is full; pause() waits a millisecond. Null: enter() failed, or there was no room
// in all that time.
template <class Enter, class Entry, class Pause>
[[nodiscard]] auto entry_after_handing_over(Enter enter, Entry entry, Pause pause) noexcept
    -> decltype(entry()) {
  for (int attempt = 0; attempt < kAttemptsAtOnce + kAttemptsWithPause; ++attempt) {
    if (attempt >= kAttemptsAtOnce) pause();
    if (enter() != 0) return nullptr;
    if (auto* const free = entry(); free != nullptr) return free;
  }
  return nullptr;
}

}  // namespace shunt::uring
