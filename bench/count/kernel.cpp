#include "bench/count/kernel.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "bench/count/load.hpp"
#include "shunt/base/check.hpp"

namespace shunt::bench {
namespace {

// What passes between two things that happen elsewhere.
constexpr std::uint64_t kStep = 20'000;

}  // namespace

FakeKernel& fake_kernel() {
  static FakeKernel kernel;
  return kernel;
}

FakeKernel::FakeKernel() {
  for (unsigned i = 0; i < kSubmissions; ++i) order_[i] = i;
}

std::size_t FakeKernel::index_of(int fd) {
  SHUNT_CHECK(fd >= kFirstFd && fd < kFirstFd + kFds);
  return static_cast<std::size_t>(fd - kFirstFd);
}

// ---- What happens elsewhere.

int FakeKernel::arrive() {
  SHUNT_CHECK(accepting_);
  const int fd = open();
  complete(accept_tag_, fd, IORING_CQE_F_MORE);
  return fd;
}

void FakeKernel::push(int fd, std::uint64_t bytes) {
  Socket& socket = sockets_[index_of(fd)];
  socket.pending += bytes;
  try_receive(socket);
}

void FakeKernel::finish(int fd) {
  Socket& socket = sockets_[index_of(fd)];
  socket.ended = true;
  try_receive(socket);
}

void FakeKernel::connected(int fd) {
  Socket& socket = sockets_[index_of(fd)];
  SHUNT_CHECK(socket.polling);
  socket.polling = false;
  complete(socket.poll_tag, POLLOUT);
}

// ---- The ring.

int FakeKernel::set_up(io_uring& ring, const io_uring_params& parameters) {
  const auto point = [](auto& queue, std::array<unsigned, 6>& marks, std::uint32_t entries) {
    marks[2] = entries - 1;
    marks[3] = entries;
    queue.khead = &marks[0];
    queue.ktail = &marks[1];
    queue.kring_mask = &marks[2];
    queue.kring_entries = &marks[3];
    queue.kflags = &marks[4];
    queue.ring_mask = entries - 1;
    queue.ring_entries = entries;
  };
  ring = {};
  point(ring.sq, submission_marks_, kSubmissions);
  ring.sq.kdropped = &submission_marks_[5];
  ring.sq.array = order_.data();
  ring.sq.sqes = entries_.data();
  point(ring.cq, completion_marks_, kCompletions);
  ring.cq.koverflow = &completion_marks_[5];
  ring.cq.cqes = completions_.data();
  ring.flags = parameters.flags;
  ring.features = UINT32_MAX;
  ring.ring_fd = ring.enter_ring_fd = kFirstFd - 1;
  ring_ = &ring;
  return 0;
}

int FakeKernel::take_buffers(const io_uring_buf_reg& registration) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a number, as the kernel is told it
  buffers_ = reinterpret_cast<io_uring_buf_ring*>(registration.ring_addr);
  buffer_count_ = registration.ring_entries;
  return 0;
}

// Sends, and receives of what is there, are done with the call that hands them over. Where nothing
// is done the caller sleeps, and what it is woken by comes from the load.
int FakeKernel::enter(std::uint32_t queued, bool waits) {
  ask(Asked::kEnter);
  unsigned head = submission_marks_[0];
  for (std::uint32_t i = 0; i < queued; ++i, ++head) take(entries_[head % kSubmissions]);
  submission_marks_[0] = head;
  if (waits && completion_marks_[0] == completion_marks_[1]) {
    now_ += kStep;
    load_->step(*this);
    SHUNT_CHECK(completion_marks_[0] != completion_marks_[1]);
  }
  return static_cast<int>(queued);
}

void FakeKernel::take(const io_uring_sqe& entry) {
  switch (entry.opcode) {
    case IORING_OP_ACCEPT:
      ask(Asked::kAccept);
      SHUNT_CHECK(!accepting_ && (entry.ioprio & IORING_ACCEPT_MULTISHOT) != 0);
      accepting_ = true;
      accept_tag_ = entry.user_data;
      return;
    case IORING_OP_RECV: {
      if (!owns(entry.fd)) {  // the trial of a multishot receive: a byte and the end
        complete(entry.user_data, 1, IORING_CQE_F_MORE);
        return complete(entry.user_data, 0);
      }
      ask(Asked::kReceive);
      Socket& socket = sockets_[index_of(entry.fd)];
      const bool select = (entry.flags & IOSQE_BUFFER_SELECT) != 0;
      SHUNT_CHECK(!socket.receiving && select != ((entry.msg_flags & MSG_DONTWAIT) != 0));
      socket.receiving = true;
      socket.own_memory = select ? 0 : entry.len;
      socket.multishot = (entry.ioprio & IORING_RECV_MULTISHOT) != 0;
      socket.limit = entry.file_index;
      socket.receive_tag = entry.user_data;
      return try_receive(socket);
    }
    case IORING_OP_SEND:
      ask(Asked::kSend);
      return complete(entry.user_data, static_cast<int>(entry.len));
    case IORING_OP_POLL_ADD: {
      if (!owns(entry.fd)) return complete(entry.user_data, 1);  // the trial of a wait that gathers
      ask(Asked::kPoll);
      Socket& socket = sockets_[index_of(entry.fd)];
      socket.polling = true;
      socket.poll_tag = entry.user_data;
      return;
    }
    case IORING_OP_READ:
      ask(Asked::kRead);  // of the wake-up, which nobody writes
      return;
    case IORING_OP_ASYNC_CANCEL:
      ask(Asked::kCancel);
      return cancel(entry);
    default:
      SHUNT_CHECK(false);
  }
}

void FakeKernel::cancel(const io_uring_sqe& entry) {
  SHUNT_CHECK(entry.cancel_flags == 0);  // by tag
  for (Socket& socket : sockets_) {
    bool* const armed = socket.receiving && socket.receive_tag == entry.addr ? &socket.receiving
                        : socket.polling && socket.poll_tag == entry.addr    ? &socket.polling
                                                                             : nullptr;
    if (armed == nullptr) continue;
    *armed = false;
    complete(entry.addr, -ECANCELED);
    return complete(entry.user_data, 0);
  }
  complete(entry.user_data, -ENOENT);
}

void FakeKernel::try_receive(Socket& socket) {
  const bool more = socket.receiving && socket.multishot;
  receive_once(socket);
  while (more && socket.receiving && socket.pending != 0) receive_once(socket);
}

void FakeKernel::receive_once(Socket& socket) {
  if (!socket.receiving) return;
  if (socket.pending == 0 && !socket.ended && socket.own_memory == 0) return;
  socket.receiving = false;
  if (socket.pending == 0) return complete(socket.receive_tag, socket.ended ? 0 : -EAGAIN);
  if (socket.own_memory != 0) {
    const std::uint64_t bytes = std::min<std::uint64_t>(socket.pending, socket.own_memory);
    socket.pending -= bytes;
    return complete(socket.receive_tag, static_cast<int>(bytes),
                    socket.pending != 0 || socket.ended ? IORING_CQE_F_SOCK_NONEMPTY : 0);
  }
  // Entry 0 overlays the tail (BufferRing::recycle says why it is a cast).
  const auto* ring = reinterpret_cast<const io_uring_buf*>(buffers_);
  if (buffer_head_ == buffers_->tail) return complete(socket.receive_tag, -ENOBUFS);
  const io_uring_buf& buffer = ring[buffer_head_++ % buffer_count_];
  const std::uint64_t bytes = std::min<std::uint64_t>(socket.pending, buffer.len);
  socket.pending -= bytes;
  socket.limit -= std::min(socket.limit, bytes);
  socket.receiving = socket.multishot && socket.limit != 0;
  complete(socket.receive_tag, static_cast<int>(bytes),
           (socket.receiving ? IORING_CQE_F_MORE : 0) | IORING_CQE_F_BUFFER |
               std::uint32_t{buffer.bid} << IORING_CQE_BUFFER_SHIFT |
               (socket.pending != 0 || socket.ended ? IORING_CQE_F_SOCK_NONEMPTY : 0));
}

void FakeKernel::complete(std::uint64_t tag, int result, std::uint32_t flags) {
  unsigned& tail = completion_marks_[1];
  SHUNT_CHECK(tail - completion_marks_[0] < kCompletions);
  io_uring_cqe& entry = completions_[tail % kCompletions];
  entry.user_data = tag;
  entry.res = result;
  entry.flags = flags;
  ++tail;
}

// ---- Sockets.

int FakeKernel::open() {
  for (int i = 0; i < kFds; ++i) {
    Socket& socket = sockets_[static_cast<std::size_t>(i)];
    if (socket.open) continue;
    socket = Socket{};
    socket.open = true;
    return kFirstFd + i;
  }
  SHUNT_CHECK(false);
  return -1;
}

int FakeKernel::connect(int fd) {
  bool& connecting = sockets_[index_of(fd)].connecting;
  errno = connecting ? EALREADY : EINPROGRESS;
  if (!connecting) load_->connecting(fd);
  connecting = true;
  return -1;
}

int FakeKernel::peek(int fd) {
  const Socket& socket = sockets_[index_of(fd)];
  errno = EAGAIN;
  return socket.pending != 0 ? 1 : socket.ended ? 0 : -1;
}

void FakeKernel::close(int fd) {
  Socket& socket = sockets_[index_of(fd)];
  SHUNT_CHECK(socket.open && !socket.receiving && !socket.polling);
  socket.open = false;
}

}  // namespace shunt::bench
