// HandKernel: a kernel in the hands of a test, for rules that are about time. It holds one client
// and one node; nothing arrives, is taken or passes but what the test says, and the clock is a
// number.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "shunt/base/check.hpp"
#include "tests/unit/proxy/quiet_kernel.hpp"

namespace shunt::proxy::testing {

class HandKernel : public QuietKernel {
 public:
  static constexpr int kClient = 10;
  static constexpr int kNode = 11;
  static constexpr std::uint32_t kBufferBytes = 4096;

  // ---- For the test.

  int connect_result = 0;                    // what connect(2) says
  std::map<int, int> queued;                 // what unsent() says, by descriptor
  std::map<int, std::span<std::byte>> into;  // the latest receive into the worker's own memory
  std::map<int, bool> waits_first;           // the latest receive was to wait before it tries
  std::vector<int> shut;                     // whose write side was shut, in order
  std::vector<int> closed;                   // in order
  std::vector<int> reset_closed;             // those of them that were reset
  bool spliced = false;                      // it has splice()
  std::map<int, std::uint32_t> waiting;      // bytes that a splice finds, by descriptor
  std::map<int, std::uint32_t> room;         // bytes that a splice to it can leave
  std::map<int, int> splice_says;            // instead of moving anything, by descriptor
  bool pipes_run_out = false;                // none can be opened
  std::vector<int> pipes_opened;             // the read ends, in order
  std::map<int, int> ahead;                  // what peek() says, by descriptor; else -EAGAIN
  struct SentNow {
    int fd;
    std::uint32_t length;
    bool hold;
    friend bool operator==(const SentNow&, const SentNow&) = default;
  };
  std::vector<SentNow> sent_now;         // in order
  std::uint32_t takes_now = UINT32_MAX;  // what send_now() takes of the bytes, in all
  std::vector<int> kept_alive;           // whose keepalive was set, in order
  bool multishot = false;                // it has multishot receives
  std::vector<int> cancelled;            // whose operations were cancelled one by one, in order
  int cancels_miss = 0;                  // so many cancels of operations come to nothing

  void client_arrives() { complete(Kind::kAccept, kListener, kClient); }
  void connect_succeeds() { complete(Kind::kPoll, kNode, kPollOut); }
  // more: the socket holds more than was received. A multishot receive stays armed.
  void bytes_arrive(int fd, std::uint32_t length, bool more = false) {
    uring::BufferId buffer = uring::kNoBuffer;
    if (!find(Kind::kReceive, fd)->own_memory) {
      SHUNT_CHECK(!ring_.empty());
      buffer = ring_.front();
      ring_.pop_front();
    }
    complete(Kind::kReceive, fd, static_cast<std::int32_t>(length), buffer);
    completions_.back().more_to_read = more;
  }
  // What waits was gone when it was read.
  void nothing_is_there(int fd) { complete(Kind::kReceive, fd, -EAGAIN); }
  [[nodiscard]] bool receives_into_own_memory(int fd) {
    return find(Kind::kReceive, fd)->own_memory;
  }
  [[nodiscard]] bool receives(int fd) const {
    return std::any_of(operations_.begin(), operations_.end(), [fd](const Operation& one) {
      return one.kind == Kind::kReceive && one.fd == fd;
    });
  }
  [[nodiscard]] bool receives_multishot(int fd) {
    return receives(fd) && find(Kind::kReceive, fd)->stays;
  }
  [[nodiscard]] std::size_t buffers_left() const { return ring_.size(); }
  void end_arrives(int fd) { receive_ends(fd, 0); }
  void receive_ends(int fd, int result) {
    find(Kind::kReceive, fd)->stays = false;
    complete(Kind::kReceive, fd, result);
  }
  // All that is being sent there: only then does a send complete.
  void bytes_are_taken(int fd) {
    bytes_are_taken(fd, static_cast<std::uint32_t>(sent_[fd].size()));
  }
  // A send that comes back with a part.
  void bytes_are_taken(int fd, std::uint32_t length) {
    complete(Kind::kSend, fd, static_cast<std::int32_t>(length));
  }
  // It waits to be ready, and is.
  [[nodiscard]] bool polls(int fd) const {
    return std::any_of(operations_.begin(), operations_.end(), [fd](const Operation& one) {
      return one.kind == Kind::kPoll && one.fd == fd;
    });
  }
  void is_ready(int fd, int events = kPollOut) { complete(Kind::kPoll, fd, events); }
  // What the latest send there was to send.
  [[nodiscard]] std::span<const std::byte> sent(int fd) { return sent_[fd]; }
  // Completions that mean nothing to the worker, but keep it busy.
  void noise(std::uint32_t count) {
    while (count-- != 0) completions_.push_back({.tag = {.kind = 255, .slot = UINT32_MAX}});
  }
  void send_fails(int fd, int error) { complete(Kind::kSend, fd, -error); }

  // ---- The concept.

  void accept_multishot(int fd, uring::Tag tag) {
    operations_.push_back({.kind = Kind::kAccept, .fd = fd, .tag = tag, .stays = true});
  }
  [[nodiscard]] bool multishot_receives() const { return multishot; }
  void receive_multishot(int fd, uring::Tag tag) {
    operations_.push_back({.kind = Kind::kReceive, .fd = fd, .tag = tag, .stays = true});
  }
  void receive(int fd, bool poll_first, uring::Tag tag) {
    waits_first[fd] = poll_first;
    operations_.push_back({Kind::kReceive, fd, tag});
  }
  void receive_into(int fd, std::byte* memory, std::uint32_t length, uring::Tag tag) {
    into[fd] = {memory, length};
    operations_.push_back({Kind::kReceive, fd, tag, true});
  }
  void send(int fd, const std::byte* data, std::uint32_t length, bool, uring::Tag tag) {
    sent_[fd] = {data, length};
    operations_.push_back({Kind::kSend, fd, tag});
  }
  void poll(int fd, std::uint32_t, uring::Tag tag) {
    operations_.push_back({Kind::kPoll, fd, tag});
  }
  void read_wake(int fd, uring::Tag tag) { operations_.push_back({Kind::kWake, fd, tag}); }
  void cancel_fd(int fd, uring::Tag tag) {
    cancel([fd](const Operation& operation) { return operation.fd == fd; }, tag);
  }
  void cancel_tag(uring::Tag target, uring::Tag tag) {
    for (const Operation& one : operations_) {
      if (one.tag == target) cancelled.push_back(one.fd);
    }
    const bool misses = cancels_miss > 0;
    if (misses) --cancels_miss;
    cancel([&](const Operation& operation) { return !misses && operation.tag == target; }, tag);
  }

  [[nodiscard]] std::uint32_t buffer_count() const { return kBuffers; }
  [[nodiscard]] std::uint32_t buffer_bytes() const { return kBufferBytes; }
  std::byte* buffer(uring::BufferId id) { return memory_.data() + std::size_t{id} * kBufferBytes; }
  void recycle(uring::BufferId id) { ring_.push_back(id); }

  int open_stream(int) { return kNode; }
  int connect(int, const base::Endpoint&) { return connect_result; }
  int shutdown_write(int fd) {
    shut.push_back(fd);
    return 0;
  }
  int unsent(int fd) { return queued[fd]; }
  void close(int fd) { closed.push_back(fd); }
  void reset(int fd) {
    closed.push_back(fd);
    reset_closed.push_back(fd);
  }
  int peek(int fd) {
    const auto found = ahead.find(fd);
    return found == ahead.end() ? -EAGAIN : found->second;
  }
  int send_now(int fd, const std::byte*, std::uint32_t length, bool hold) {
    const std::uint32_t taken = std::min(length, takes_now);
    if (taken == 0) return -EAGAIN;
    takes_now -= taken;
    sent_now.push_back({fd, taken, hold});
    return static_cast<int>(taken);
  }
  [[nodiscard]] bool splices() const { return spliced; }
  uring::PipeEnds open_pipe(std::uint32_t) {
    if (pipes_run_out) return {.read_end = -EMFILE};
    const int read_end = kFirstPipe + 2 * static_cast<int>(pipes_opened.size());
    pipes_opened.push_back(read_end);
    return {.read_end = read_end, .write_end = read_end + 1};
  }
  int splice(int from, int to, std::uint32_t length) {
    const bool fills = to >= kFirstPipe;
    if (const auto says = splice_says.find(fills ? from : to); says != splice_says.end())
      return says->second;
    std::uint32_t& left = fills ? waiting[from] : room[to];
    const std::uint32_t moved = std::min(length, left);
    left -= moved;
    return moved == 0 ? -EAGAIN : static_cast<int>(moved);
  }
  int read_pipe(int, std::byte*, std::uint32_t length) { return static_cast<int>(length); }
  void set_keepalive(int fd, const uring::KeepaliveOptions&) { kept_alive.push_back(fd); }

 private:
  static constexpr std::uint32_t kBuffers = 8;
  static constexpr std::int32_t kPollOut = 4;
  static constexpr int kFirstPipe = 1000;

  enum class Kind : std::uint8_t { kAccept, kReceive, kSend, kPoll, kWake };
  struct Operation {
    Kind kind;
    int fd;
    uring::Tag tag;
    bool own_memory = false;
    bool stays = false;  // over many completions
  };
  [[nodiscard]] std::vector<Operation>::iterator find(Kind kind, int fd) {
    const auto found =
        std::find_if(operations_.begin(), operations_.end(),
                     [&](const Operation& one) { return one.kind == kind && one.fd == fd; });
    SHUNT_CHECK(found != operations_.end());
    return found;
  }

  void complete(Kind kind, int fd, std::int32_t result, uring::BufferId buffer = uring::kNoBuffer) {
    const auto found = find(kind, fd);
    const bool stays = found->stays;
    completions_.push_back({.tag = found->tag, .result = result, .buffer = buffer, .more = stays});
    if (!stays) operations_.erase(found);
  }
  template <class Meant>
  void cancel(Meant&& meant, uring::Tag tag) {
    std::erase_if(operations_, [&](const Operation& one) {
      if (!meant(one)) return false;
      completions_.push_back({.tag = one.tag, .result = -ECANCELED});
      return true;
    });
    completions_.push_back({.tag = tag});
  }

  std::vector<Operation> operations_;
  std::map<int, std::span<const std::byte>> sent_;
  std::array<std::byte, kBuffers * kBufferBytes> memory_{};
  std::deque<uring::BufferId> ring_ = {0, 1, 2, 3, 4, 5, 6, 7};
};

static_assert(uring::Kernel<HandKernel>);

}  // namespace shunt::proxy::testing
