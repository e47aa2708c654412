#include "shunt/uring/buffer_ring.hpp"

#include <sys/mman.h>

#include <cerrno>

#include "shunt/base/check.hpp"

namespace shunt::uring {
namespace {

void* map(std::size_t bytes) noexcept {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

base::Result<std::unique_ptr<BufferRing>> BufferRing::create(Ring& ring, std::uint32_t count,
                                                             std::uint32_t bytes) {
  SHUNT_CHECK(count > 0 && count <= 32768 && (count & (count - 1)) == 0 && bytes > 0);
  std::unique_ptr<BufferRing> buffers(new BufferRing(ring, count, bytes));
  if (base::Status status = buffers->set_up(); !status) {
    return tl::unexpected(std::move(status.error()));
  }
  return buffers;
}

base::Status BufferRing::set_up() {
  shared_ = static_cast<io_uring_buf_ring*>(map(entries_bytes()));
  memory_ = static_cast<std::byte*>(map(memory_bytes()));
  if (shared_ == nullptr || memory_ == nullptr) {
    return base::fail(base::ErrorCode::kUnavailable, "too little memory for receive buffers",
                      "raise the limit of memory (MemoryMax=, ulimit -v)");
  }
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(shared_);
  registration.ring_entries = count_;
  registration.bgid = kGroup;
  if (const int result = io_uring_register_buf_ring(ring_.raw(), &registration, 0); result != 0) {
    if (result == -EINVAL) {
      return base::fail(base::ErrorCode::kUnavailable,
                        "the kernel's io_uring has no buffer rings (5.19)",
                        "Linux 6.1 or later is needed");
    }
    return base::fail_errno(-result, "io_uring_register (buffer ring)");
  }
  registered_ = true;
  for (std::uint32_t id = 0; id < count_; ++id) recycle(static_cast<BufferId>(id));
  return {};
}

BufferRing::~BufferRing() {
  if (registered_) io_uring_unregister_buf_ring(ring_.raw(), kGroup);
  if (memory_ != nullptr) ::munmap(memory_, memory_bytes());
  if (shared_ != nullptr) ::munmap(shared_, entries_bytes());
}

}  // namespace shunt::uring
