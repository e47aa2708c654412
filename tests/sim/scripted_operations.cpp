// How the scripted kernel's operations execute and complete.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/sim/scripted_kernel.hpp"

namespace shunt::sim {

bool ScriptedKernel::post_one() {
  if (ops_.empty()) return false;
  const auto count = static_cast<std::uint32_t>(ops_.size());
  const std::uint32_t first = random_.below(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t at = (first + i) % count;
    if (ops_[at]->state != OpState::kDone) continue;
    posted_.push_back({ops_[at]->completion, ops_[at]->fd});
    ops_.erase(ops_.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }
  return false;
}

bool ScriptedKernel::execute_one() {
  if (ops_.empty()) return false;
  const auto count = static_cast<std::uint32_t>(ops_.size());
  const std::uint32_t first = random_.below(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (execute(*ops_[(first + i) % count])) return true;
  }
  return false;
}

bool ScriptedKernel::execute(Op& op) {
  if (op.state == OpState::kDoomed) {
    return (random_.one_in(2) && execute_on_file(op)) || execute_doomed(op);
  }
  if (op.kind == OpKind::kMessage) return op.state == OpState::kPending && execute_message(op);
  return op.state == OpState::kPending && execute_on_file(op);
}

// The other ring has it at some moment after that, which may be before or after this one's own
// completion; or this one alone is told that it failed.
bool ScriptedKernel::execute_message(Op& op) {
  const auto found = files_.find(op.ring);
  if (found == files_.end() || found->second.ring == nullptr) {
    finish(op, -EBADFD);
  } else if (random_.one_in(16)) {
    finish(op, random_.one_in(2) ? -EOVERFLOW : -ENOMEM);
  } else {
    auto& remote = *found->second.ring->ops_.emplace_back(std::make_unique<Op>());
    remote.kind = OpKind::kMessage;
    remote.tag = op.target;
    remote.completion.tag = op.target;
    finish(remote, op.fd);
    finish(op, 0);
  }
  op.fd = -1;  // it is the receiver's, or the sender's again
  return true;
}

bool ScriptedKernel::execute_on_file(Op& op) {
  const auto found = files_.find(op.fd);
  if (found == files_.end()) return false;  // closed under it: a violation already
  File& file = found->second;
  switch (op.kind) {
    case OpKind::kAccept:
      return execute_accept(op, file);
    case OpKind::kReceive:
      return execute_receive(op, file);
    case OpKind::kSend:
      return execute_send(op, file);
    case OpKind::kPoll:
      return execute_poll(op, file);
    case OpKind::kWake:
      if (file.count == 0) return false;
      file.count = 0;
      finish(op, 8);
      return true;
    case OpKind::kCancelFd:
    case OpKind::kCancelTag:
    case OpKind::kMessage:
      return false;  // executed elsewhere
  }
  return false;
}

void ScriptedKernel::finish(Op& op, std::int32_t result) {
  op.state = OpState::kDone;
  op.completion.result = result;
}

int ScriptedKernel::accept_descriptor(const File& listener) {
  if (open_streams() >= options_.descriptors) return -EMFILE;
  Link* link = network_.accept(listener.service);
  const int fd = add_file({.kind = File::Kind::kStream, .link = link});
  violations_.note("accept fd " + std::to_string(fd) + " of " + link->name());
  return fd;
}

bool ScriptedKernel::execute_accept(Op& op, const File& file) {
  if (!network_.can_accept(file.service)) return false;
  const int fd = accept_descriptor(file);
  if (fd < 0 || random_.one_in(10)) {  // the kernel may end a multishot after any completion
    finish(op, fd);
    return true;
  }
  posted_.push_back({{.tag = op.tag, .result = fd, .more = true}, -1});
  return true;
}

uring::BufferId ScriptedKernel::take_buffer() {
  const uring::BufferId id = ring_.front();
  ring_.pop_front();
  buffers_[id] = BufferPlace::kWithWorker;
  return id;
}

bool ScriptedKernel::hint(const Link& link) {
  return random_.one_in(8) ? random_.one_in(2) : link.has_unread() || link.at_end();
}

bool ScriptedKernel::execute_receive(Op& op, File& file) {
  // A buffer is chosen before the socket is asked, so an empty ring may end a receive that has
  // nothing to read.
  const bool readable = file.link == nullptr || (file.link->poll_mask() & (POLLIN | POLLERR)) != 0;
  if (op.memory != nullptr) return execute_receive_into(op, file, readable);
  if (op.deaf) return false;
  if (ring_.empty()) {
    if (!readable && !random_.one_in(50)) return false;
    finish(op, -ENOBUFS);
    return true;
  }
  if (!readable) return false;
  if (file.link == nullptr) {
    finish(op, file.error != 0 ? -std::exchange(file.error, 0) : -ENOTCONN);
    return true;
  }
  const uring::BufferId id = ring_.front();
  const int result = file.link->receive({buffer(id), options_.buffer_bytes}, random_);
  if (result == -EAGAIN) return false;
  (result > 0 ? file.link->received_at : file.link->ended_at).add(network_.now());
  if (result > 0 || random_.one_in(4)) op.completion.buffer = take_buffer();
  op.completion.more_to_read = hint(*file.link);
  const auto taken = static_cast<std::uint32_t>(std::max(0, result));
  // The kernel may end a multishot after any completion.
  if (taken == 0 || op.limit <= taken || random_.one_in(10)) {
    finish(op, result);
    return true;
  }
  op.limit -= taken;
  // An end that is there already goes unnoticed, as a wake-up for both may.
  op.deaf = random_.one_in(2) && !file.link->has_unread() &&
            (file.link->poll_mask() & (POLLIN | POLLERR)) != 0;
  op.deaf_since = network_.now();
  uring::Completion completion = std::exchange(op.completion, {.tag = op.tag});
  completion.result = result;
  completion.more = true;
  posted_.push_back({completion, -1});
  return true;
}

bool ScriptedKernel::execute_receive_into(Op& op, File& file, bool readable) {
  int result = -EAGAIN;
  if (file.link == nullptr) {
    result = file.error != 0 ? -std::exchange(file.error, 0) : -ENOTCONN;
  } else if (readable) {
    result = file.link->receive({op.memory, op.length}, random_);
  }
  if (file.link != nullptr && result != -EAGAIN) {
    (result > 0 ? file.link->received_at : file.link->ended_at).add(network_.now());
    op.completion.more_to_read = hint(*file.link);
  }
  finish(op, result);
  return true;
}

bool ScriptedKernel::execute_send(Op& op, File& file) {
  if (file.link == nullptr) {
    finish(op, op.sent > 0 ? static_cast<std::int32_t>(op.sent) : -EPIPE);
    return true;
  }
  const auto find = [this](LinkId id) { return network_.find(id); };
  const int taken =
      file.link->send({op.data + op.sent, op.length - op.sent}, random_, violations_, find);
  if (taken == -EAGAIN) {
    if (op.waits || op.sent > 0 || !random_.one_in(4)) {
      op.waits = true;
      return false;
    }
    finish(op, -EAGAIN);
    return true;
  }
  (taken > 0 ? file.link->sent_at : file.link->ended_at).add(network_.now());
  if (taken < 0) {
    finish(op, op.sent > 0 ? static_cast<std::int32_t>(op.sent) : taken);
    return true;
  }
  op.sent += static_cast<std::uint32_t>(taken);
  if (op.sent == op.length || random_.one_in(8)) finish(op, static_cast<std::int32_t>(op.sent));
  return true;
}

bool ScriptedKernel::execute_poll(Op& op, File& file) {
  if (op.missed) return false;
  std::uint32_t mask = POLLOUT | POLLHUP;  // neither connected nor on its way
  if (file.link != nullptr) {
    mask = file.link->poll_mask();
  } else if (file.error != 0) {
    mask |= POLLERR;
  }
  mask &= op.events | POLLERR | POLLHUP | POLLRDHUP;
  if (mask == 0) return false;
  const bool in_vain = (op.events & POLLOUT) != 0 && mask == POLLRDHUP;
  file.vain_polls = in_vain ? file.vain_polls + 1 : 0;
  if (file.vain_polls == 2) violations_.add("a poll for room that only tells of an end, repeated");
  finish(op, static_cast<std::int32_t>(mask));
  return true;
}

// A cancel has come too late or too early for it: it ends with what it has.
bool ScriptedKernel::execute_doomed(Op& op) {
  finish(op,
         op.kind == OpKind::kSend && op.sent > 0 ? static_cast<std::int32_t>(op.sent) : -ECANCELED);
  return true;
}

void ScriptedKernel::execute_cancel(Op& cancel) {
  std::int32_t cancelled = 0;
  bool running = false;
  for (const auto& op : ops_) {
    if (op.get() == &cancel || op->state != OpState::kPending) continue;
    if (op->kind == OpKind::kCancelFd || op->kind == OpKind::kCancelTag) continue;
    const bool meant =
        cancel.kind == OpKind::kCancelFd ? op->fd == cancel.fd : op->tag == cancel.target;
    if (!meant) continue;
    if (random_.one_in(4)) {
      op->state = OpState::kDoomed;
      running = true;
    } else {
      execute_doomed(*op);
      ++cancelled;
    }
    if (cancel.kind == OpKind::kCancelTag) break;
  }
  if (cancelled > 0) {
    finish(cancel, cancel.kind == OpKind::kCancelFd ? cancelled : 0);
  } else {
    finish(cancel, running ? -EALREADY : -ENOENT);
  }
}

}  // namespace shunt::sim
