#include "src/uring/receive_probe.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace shunt::uring {
namespace {

// Of no kind that a worker knows.
constexpr std::uint64_t kReceive = Tag{.kind = 0xFE}.encode();
constexpr std::uint64_t kCancel = Tag{.kind = 0xFF}.encode();
constexpr int kRoundsMax = 5;  // of a second, for what takes microseconds

struct Pair {
  std::array<int, 2> sockets = {-1, -1};
  Pair() noexcept {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets.data()) != 0) {
      sockets = {-1, -1};
    }
  }
  ~Pair() {
    for (const int fd : sockets) {
      if (fd >= 0) ::close(fd);
    }
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
};

// A receive and its cancel, until both are over.
class Trial {
 public:
  Trial(Ring& ring, BufferRing& buffers) noexcept : ring_(ring), buffers_(buffers) {}

  void receive(int fd) noexcept {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_recv(sqe, fd, nullptr, 0, 0);
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = BufferRing::kGroup;
    compat::set_receive_limit(sqe, 2);
    sqe->user_data = kReceive;
    receiving_ = true;
    ring_.enter(0);
  }
  // False: they did not end.
  [[nodiscard]] bool cancel() noexcept {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_cancel64(sqe, kReceive, 0);
    sqe->user_data = kCancel;
    cancelling_ = true;
    for (int i = 0; i < kRoundsMax && (receiving_ || cancelling_); ++i) {
      ring_.enter(base::kSecond);
      look();
    }
    return !receiving_ && !cancelling_;
  }
  void look() noexcept {
    ring_.enter(0);
    ring_.reap(4, [this](const io_uring_cqe& cqe) {
      const bool last = (cqe.flags & IORING_CQE_F_MORE) == 0;
      if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
        buffers_.recycle(static_cast<BufferId>(cqe.flags >> IORING_CQE_BUFFER_SHIFT));
      }
      if (cqe.user_data == kCancel) {
        cancelling_ = false;
      } else {
        saw_byte_ = saw_byte_ || cqe.res == 1;
        saw_end_ = saw_end_ || cqe.res == 0;
        receiving_ = receiving_ && !last;
      }
    });
  }
  [[nodiscard]] bool receiving() const noexcept { return receiving_; }
  [[nodiscard]] bool saw_all() const noexcept { return saw_byte_ && saw_end_; }

 private:
  Ring& ring_;
  BufferRing& buffers_;
  bool receiving_ = false;
  bool cancelling_ = false;
  bool saw_byte_ = false;
  bool saw_end_ = false;
};

}  // namespace

base::Result<bool> multishot_receives_work(Ring& ring, BufferRing& buffers) {
  const Pair pair;
  if (pair.sockets[0] < 0) return false;
  Trial trial(ring, buffers);
  trial.receive(pair.sockets[0]);
  // Both wake it before it can do anything.
  if (::send(pair.sockets[1], "x", 1, MSG_NOSIGNAL) == 1) ::shutdown(pair.sockets[1], SHUT_WR);
  trial.look();
  if (trial.receiving() && !trial.cancel()) {
    return base::fail(base::ErrorCode::kUnavailable,
                      "io_uring does not end a multishot receive that was cancelled",
                      "SHUNT_URING_DISABLE=multishot_receive does without");
  }
  return trial.saw_all();
}

}  // namespace shunt::uring
