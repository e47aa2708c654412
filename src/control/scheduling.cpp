#include "shunt/control/scheduling.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace shunt::control {
namespace {

// include/uapi/linux/sched/types.h; glibc 2.36 has no declaration.
struct SchedAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
};
static_assert(sizeof(SchedAttributes) == 48, "SCHED_ATTR_SIZE_VER0");

constexpr std::uint64_t kSliceNs = 100'000;  // the shortest that the kernel takes

}  // namespace

void prefer_short_slices() noexcept {
#if defined(SYS_sched_setattr) && defined(SYS_sched_getattr)
  SchedAttributes attributes{};
  // Read first, so that nice and flags stay what the service manager made them.
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0U) != 0) return;
  if (attributes.policy != 0) return;  // not SCHED_OTHER: somebody chose
  attributes.size = sizeof(attributes);
  attributes.runtime = kSliceNs;
  attributes.deadline = 0;
  attributes.period = 0;
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0U);
#endif
}

}  // namespace shunt::control
