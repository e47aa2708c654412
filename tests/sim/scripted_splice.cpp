// Kernel pipes of the scripted kernel.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/sim/scripted_kernel.hpp"

namespace shunt::sim {

uring::PipeEnds ScriptedKernel::open_pipe(std::uint32_t length) {
  enter_call("open_pipe");
  if (length == 0) violations_.add("a pipe that holds nothing");
  if (random_.one_in(8)) return {.read_end = random_.one_in(2) ? -EMFILE : -ENFILE};
  const auto bytes = std::make_shared<std::deque<std::byte>>();
  uring::PipeEnds ends;
  ends.read_end = add_file({.kind = File::Kind::kPipe, .pipe = bytes});
  ends.write_end = add_file({.kind = File::Kind::kPipe, .write_end = true, .pipe = bytes});
  return ends;
}

int ScriptedKernel::splice(int from, int to, std::uint32_t length) {
  enter_call("splice");
  File* source = file_of(from, "splice from");
  File* destination = file_of(to, "splice to");
  if (source == nullptr || destination == nullptr) return -EBADF;
  const bool fills = destination->kind == File::Kind::kPipe;
  if (length == 0) violations_.add("a splice of nothing");
  if (fills == (source->kind == File::Kind::kPipe) ||
      (fills ? !destination->write_end : source->write_end)) {
    violations_.add("a splice that is not between a socket and a pipe's right end");
    return -EINVAL;
  }
  const int moved = fills ? fill_pipe(*source, *destination->pipe, length)
                          : drain_pipe(*source->pipe, *destination, length);
  violations_.note("splice " + std::to_string(from) + " to " + std::to_string(to) + ": " +
                   std::to_string(moved));
  return moved;
}

int ScriptedKernel::read_pipe(int fd, std::byte* memory, std::uint32_t length) {
  enter_call("read_pipe");
  File* file = file_of(fd, "read_pipe");
  if (file == nullptr) return -EBADF;
  if (file->kind != File::Kind::kPipe || file->write_end || file->pipe->empty()) {
    violations_.add("a read of what is no pipe with bytes in it");
    return -EINVAL;
  }
  const std::size_t count = std::min<std::size_t>(length, file->pipe->size());
  const auto end = file->pipe->begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(file->pipe->begin(), end, memory);
  file->pipe->erase(file->pipe->begin(), end);
  return static_cast<int>(count);
}

int ScriptedKernel::fill_pipe(File& socket, std::deque<std::byte>& pipe, std::uint32_t length) {
  if (is_in_flight(socket.fd, OpKind::kReceive)) {
    violations_.add("a splice from a socket while a receive is in flight");
  }
  if (!pipe.empty()) violations_.add("a splice into a pipe that holds bytes");
  if (socket.link == nullptr) {
    return socket.error != 0 ? -std::exchange(socket.error, 0) : -ENOTCONN;
  }
  // Bytes that it cannot take, and an end behind them.
  const bool ended = (socket.link->poll_mask() & POLLRDHUP) != 0;
  if (ended && socket.link->has_unread() && random_.one_in(4)) return 0;
  std::array<std::byte, 4096> room;
  const std::size_t most = std::min<std::size_t>(room.size(), length);
  const int moved = socket.link->receive({room.data(), most}, random_);
  if (moved == -EAGAIN) return moved;
  (moved > 0 ? socket.link->received_at : socket.link->ended_at).add(network_.now());
  if (moved > 0) {
    pipe.insert(pipe.end(), room.begin(), room.begin() + moved);
    spliced_bytes_ += static_cast<std::uint64_t>(moved);
  }
  return moved;
}

int ScriptedKernel::drain_pipe(std::deque<std::byte>& pipe, File& socket, std::uint32_t length) {
  if (is_in_flight(socket.fd, OpKind::kSend)) {
    violations_.add("a splice to a socket while a send is in flight");
  }
  if (pipe.empty()) violations_.add("a splice from a pipe that holds nothing");
  if (socket.link == nullptr) return -EPIPE;
  const std::vector<std::byte> bytes(
      pipe.begin(),
      pipe.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(length, pipe.size())));
  const auto find = [this](LinkId id) { return network_.find(id); };
  const int moved = socket.link->send(bytes, random_, violations_, find);
  if (moved == -EAGAIN) return moved;
  (moved > 0 ? socket.link->sent_at : socket.link->ended_at).add(network_.now());
  if (moved > 0) {
    pipe.erase(pipe.begin(), pipe.begin() + moved);
    socket.vain_polls = 0;  // there was room by then
  }
  return moved;
}

}  // namespace shunt::sim
