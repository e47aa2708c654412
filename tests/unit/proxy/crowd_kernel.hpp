// CrowdKernel: a kernel for rules that are about many at once. Clients come in any number, connects
// neither succeed nor fail, and everything that is cancelled comes back at once.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <span>

#include "tests/unit/proxy/quiet_kernel.hpp"

namespace shunt::proxy::testing {

class CrowdKernel : public QuietKernel {
 public:
  // ---- For the test.

  // By one multishot accept: as many completions.
  void clients_arrive(std::uint32_t count) {
    while (count-- != 0) {
      completions_.push_back({.tag = accept_.tag, .result = next_fd_++, .more = true});
    }
  }
  // They wait in the listener's queue. With `one_at_a_time` each accept request takes one of them,
  // and ends.
  std::uint32_t queued = 0;
  bool one_at_a_time = false;

  // The worker's eventfd is written. False: nobody reads it, and a worker that sleeps sleeps on.
  [[nodiscard]] bool wake() {
    if (operations_.erase(wake_tag_.encode()) == 0) return false;
    completions_.push_back({.tag = wake_tag_, .result = 8});
    return true;
  }

  std::function<void(const base::Endpoint&)> on_connect = [](const base::Endpoint&) {};
  std::uint64_t disconnects = 0;

  // ---- The concept.

  void accept_multishot(int fd, uring::Tag tag) { accept_ = {fd, tag, true}; }
  void receive_into(int fd, std::byte*, std::uint32_t, uring::Tag tag) { add(fd, tag); }
  void receive(int fd, bool, uring::Tag tag) { add(fd, tag); }
  void send(int fd, const std::byte*, std::uint32_t, bool, uring::Tag tag) { add(fd, tag); }
  void poll(int fd, std::uint32_t, uring::Tag tag) { add(fd, tag); }
  void read_wake(int fd, uring::Tag tag) {
    wake_tag_ = tag;
    add(fd, tag);
  }
  void cancel_fd(int fd, uring::Tag tag) {
    if (accept_.armed && accept_.fd == fd) {
      accept_.armed = false;
      completions_.push_back({.tag = accept_.tag, .result = -ECANCELED});
    }
    completions_.push_back({.tag = tag});
  }
  void cancel_tag(uring::Tag target, uring::Tag tag) {
    if (operations_.erase(target.encode()) != 0) {
      completions_.push_back({.tag = target, .result = -ECANCELED});
    }
    completions_.push_back({.tag = tag});
  }
  int submit_and_wait(base::Duration timeout, bool gather) {
    if (one_at_a_time && accept_.armed && queued != 0) {
      --queued;
      accept_.armed = false;
      completions_.push_back({.tag = accept_.tag, .result = next_fd_++});
    }
    return QuietKernel::submit_and_wait(timeout, gather);
  }

  [[nodiscard]] std::uint32_t buffer_count() const { return 1; }
  [[nodiscard]] std::uint32_t buffer_bytes() const { return 1; }
  std::byte* buffer(uring::BufferId) { return memory_.data(); }
  void recycle(uring::BufferId) {}

  int open_stream(int) { return next_fd_++; }
  int connect(int, const base::Endpoint& address) {
    on_connect(address);
    return -EINPROGRESS;
  }
  int disconnect(int) {
    ++disconnects;
    return 0;
  }
  int accept_now(int) {
    if (queued == 0) return -EAGAIN;
    --queued;
    return next_fd_++;
  }

 private:
  struct Accept {
    int fd = -1;
    uring::Tag tag;
    bool armed = false;
  };

  void add(int fd, uring::Tag tag) { operations_.emplace(tag.encode(), fd); }

  Accept accept_;
  uring::Tag wake_tag_;
  std::map<std::uint64_t, int> operations_;  // in flight, by tag: its descriptor
  std::array<std::byte, 1> memory_{};
  int next_fd_ = 10;
};

static_assert(uring::Kernel<CrowdKernel>);

}  // namespace shunt::proxy::testing
