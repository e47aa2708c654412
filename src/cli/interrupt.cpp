#include "src/cli/interrupt.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "shunt/base/check.hpp"

namespace shunt::cli {
namespace {

std::atomic<int> interrupt_fd{-1};

extern "C" void on_interrupt(int /*signal*/) {
  const int error_before = errno;
  const std::uint64_t one = 1;
  const int fd = interrupt_fd.load();
  if (fd >= 0) [[maybe_unused]]
    const auto written = ::write(fd, &one, sizeof(one));
  errno = error_before;
}

}  // namespace

InterruptScope::InterruptScope() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SHUNT_CHECK(interrupt_fd.load() == -1);
  interrupt_fd.store(event_.get());
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &before_);
}

InterruptScope::~InterruptScope() {
  ::sigaction(SIGINT, &before_, nullptr);
  interrupt_fd.store(-1);
}

}  // namespace shunt::cli
