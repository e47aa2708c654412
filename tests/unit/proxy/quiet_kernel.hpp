// QuietKernel: what kernels of tests have in common. Completions wait in a queue, the clock is a
// number, and direct calls succeed and say nothing of note; a kernel of a test overrides by hiding.
#pragma once

#include <algorithm>
#include <cerrno>
#include <deque>
#include <span>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/uring/kernel.hpp"

namespace shunt::proxy::testing {

class QuietKernel {
 public:
  static constexpr int kListener = 3;
  static constexpr int kWake = 4;

  base::Duration waited = 0;       // how long the worker wanted to sleep last
  bool gathered = false;           // with others
  base::Duration watched_max = 0;  // how long it wanted to watch last
  base::Instant clock = 1000 * base::kSecond;

  int submit_and_wait(base::Duration timeout, bool gather) {
    waited = timeout;
    gathered = gather;
    return 0;
  }
  base::Duration watch(base::Duration at_most) {
    watched_max = at_most;
    return at_most;
  }
  [[nodiscard]] bool has_completions() const { return !completions_.empty(); }
  std::size_t reap(std::span<uring::Completion> completions) {
    const std::size_t count = std::min(completions.size(), completions_.size());
    std::copy_n(completions_.begin(), count, completions.begin());
    completions_.erase(completions_.begin(),
                       completions_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }

  void signal(int) {}
  [[nodiscard]] static bool multishot_receives() { return false; }
  void receive_multishot(int, uring::Tag) {}
  [[nodiscard]] static int ring() { return -1; }
  void message(int, std::int32_t, uring::Tag, uring::Tag) {}
  int bind_source(int, const base::Endpoint&) { return 0; }
  static bool may_meet_itself(const base::Endpoint&) { return false; }
  static bool met_itself(int) { return false; }
  int disconnect(int) { return 0; }
  int take_error(int) { return 0; }
  bool is_reset(int) { return false; }
  int send_now(int, const std::byte*, std::uint32_t, bool) { return -EAGAIN; }
  int peek(int) { return -EAGAIN; }
  void set_no_delay(int) {}
  void set_keepalive(int, const uring::KeepaliveOptions&) {}
  void set_congestion(int, const char*) {}
  base::Endpoint peer_address(int) { return *base::Endpoint::parse("192.0.2.1:1024"); }
  int shutdown_write(int) { return 0; }
  int unsent(int) { return 0; }
  int accept_now(int) { return -EAGAIN; }
  void close(int) {}
  void reset(int) {}
  [[nodiscard]] static bool splices() { return false; }
  uring::PipeEnds open_pipe(std::uint32_t) { return {.read_end = -EMFILE}; }
  int splice(int, int, std::uint32_t) { return -EAGAIN; }
  int read_pipe(int, std::byte*, std::uint32_t) { return -EAGAIN; }
  [[nodiscard]] base::Instant now() const { return clock; }
  [[nodiscard]] std::int64_t wall_ms() const { return 0; }

 protected:
  std::deque<uring::Completion> completions_;
};

}  // namespace shunt::proxy::testing
