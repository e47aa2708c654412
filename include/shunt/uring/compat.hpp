// Names of io_uring features that are younger than the liburing 2.3 of Debian 12. Values are the
// kernel's (include/uapi/linux/io_uring.h); they never change once released.
#pragma once

#include <liburing.h>

#include <cstdint>

namespace shunt::uring::compat {

// 6.15: a task that waits in io_uring_enter is not counted as waiting for I/O.
inline constexpr std::uint32_t kEnterNoIowait = 1U << 7;
inline constexpr std::uint32_t kFeatureNoIowait = 1U << 17;

// 6.12: a wait for several completions at a time is one for a single one after so many
// microseconds. The field is called `min_wait_usec` there; before, a wait with something in it was
// refused (EINVAL).
inline constexpr std::uint32_t kFeatureMinTimeout = 1U << 15;
inline void set_min_wait(io_uring_getevents_arg& argument, std::uint32_t microseconds) noexcept {
  argument.pad = microseconds;
}

// 6.17: a multishot receive that ends by itself once it has taken so many bytes in all. The field
// is called `optlen` there; before, a receive with something in it was refused (EINVAL).
inline void set_receive_limit(io_uring_sqe* sqe, std::uint32_t bytes) noexcept {
  sqe->file_index = bytes;
}

}  // namespace shunt::uring::compat
