#include "src/cli/unix_stream.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace shunt::cli {
namespace {

// connect(2) on a Unix socket never waits when non-blocking: a full backlog is EAGAIN, and there is
// nothing to poll for.
constexpr base::Duration kBacklogRetry = 10 * base::kMillisecond;

}  // namespace

bool Patience::over() const {
  return deadline && base::monotonic_now() >= *deadline;
}

StepEnd await(int fd, short events, const Patience& patience) {
  for (;;) {
    int timeout_ms = -1;
    if (patience.deadline) {
      const base::Instant now = base::monotonic_now();
      const base::Duration left = *patience.deadline > now ? *patience.deadline - now : 0;
      // Rounded up, so that the wait never ends just before the deadline and spins.
      timeout_ms = static_cast<int>(std::min<base::Duration>(
          (left + base::kMillisecond - 1) / base::kMillisecond, 1'000'000));
    }
    // poll(2) skips entries with a negative descriptor.
    std::array<pollfd, 2> waited{{{.fd = fd, .events = events, .revents = 0},
                                  {.fd = patience.interrupt_fd, .events = POLLIN, .revents = 0}}};
    const int ready = ::poll(waited.data(), waited.size(), timeout_ms);
    if (ready < 0 && errno != EINTR) return StepEnd::kFailed;
    if (ready > 0 && waited[1].revents != 0) return StepEnd::kInterrupted;
    if (ready > 0 && waited[0].revents != 0) return StepEnd::kOk;
    if (patience.over()) return StepEnd::kTimedOut;
  }
}

Step UnixStream::connect(const std::string& path, const Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return {.end = StepEnd::kFailed, .error = ENAMETOOLONG};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return {.end = StepEnd::kFailed, .error = errno};
  while (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
         0) {
    if (errno != EAGAIN && errno != EINTR) return {.end = StepEnd::kFailed, .error = errno};
    Patience pause = patience;
    const base::Instant retry = base::monotonic_now() + kBacklogRetry;
    pause.deadline = patience.deadline ? std::min(*patience.deadline, retry) : retry;
    if (const StepEnd end = await(-1, 0, pause); end == StepEnd::kInterrupted) return {.end = end};
    if (patience.over()) return {.end = StepEnd::kTimedOut};
  }
  return {};
}

Step UnixStream::write_all(std::string_view bytes, const Patience& patience) {
  Step step;
  while (step.bytes < bytes.size()) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data() + step.bytes, bytes.size() - step.bytes, MSG_NOSIGNAL);
    if (sent > 0) {
      step.bytes += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      step.end = StepEnd::kFailed;
      step.error = errno;
      return step;
    }
    step.end = await(socket_.get(), POLLOUT, patience);
    if (step.end != StepEnd::kOk) return step;
  }
  return step;
}

Step UnixStream::read_some(std::span<char> into, const Patience& patience) {
  for (;;) {
    // The wait comes first: an interrupt is seen even while bytes keep coming.
    if (const StepEnd end = await(socket_.get(), POLLIN, patience); end != StepEnd::kOk) {
      return {.end = end};
    }
    const ssize_t received = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (received > 0) return {.bytes = static_cast<std::size_t>(received)};
    if (received == 0) return {.end = StepEnd::kClosed};
    if (errno != EAGAIN && errno != EINTR) return {.end = StepEnd::kFailed, .error = errno};
  }
}

}  // namespace shunt::cli
