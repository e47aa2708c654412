// The kernel that the instruction counts run on: io_uring and sockets, as far as a worker uses
// them, in plain memory. Nothing of it depends on time, addresses or chance, so a load is the same
// to the instruction in every run. It is a library of its own: what the profiler finds outside of
// the program is not the worker's.
#pragma once

#include <liburing.h>

#include <array>
#include <cstdint>

namespace shunt::bench {

class Load;

// What a worker asks of the kernel: enters, operations of the ring, and calls besides. Reading the
// clock is none.
// clang-format off
#define SHUNT_ASKED(ROW)                                                                          \
  ROW(kEnter, "enter")                                                                            \
  ROW(kAccept, "ring.accept") ROW(kReceive, "ring.receive") ROW(kSend, "ring.send")               \
  ROW(kPoll, "ring.poll") ROW(kRead, "ring.read") ROW(kCancel, "ring.cancel")                     \
  ROW(kSocket, "call.socket") ROW(kBind, "call.bind") ROW(kConnect, "call.connect")               \
  ROW(kGetsockname, "call.getsockname") ROW(kGetpeername, "call.getpeername")                     \
  ROW(kGetsockopt, "call.getsockopt") ROW(kSetsockopt, "call.setsockopt")                         \
  ROW(kSendCall, "call.send") ROW(kRecvCall, "call.recv") ROW(kShutdown, "call.shutdown") ROW(kIoctl, "call.ioctl") ROW(kAccept4, "call.accept4")         \
  ROW(kClose, "call.close") ROW(kEventfdWrite, "call.eventfd_write")
// clang-format on

enum class Asked : std::uint8_t {
#define SHUNT_ROW(value, name) value,
  SHUNT_ASKED(SHUNT_ROW)
#undef SHUNT_ROW
};
inline constexpr std::array kAskedNames = {
#define SHUNT_ROW(value, name) name,
    SHUNT_ASKED(SHUNT_ROW)
#undef SHUNT_ROW
};

// One for the process, which has one thread (calls.cpp).
class FakeKernel {
 public:
  // Descriptors of its sockets; lower ones are real.
  static constexpr int kFirstFd = 10'000;
  static constexpr int kFds = 1024;

  FakeKernel();

  // ---- For the program.

  // Before there is a worker. The load ends the process when it is over.
  void use(Load& load) { load_ = &load; }

  // ---- For loads: what happens elsewhere.

  int arrive();                            // a client connects; its descriptor
  void push(int fd, std::uint64_t bytes);  // bytes come
  void finish(int fd);                     // the peer ends
  void connected(int fd);                  // a connect succeeds
  [[nodiscard]] bool is_open(int fd) const { return sockets_[index_of(fd)].open; }

  // ---- For the worker.

  void ask(Asked what) { ++asked_[static_cast<std::size_t>(what)]; }
  [[nodiscard]] const auto& asked() const { return asked_; }
  [[nodiscard]] bool has_ring() const { return ring_ != nullptr; }
  [[nodiscard]] static bool owns(int fd) { return fd >= kFirstFd; }
  int set_up(io_uring& ring, const io_uring_params& parameters);
  int take_buffers(const io_uring_buf_reg& registration);
  int enter(std::uint32_t queued, bool waits);
  int open();
  int connect(int fd);
  int peek(int fd);
  void close(int fd);
  [[nodiscard]] std::uint64_t now() const { return now_; }

 private:
  static constexpr std::uint32_t kSubmissions = 1024;
  static constexpr std::uint32_t kCompletions = 8192;

  struct Socket {
    bool open = false;
    bool receiving = false;
    bool polling = false;
    bool connecting = false;
    bool ended = false;
    std::uint64_t receive_tag = 0;
    bool multishot = false;
    std::uint64_t limit = 0;       // bytes that the multishot receive still takes
    std::uint32_t own_memory = 0;  // bytes of a receive that brings its own; 0: it selects a buffer
    std::uint64_t poll_tag = 0;
    std::uint64_t pending = 0;  // bytes that nobody has received yet
  };

  static std::size_t index_of(int fd);
  void take(const io_uring_sqe& entry);
  void cancel(const io_uring_sqe& entry);
  void try_receive(Socket& socket);
  void receive_once(Socket& socket);
  void complete(std::uint64_t tag, int result, std::uint32_t flags = 0);

  io_uring* ring_ = nullptr;
  std::array<io_uring_sqe, kSubmissions> entries_{};
  std::array<unsigned, kSubmissions> order_{};
  std::array<io_uring_cqe, kCompletions> completions_{};
  // Head, tail, mask, entries, flags, and dropped or overflow.
  std::array<unsigned, 6> submission_marks_{};
  std::array<unsigned, 6> completion_marks_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::uint32_t buffer_count_ = 0;
  std::uint16_t buffer_head_ = 0;

  std::array<Socket, kFds> sockets_{};
  std::uint64_t accept_tag_ = 0;
  bool accepting_ = false;
  std::uint64_t now_ = 1'000'000'000;
  Load* load_ = nullptr;
  std::array<std::uint64_t, kAskedNames.size()> asked_{};  // by Asked
};

[[nodiscard]] FakeKernel& fake_kernel();

}  // namespace shunt::bench
