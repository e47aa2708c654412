// The calls of shunt that end in the kernel. The linker leads those of its object files here
// (--wrap, see CMakeLists.txt); descriptors that are not of the fake kernel go on to the real one.
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "bench/count/kernel.hpp"

using shunt::bench::Asked;
using shunt::bench::fake_kernel;
using shunt::bench::FakeKernel;

// NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names
extern "C" {

// ---- liburing.

int __wrap_io_uring_queue_init_params(unsigned /*entries*/, io_uring* ring,
                                      io_uring_params* parameters) {
  return fake_kernel().set_up(*ring, *parameters);
}
void __wrap_io_uring_queue_exit(io_uring* /*ring*/) {}
int __wrap_io_uring_register_probe(io_uring* /*ring*/, io_uring_probe* probe, unsigned operations) {
  const unsigned known = std::min<unsigned>(operations, IORING_OP_LAST);
  probe->last_op = static_cast<std::uint8_t>(known - 1);
  for (unsigned i = 0; i < known; ++i) probe->ops[i].flags = IO_URING_OP_SUPPORTED;
  return 0;
}
// Asked once, whether it is allowed.
int __wrap_io_uring_enter(unsigned /*fd*/, unsigned /*queued*/, unsigned /*wanted*/,
                          unsigned /*flags*/, sigset_t* /*mask*/) {
  return 0;
}
int __wrap_io_uring_register_ring_fd(io_uring* /*ring*/) {
  return 1;
}
int __wrap_io_uring_register_buf_ring(io_uring* /*ring*/, io_uring_buf_reg* registration,
                                      unsigned /*flags*/) {
  return fake_kernel().take_buffers(*registration);
}
int __wrap_io_uring_unregister_buf_ring(io_uring* /*ring*/, int /*group*/) {
  return 0;
}
int __wrap_io_uring_enter2(unsigned /*fd*/, unsigned queued, unsigned wanted, unsigned /*flags*/,
                           sigset_t* /*argument*/, std::size_t /*size*/) {
  return fake_kernel().enter(queued, wanted != 0);
}

// ---- Sockets. Before there is a ring the listener is made, which is a real one.

int __wrap_socket(int family, int type, int protocol) {
  if (!fake_kernel().has_ring()) return ::socket(family, type, protocol);
  fake_kernel().ask(Asked::kSocket);
  return fake_kernel().open();
}
int __wrap_bind(int fd, const sockaddr* address, socklen_t length) {
  if (!FakeKernel::owns(fd)) return ::bind(fd, address, length);
  fake_kernel().ask(Asked::kBind);
  return 0;
}
int __wrap_connect(int fd, const sockaddr* /*address*/, socklen_t /*length*/) {
  fake_kernel().ask(Asked::kConnect);
  return fake_kernel().connect(fd);
}
int __wrap_getsockname(int fd, sockaddr* address, socklen_t* length) {
  if (!FakeKernel::owns(fd)) return ::getsockname(fd, address, length);
  fake_kernel().ask(Asked::kGetsockname);
  return -1;
}
int __wrap_getpeername(int fd, sockaddr* address, socklen_t* length) {
  fake_kernel().ask(Asked::kGetpeername);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(fd));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::memcpy(address, &peer, sizeof(peer));
  *length = sizeof(peer);
  return 0;
}
int __wrap_getsockopt(int /*fd*/, int /*level*/, int /*name*/, void* value, socklen_t* length) {
  fake_kernel().ask(Asked::kGetsockopt);
  std::memset(value, 0, *length);
  return 0;
}
int __wrap_setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  if (!FakeKernel::owns(fd)) return ::setsockopt(fd, level, name, value, length);
  fake_kernel().ask(Asked::kSetsockopt);
  return 0;
}
ssize_t __wrap_send(int /*fd*/, const void* /*data*/, size_t length, int /*flags*/) {
  fake_kernel().ask(Asked::kSendCall);
  return static_cast<ssize_t>(length);
}
ssize_t __wrap_recv(int fd, void* /*data*/, size_t /*length*/, int /*flags*/) {
  fake_kernel().ask(Asked::kRecvCall);
  return fake_kernel().peek(fd);
}
int __wrap_shutdown(int /*fd*/, int /*how*/) {
  fake_kernel().ask(Asked::kShutdown);
  return 0;
}
int __wrap_ioctl(int /*fd*/, unsigned long request, ...) {
  fake_kernel().ask(Asked::kIoctl);
  va_list arguments;
  va_start(arguments, request);
  *va_arg(arguments, int*) = 0;
  va_end(arguments);
  return 0;
}
int __wrap_accept4(int /*fd*/, sockaddr* /*address*/, socklen_t* /*length*/, int /*flags*/) {
  fake_kernel().ask(Asked::kAccept4);
  errno = EAGAIN;
  return -1;
}
int __wrap_close(int fd) {
  if (!FakeKernel::owns(fd)) return ::close(fd);
  fake_kernel().ask(Asked::kClose);
  fake_kernel().close(fd);
  return 0;
}
int __wrap_eventfd_write(int /*fd*/, eventfd_t /*value*/) {
  fake_kernel().ask(Asked::kEventfdWrite);
  return 0;
}

// ---- The clock, and threads. The worker's is the one that begins it, which has nothing else to
// do: where the profiler changes threads it counts some instructions twice.

int __wrap_clock_gettime(clockid_t /*clock*/, timespec* now) {
  const std::uint64_t ns = fake_kernel().now();
  now->tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  now->tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return 0;
}

int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* /*attributes*/,
                          void* (*start)(void*), void* argument) {
  *thread = ::pthread_self();
  start(argument);
  return 0;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
