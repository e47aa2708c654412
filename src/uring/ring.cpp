#include "shunt/uring/ring.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "src/uring/full_queue.hpp"

namespace shunt::uring {
namespace {

// The value of kernel.io_uring_disabled (6.6), or -1 where the kernel does not have it.
int io_uring_disabled() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  int value = -1;
  return file >> value ? value : -1;
}

tl::unexpected<base::Error> barred(const std::string& what) {
  return base::fail(base::ErrorCode::kPermission, what,
                    "containers bar it by default: allow io_uring_setup, io_uring_enter and "
                    "io_uring_register (docs/io_uring.md)");
}

// Of a call on a ring that could be made: only a filter of system calls answers like this there.
tl::unexpected<base::Error> call_failed(const std::string& call, int error) {
  if (error == EPERM || error == EACCES || error == ENOSYS) {
    return barred("io_uring is barred by a seccomp profile: it lets io_uring_setup pass and not " +
                  call);
  }
  return base::fail_errno(error, call);
}

tl::unexpected<base::Error> set_up_failed(int error) {
  using base::ErrorCode;
  switch (error) {
    case EPERM:
    case EACCES:
      switch (io_uring_disabled()) {
        case 2:
          return base::fail(
              ErrorCode::kPermission,
              "io_uring is switched off on this machine (kernel.io_uring_disabled = 2)",
              "as root: sysctl kernel.io_uring_disabled=0");
        case 1:
          return base::fail(
              ErrorCode::kPermission,
              "io_uring is barred for this user (kernel.io_uring_disabled = 1)",
              "add the user to the group in kernel.io_uring_group, or as root: sysctl "
              "kernel.io_uring_disabled=0");
        default:
          return barred("io_uring is barred by a seccomp profile");
      }
    case ENOSYS:
      return base::fail(ErrorCode::kUnavailable,
                        "the kernel has no io_uring, or a seccomp profile hides it",
                        "Linux 6.1 or later is needed; in a container see docs/io_uring.md");
    case ENOMEM:
      return base::fail(ErrorCode::kUnavailable, "too little memory for io_uring",
                        "raise the limit of locked memory (ulimit -l, LimitMEMLOCK=) or the memory "
                        "limit of the service");
    case EMFILE:
    case ENFILE:
      return base::fail(ErrorCode::kUnavailable, "no descriptor is free for io_uring",
                        "raise the limit of open files (ulimit -n, LimitNOFILE=)");
    default:
      return base::fail_errno(error, "io_uring_setup");
  }
}

struct Step {
  std::uint32_t flags;
  bool defer, single, coop;
};

// Best first; a kernel that does not know a flag answers EINVAL.
constexpr std::array kLadder = {
    Step{IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER, true, true, false},
    Step{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, false,
         true, true},
    Step{IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, false, false, true},
    Step{0, false, false, false},
};

bool allowed(const Step& step, const Features& wanted) {
  return (!step.defer || wanted.defer_taskrun) && (!step.single || wanted.single_issuer) &&
         (!step.coop || wanted.coop_taskrun);
}

// features: those that are operations of their own are taken off where the kernel lacks them.
base::Status check_operations(io_uring* ring, Features& features) {
  constexpr std::array kNeeded = {IORING_OP_ACCEPT,   IORING_OP_RECV, IORING_OP_SEND,
                                  IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_ASYNC_CANCEL};
  constexpr unsigned kOperations = 256;  // as liburing asks for
  alignas(io_uring_probe)
      std::array<char, sizeof(io_uring_probe) + kOperations * sizeof(io_uring_probe_op)>
          room{};
  auto* const probe = reinterpret_cast<io_uring_probe*>(room.data());
  // Not io_uring_get_probe_ring(), which keeps the cause to itself.
  if (const int result = io_uring_register_probe(ring, probe, kOperations); result < 0) {
    return call_failed("io_uring_register", -result);
  }
  features.message_ring =
      features.message_ring && io_uring_opcode_supported(probe, IORING_OP_MSG_RING) != 0;
  bool all = true;
  for (const int operation : kNeeded) {
    all = all && io_uring_opcode_supported(probe, operation) != 0;
  }
  if (all) return {};
  return base::fail(base::ErrorCode::kUnavailable,
                    "the kernel's io_uring lacks operations that shunt needs",
                    "Linux 6.1 or later is needed");
}

}  // namespace

base::Result<std::unique_ptr<Ring>> Ring::create(const RingOptions& options) {
  std::unique_ptr<Ring> ring(new Ring);
  if (base::Status status = ring->set_up(options); !status) {
    return tl::unexpected(std::move(status.error()));
  }
  return ring;
}

base::Status Ring::set_up(const RingOptions& options) {
  features_ = options.wanted;
  int result = -EINVAL;
  for (const Step& step : kLadder) {
    if (!allowed(step, options.wanted)) continue;
    io_uring_params parameters{};
    parameters.flags =
        step.flags | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    if (options.watched && step.defer) parameters.flags |= IORING_SETUP_TASKRUN_FLAG;
    parameters.cq_entries = options.completions;
    result = io_uring_queue_init_params(options.submissions, &ring_, &parameters);
    if (result == -EINVAL) continue;
    features_.defer_taskrun = step.defer;
    features_.single_issuer = step.single;
    features_.coop_taskrun = step.coop;
    break;
  }
  if (result == -EINVAL) {
    return base::fail(base::ErrorCode::kUnavailable, "the kernel's io_uring is too old",
                      "Linux 6.1 or later is needed");
  }
  if (result < 0) return set_up_failed(-result);
  made_ = true;

  constexpr std::uint32_t kNeeded =
      IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL;
  if ((ring_.features & kNeeded) != kNeeded) {
    return base::fail(base::ErrorCode::kUnavailable, "the kernel's io_uring is too old",
                      "Linux 6.1 or later is needed");
  }
  if (base::Status status = check_operations(&ring_, features_); !status) return status;
  // Nothing is handed over and nothing waited for: it is only asked whether the call is allowed.
  if (const int asked = io_uring_enter(static_cast<unsigned>(ring_.ring_fd), 0, 0,
                                       IORING_ENTER_GETEVENTS, nullptr);
      asked < 0 && asked != -EINTR && asked != -EAGAIN) {
    return call_failed("io_uring_enter", -asked);
  }

  // enter() moves the tail by itself, so the index array must be the identity, whatever liburing
  // leaves to its own submit.
  for (std::uint32_t i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;

  enter_flags_ = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  features_.registered_ring =
      options.wanted.registered_ring && io_uring_register_ring_fd(&ring_) == 1;
  if (features_.registered_ring) enter_flags_ |= IORING_ENTER_REGISTERED_RING;
  features_.no_iowait =
      options.wanted.no_iowait && (ring_.features & compat::kFeatureNoIowait) != 0;
  if (features_.no_iowait) enter_flags_ |= compat::kEnterNoIowait;
  features_.min_wait = options.wanted.min_wait && features_.defer_taskrun &&
                       (ring_.features & compat::kFeatureMinTimeout) != 0;
  return {};
}

Ring::~Ring() {
  if (made_) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::entry_of_full_queue() noexcept {
  io_uring_sqe* const sqe = entry_after_handing_over(
      [this] { return enter(0); }, [this] { return io_uring_get_sqe(&ring_); },
      [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  SHUNT_CHECK(sqe != nullptr);  // io_uring takes no more submissions (docs/io_uring.md)
  return sqe;
}

}  // namespace shunt::uring
