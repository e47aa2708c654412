// ScriptedKernel: the kernel of a simulation (the concept is shunt/uring/kernel.hpp). Operations
// execute against the simulated network in any order, and complete in any order after that, as the
// seed says; descriptors run out, buffers run out, sends are short, cancels race. Whatever a worker
// does against the rules is a violation:
//   - a descriptor closed twice, closed with operations in flight, or used after its close;
//   - two receives or two sends of one descriptor in flight;
//   - a buffer recycled twice, or while a send from it is in flight;
//   - memory that one operation reads into and another reads from or into meanwhile;
//   - a multishot receive that goes on, with no cancel under way, while two buffers of what it
//     brought are with the worker: one is being sent, and the source is not held back;
//   - a kernel pipe that is filled while it holds bytes, or a splice beside a receive or a send;
//   - polls for room, again and again, that only tell of the other side's end;
//   - one that has missed an end, as it may, and is trusted for seconds;
//   - a turn (what lies between two waits) with more calls than any bound of work explains.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/traffic/ids.hpp"
#include "shunt/uring/kernel.hpp"
#include "tests/sim/network.hpp"

namespace shunt::sim {

struct ScriptedKernelOptions {
  std::uint32_t buffers = 8;
  std::uint32_t buffer_bytes = 256;
  std::uint32_t descriptors = 64;  // at most open at once; beyond: EMFILE
  std::uint32_t index = 0;         // of its worker
  bool messages = true;            // between rings
  bool multishot = true;           // receives
  bool splices = true;             // streams through kernel pipes
  bool alone = true;               // time passes while it sleeps; else it gives way to the others
  // Completions handled a turn times the calls that one may lead to, and as much again.
  std::uint32_t calls_per_turn = 4'000;
};

class ScriptedKernel {
 public:
  // What a descriptor refers to.
  struct File {
    enum class Kind : std::uint8_t { kListener, kStream, kWake, kRing, kPipe };
    Kind kind = Kind::kStream;
    int fd = -1;
    traffic::ServiceId service = 0;  // of a listener
    Link* link = nullptr;            // of a stream; null before connect and after disconnect
    int error = 0;                   // of a stream without a link: SO_ERROR
    bool write_shut = false;
    bool write_end = false;          // of a pipe
    std::uint32_t vain_polls = 0;    // in a row, for room, with none after
    bool held_back = false;          // bytes that were sent with MSG_MORE
    std::uint64_t count = 0;         // of an eventfd
    ScriptedKernel* ring = nullptr;  // of a ring
    std::shared_ptr<std::deque<std::byte>> pipe{};
  };
  // The descriptors of the process and what is in flight on them: all its workers share them.
  struct Process {
    std::map<int, File> files;
    std::vector<ScriptedKernel*> kernels;
  };

  ScriptedKernel(Process& process, Network& network, Random& random, Violations& violations,
                 const ScriptedKernelOptions& options);

  // ---- For the simulation.

  // Called at the begin of every call: here the rest of the process (the control thread) acts.
  std::function<void()> between;
  // Called when the worker sleeps: nothing is left that could wake it at this instant.
  std::function<void()> asleep;
  // Called when the worker sleeps and nothing can ever wake it; false: there is nothing left to do.
  std::function<bool()> asleep_for_good;

  int add_listener(traffic::ServiceId service);
  int add_wake();

  struct Usage {
    std::size_t listeners = 0;
    std::size_t sockets = 0;
    std::size_t operations = 0;       // queued, pending, or completed and not reaped
    std::size_t buffers_missing = 0;  // with the worker
    std::size_t pipe_ends = 0;
    std::uint64_t spliced_bytes = 0;
    std::uint64_t queued_ahead = 0;  // receptions while a buffer of the same source was with it
  };
  [[nodiscard]] Usage usage() const;
  // Its worker has ended: the ring is closed, and what it had not reaped is gone.
  void end();
  // Lets one thing happen that this kernel knows of.
  bool step();
  // When it gave way at the last wait: how long its worker may sleep; else 0.
  [[nodiscard]] base::Instant sleeps_until() const noexcept { return sleeps_until_; }
  void wake_up() noexcept { sleeps_until_ = 0; }
  // A worker that waited and was told that nothing is left: the simulation ends here.
  [[nodiscard]] bool is_over() const noexcept { return over_; }

  // ---- The concept.

  void accept_multishot(int fd, uring::Tag tag);
  void receive(int fd, bool poll_first, uring::Tag tag);
  void receive_multishot(int fd, uring::Tag tag);
  [[nodiscard]] bool multishot_receives() const noexcept { return options_.multishot; }
  void receive_into(int fd, std::byte* memory, std::uint32_t length, uring::Tag tag);
  void send(int fd, const std::byte* data, std::uint32_t length, bool poll_first, uring::Tag tag);
  void poll(int fd, std::uint32_t events, uring::Tag tag);
  void read_wake(int fd, uring::Tag tag);
  void signal(int fd);  // the simulated control thread uses it too
  void cancel_fd(int fd, uring::Tag tag);
  void cancel_tag(uring::Tag target, uring::Tag tag);
  [[nodiscard]] int ring() const noexcept { return ring_fd_; }
  void message(int ring, std::int32_t result, uring::Tag remote, uring::Tag own);
  int submit_and_wait(base::Duration timeout, bool gather);
  base::Duration watch(base::Duration at_most);
  [[nodiscard]] bool has_completions() const noexcept { return !posted_.empty(); }
  std::size_t reap(std::span<uring::Completion> completions);

  [[nodiscard]] std::uint32_t buffer_count() const noexcept { return options_.buffers; }
  [[nodiscard]] std::uint32_t buffer_bytes() const noexcept { return options_.buffer_bytes; }
  [[nodiscard]] std::byte* buffer(uring::BufferId id) {
    return memory_.data() + std::size_t{id} * options_.buffer_bytes;
  }
  void recycle(uring::BufferId id);

  int open_stream(int family);
  int bind_source(int fd, const base::Endpoint& address);
  int connect(int fd, const base::Endpoint& address);
  [[nodiscard]] static bool may_meet_itself(const base::Endpoint&) { return false; }
  [[nodiscard]] static bool met_itself(int) { return false; }
  int disconnect(int fd);
  int take_error(int fd);
  bool is_reset(int fd);
  int send_now(int fd, const std::byte* data, std::uint32_t length, bool hold);
  int peek(int fd);
  void set_no_delay(int fd);
  void set_keepalive(int fd, const uring::KeepaliveOptions& keepalive);
  void set_congestion(int fd, const char* name);
  [[nodiscard]] base::Endpoint peer_address(int fd);
  int shutdown_write(int fd);
  int unsent(int fd);
  int accept_now(int fd);
  void close(int fd);
  void reset(int fd);

  [[nodiscard]] bool splices() const noexcept { return options_.splices; }
  uring::PipeEnds open_pipe(std::uint32_t length);
  int splice(int from, int to, std::uint32_t length);
  int read_pipe(int fd, std::byte* memory, std::uint32_t length);

  [[nodiscard]] base::Instant now() const noexcept { return network_.now(); }
  [[nodiscard]] std::int64_t wall_ms() const noexcept {
    return static_cast<std::int64_t>(network_.now() / base::kMillisecond);
  }

  // The client's port by which records name a link (peer_address()).
  static std::uint16_t port_of(LinkId id) { return static_cast<std::uint16_t>(1024 + id); }

 private:
  enum class OpKind : std::uint8_t {
    kAccept,
    kReceive,
    kSend,
    kPoll,
    kWake,
    kCancelFd,
    kCancelTag,
    kMessage,  // to another ring, or from one
  };
  enum class OpState : std::uint8_t {
    kQueued,   // not handed over yet
    kPending,  // waits for its descriptor
    kDoomed,   // a cancel found it running: it still ends either way
    kDone,     // has its result, which is not in the completion queue yet
  };
  struct Op {
    OpKind kind = OpKind::kReceive;
    OpState state = OpState::kQueued;
    uring::Tag tag;
    int fd = -1;
    const std::byte* data = nullptr;
    std::byte* memory = nullptr;  // of a receive into the worker's own
    std::uint32_t length = 0;
    std::uint32_t sent = 0;
    std::uint32_t limit = 0;       // of a multishot receive: bytes that it still takes; else 0
    bool deaf = false;             // of one: it has missed the end
    base::Instant deaf_since = 0;  // or since what it brought was sent
    bool waits = false;            // send: it found no room before and waits for some
    bool missed = false;           // poll: a disconnect happened and did not wake it
    std::uint32_t events = 0;
    uring::Tag target;  // of a cancel; what a message carries
    int ring = -1;      // of a message: where it goes
    uring::Completion completion;
  };
  struct Posted {
    uring::Completion completion;
    int fd = -1;  // of the operation that is over with it; -1: none is
  };

  enum class BufferPlace : std::uint8_t { kInRing, kWithWorker };

  File* file_of(int fd, const char* call);
  int add_file(const File& file);
  Op& queue(OpKind kind, int fd, uring::Tag tag);
  void enter_call(const char* call);
  void note_relay(const File* file, uring::Tag tag) const;
  void check_memory(const Op& one);
  void check_multishots();
  void check_single(OpKind kind, int fd, const char* what);
  [[nodiscard]] bool is_in_flight(int fd) const;
  [[nodiscard]] bool is_in_flight(int fd, OpKind kind) const;
  void forget(int fd, const char* call);

  void hand_over();
  bool post_one();
  bool execute_one();
  // True when the operation went on (it may be done by that).
  bool execute(Op& op);
  bool execute_on_file(Op& op);
  bool execute_accept(Op& op, const File& file);
  [[nodiscard]] bool hint(const Link& link);  // Completion::more_to_read
  bool execute_receive(Op& op, File& file);
  bool execute_receive_into(Op& op, File& file, bool readable);
  int fill_pipe(File& socket, std::deque<std::byte>& pipe, std::uint32_t length);
  int drain_pipe(std::deque<std::byte>& pipe, File& socket, std::uint32_t length);
  bool execute_send(Op& op, File& file);
  bool execute_poll(Op& op, File& file);
  bool execute_doomed(Op& op);
  void execute_cancel(Op& op);
  bool execute_message(Op& op);
  void finish(Op& op, std::int32_t result);
  int accept_descriptor(const File& listener);
  uring::BufferId take_buffer();
  [[nodiscard]] std::size_t open_streams() const;

  Process& process_;
  Network& network_;
  Random& random_;
  Violations& violations_;
  const ScriptedKernelOptions options_;
  std::map<int, File>& files_;  // of the process
  int ring_fd_ = -1;
  std::vector<std::unique_ptr<Op>> ops_;  // in the order of queueing
  std::deque<Posted> posted_;
  std::vector<std::byte> memory_;
  std::vector<BufferPlace> buffers_;
  std::vector<std::optional<uring::Tag>> holders_;  // of buffers that the worker has reaped
  std::deque<uring::BufferId> ring_;
  std::uint64_t queued_ahead_ = 0;
  std::uint64_t spliced_bytes_ = 0;
  std::uint32_t calls_ = 0;
  base::Instant sleeps_until_ = 0;
  bool over_ = false;
};

static_assert(uring::Kernel<ScriptedKernel>);

}  // namespace shunt::sim
