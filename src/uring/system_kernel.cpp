#include "shunt/uring/system_kernel.hpp"

#include <cstring>
#include <fstream>

#include "src/uring/receive_probe.hpp"
#include "src/uring/splice_probe.hpp"
#include "src/uring/wait_probe.hpp"

namespace shunt::uring {

base::Result<std::unique_ptr<SystemKernel>> SystemKernel::create(
    const SystemKernelOptions& options) {
  std::unique_ptr<SystemKernel> kernel(new SystemKernel);
  auto ring = Ring::create(options.ring);
  if (!ring) return tl::unexpected(std::move(ring.error()));
  kernel->ring_ = std::move(*ring);
  auto buffers = BufferRing::create(*kernel->ring_, options.buffers, options.buffer_bytes);
  if (!buffers) return tl::unexpected(std::move(buffers.error()));
  kernel->buffers_ = std::move(*buffers);
  // Without DEFER_TASKRUN the trial would tell nothing, and one could bring many small buffers
  // within a turn.
  base::Result<bool> works = false;
  if (kernel->multishot_receives() && kernel->features().defer_taskrun) {
    works = multishot_receives_work(*kernel->ring_, *kernel->buffers_);
  }
  if (!works) return tl::unexpected(std::move(works.error()));
  if (!*works) kernel->ring_->do_without_multishot_receives();
  if (kernel->features().min_wait && !gathering_works(*kernel->ring_)) {
    kernel->ring_->do_without_min_wait();
  }
  if (kernel->features().splice && !splicing_works()) kernel->ring_->do_without_splice();
  return kernel;
}

SystemKernel::PortRange SystemKernel::read_local_ports() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  PortRange range;
  if (std::uint16_t first = 0, last = 0; file >> first >> last) range = {first, last};
  return range;
}

// A Unix socket refuses all of them, which does no harm.
void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void set_keepalive(int fd, const KeepaliveOptions& keepalive) noexcept {
  if (keepalive.idle == 0) return;
  const auto set = [fd](int level, int name, std::uint32_t value) {
    const int number = static_cast<int>(value);
    ::setsockopt(fd, level, name, &number, sizeof(number));
  };
  set(IPPROTO_TCP, TCP_KEEPIDLE, keepalive.idle);
  set(IPPROTO_TCP, TCP_KEEPINTVL, keepalive.interval);
  set(IPPROTO_TCP, TCP_KEEPCNT, keepalive.count);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

void set_congestion(int fd, const char* name) noexcept {
  // Tried at the start (app/kernel_tcp.cpp): a kernel that has unloaded it since goes on without.
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, static_cast<socklen_t>(std::strlen(name)));
}

}  // namespace shunt::uring
