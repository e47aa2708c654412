#include "tests/sim/scripted_kernel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shunt/base/check.hpp"
#include "src/proxy/shard.hpp"

namespace shunt::sim {
namespace {

// Far from real descriptors, so that a real call with one of these fails.
constexpr int kFirstFd = 100'000;

// So long nobody may rely on a multishot receive that says nothing (kernel.hpp).
constexpr base::Duration kDeafMax = 3 * base::kSecond;

// The send of what a receive brought.
bool is_answer(uring::Tag send, uring::Tag receive) {
  using proxy::Operation;
  const auto to = static_cast<Operation>(receive.kind) == Operation::kReceiveClient
                      ? Operation::kSendNode
                      : Operation::kSendClient;
  return send.slot == receive.slot && send.generation == receive.generation &&
         static_cast<Operation>(send.kind) == to;
}

std::string text_of(uring::Tag tag) {
  return "kind " + std::to_string(tag.kind) + " slot " + std::to_string(tag.slot) + " generation " +
         std::to_string(tag.generation);
}

}  // namespace

ScriptedKernel::ScriptedKernel(Process& process, Network& network, Random& random,
                               Violations& violations, const ScriptedKernelOptions& options)
    : process_(process),
      network_(network),
      random_(random),
      violations_(violations),
      options_(options),
      files_(process.files),
      memory_(std::size_t{options.buffers} * options.buffer_bytes),
      buffers_(options.buffers, BufferPlace::kInRing),
      holders_(options.buffers) {
  for (std::uint32_t id = 0; id < options.buffers; ++id) {
    ring_.push_back(static_cast<uring::BufferId>(id));
  }
  process_.kernels.push_back(this);
  if (options.messages) ring_fd_ = add_file({.kind = File::Kind::kRing, .ring = this});
}

void ScriptedKernel::end() {
  if (ring_fd_ >= 0) files_.erase(std::exchange(ring_fd_, -1));
}

// ---- For the simulation.

int ScriptedKernel::add_listener(traffic::ServiceId service) {
  network_.open_service(service);
  return add_file({.kind = File::Kind::kListener, .service = service});
}

int ScriptedKernel::add_wake() {
  return add_file({.kind = File::Kind::kWake});
}

void ScriptedKernel::signal(int fd) {
  if (File* file = file_of(fd, "signal")) ++file->count;
}

ScriptedKernel::Usage ScriptedKernel::usage() const {
  Usage usage;
  for (const auto& [fd, file] : files_) {
    usage.listeners += file.kind == File::Kind::kListener ? 1 : 0;
    usage.pipe_ends += file.kind == File::Kind::kPipe ? 1 : 0;
    usage.sockets += file.kind == File::Kind::kStream ? 1 : 0;
  }
  usage.operations = ops_.size() + posted_.size();
  usage.queued_ahead = queued_ahead_;
  usage.spliced_bytes = spliced_bytes_;
  usage.buffers_missing = static_cast<std::size_t>(
      std::count(buffers_.begin(), buffers_.end(), BufferPlace::kWithWorker));
  return usage;
}

// ---- Descriptors.

ScriptedKernel::File* ScriptedKernel::file_of(int fd, const char* call) {
  const auto found = files_.find(fd);
  if (found != files_.end()) return &found->second;
  violations_.add(std::string(call) + " of descriptor " + std::to_string(fd) +
                  ", which is not open");
  return nullptr;
}

// The lowest free number, as in Unix: a stale descriptor soon names somebody else's socket.
int ScriptedKernel::add_file(const File& file) {
  int fd = kFirstFd;
  while (files_.contains(fd)) ++fd;
  File& added = files_.emplace(fd, file).first->second;
  added.fd = fd;
  return fd;
}

std::size_t ScriptedKernel::open_streams() const {
  return static_cast<std::size_t>(
      std::count_if(files_.begin(), files_.end(),
                    [](const auto& entry) { return entry.second.kind == File::Kind::kStream; }));
}

bool ScriptedKernel::is_in_flight(int fd) const {
  const auto of_fd = [&](const auto& op) { return op->fd == fd && op->kind != OpKind::kCancelTag; };
  return std::any_of(process_.kernels.begin(), process_.kernels.end(),
                     [&](const ScriptedKernel* kernel) {
                       return std::any_of(kernel->ops_.begin(), kernel->ops_.end(), of_fd) ||
                              std::any_of(kernel->posted_.begin(), kernel->posted_.end(),
                                          [&](const Posted& p) { return p.fd == fd; });
                     });
}

bool ScriptedKernel::is_in_flight(int fd, OpKind kind) const {
  return std::any_of(ops_.begin(), ops_.end(),
                     [&](const auto& op) { return op->fd == fd && op->kind == kind; });
}

void ScriptedKernel::forget(int fd, const char* call) {
  violations_.note(std::string(call) + " " + std::to_string(fd));
  if (is_in_flight(fd)) {
    violations_.add(std::string(call) + " of descriptor " + std::to_string(fd) +
                    " with operations in flight");
  }
  if (Link* link = files_[fd].link) link->closed_at = network_.now();
  files_.erase(fd);
}

// ---- Calls.

void ScriptedKernel::enter_call(const char* call) {
  if (++calls_ == options_.calls_per_turn) {
    violations_.add("a turn of " + std::to_string(calls_) + " calls, the last of them " + call);
  }
  SHUNT_CHECK(calls_ < 100 * options_.calls_per_turn);  // it would never end
  if (between) between();
  // The world does not stand still while the worker works.
  if (random_.one_in(8)) network_.step();
}

ScriptedKernel::Op& ScriptedKernel::queue(OpKind kind, int fd, uring::Tag tag) {
  enter_call("an operation");
  auto& op = *ops_.emplace_back(std::make_unique<Op>());
  op.kind = kind;
  op.fd = fd;
  op.tag = tag;
  op.completion.tag = tag;
  if (violations_.tracing()) {
    violations_.note("queue op " + std::to_string(static_cast<int>(kind)) + " fd " +
                     std::to_string(fd) + " " + text_of(tag));
  }
  return op;
}

void ScriptedKernel::check_single(OpKind kind, int fd, const char* what) {
  const bool twice = std::any_of(ops_.begin(), ops_.end(),
                                 [&](const auto& op) { return op->fd == fd && op->kind == kind; });
  if (twice) {
    violations_.add("two " + std::string(what) + " of descriptor " + std::to_string(fd) +
                    " in flight");
  }
}

void ScriptedKernel::note_relay(const File* file, uring::Tag tag) const {
  if (file == nullptr || file->link == nullptr) return;
  file->link->relay =
      std::uint64_t{options_.index} << 60 | std::uint64_t{tag.slot} << 32 | tag.generation;
}

void ScriptedKernel::accept_multishot(int fd, uring::Tag tag) {
  file_of(fd, "accept");
  check_single(OpKind::kAccept, fd, "accepts");
  queue(OpKind::kAccept, fd, tag);
}

void ScriptedKernel::receive(int fd, bool /*poll_first*/, uring::Tag tag) {
  note_relay(file_of(fd, "receive"), tag);
  check_single(OpKind::kReceive, fd, "receives");
  queue(OpKind::kReceive, fd, tag);
}

void ScriptedKernel::receive_multishot(int fd, uring::Tag tag) {
  if (!options_.multishot) violations_.add("a multishot receive, which this kernel does not have");
  note_relay(file_of(fd, "receive"), tag);
  check_single(OpKind::kReceive, fd, "receives");
  queue(OpKind::kReceive, fd, tag).limit = 2 * options_.buffer_bytes;
}

void ScriptedKernel::check_multishots() {
  for (const auto& op : ops_) {
    if (op->limit == 0 || op->state != OpState::kPending) continue;
    const auto any_other = [&](auto&& is_meant) {
      return std::any_of(ops_.begin(), ops_.end(), [&](const auto& one) { return is_meant(*one); });
    };
    const bool stopping = any_other(
        [&](const Op& one) { return one.kind == OpKind::kCancelTag && one.target == op->tag; });
    if (stopping) continue;
    const auto held = std::count(holders_.begin(), holders_.end(), op->tag);
    if (held > 1) {
      violations_.add("a receive goes on while " + std::to_string(held) +
                      " buffers of what it brought wait");
    }
    // While what it brought is being sent, the end would have to wait anyhow.
    const bool sending = any_other(
        [&](const Op& one) { return one.kind == OpKind::kSend && is_answer(one.tag, op->tag); });
    if (sending) op->deaf_since = network_.now();
    if (op->deaf && network_.now() - op->deaf_since > kDeafMax) {
      violations_.add("an end that a receive has missed is not looked for");
    }
  }
}

void ScriptedKernel::receive_into(int fd, std::byte* memory, std::uint32_t length, uring::Tag tag) {
  note_relay(file_of(fd, "receive_into"), tag);
  check_single(OpKind::kReceive, fd, "receives");
  Op& op = queue(OpKind::kReceive, fd, tag);
  op.memory = memory;
  op.data = memory;
  op.length = length;
  check_memory(op);
}

// Two operations may read from the same memory, but none may write to what another uses.
void ScriptedKernel::check_memory(const Op& one) {
  for (const auto& op : ops_) {
    if (op.get() == &one || op->state == OpState::kDone || op->data == nullptr) continue;
    if (op->memory == nullptr && one.memory == nullptr) continue;
    if (op->data < one.data + one.length && one.data < op->data + op->length) {
      violations_.add("an operation receives into memory that another one uses");
    }
  }
}

void ScriptedKernel::send(int fd, const std::byte* data, std::uint32_t length, bool poll_first,
                          uring::Tag tag) {
  note_relay(file_of(fd, "send"), tag);
  check_single(OpKind::kSend, fd, "sends");
  if (length == 0) violations_.add("a send of nothing");
  Op& op = queue(OpKind::kSend, fd, tag);
  op.data = data;
  op.length = length;
  op.waits = poll_first;
  check_memory(op);
}

void ScriptedKernel::poll(int fd, std::uint32_t events, uring::Tag tag) {
  file_of(fd, "poll");
  queue(OpKind::kPoll, fd, tag).events = events;
}

void ScriptedKernel::read_wake(int fd, uring::Tag tag) {
  file_of(fd, "read_wake");
  check_single(OpKind::kWake, fd, "wake-up reads");
  queue(OpKind::kWake, fd, tag);
}

void ScriptedKernel::cancel_fd(int fd, uring::Tag tag) {
  const File* file = file_of(fd, "cancel");
  if (file != nullptr && file->kind == File::Kind::kStream) {
    violations_.add("a cancel by descriptor of a stream, which looks at the whole ring");
  }
  queue(OpKind::kCancelFd, fd, tag);
}

void ScriptedKernel::cancel_tag(uring::Tag target, uring::Tag tag) {
  queue(OpKind::kCancelTag, -1, tag).target = target;
}

void ScriptedKernel::message(int ring, std::int32_t result, uring::Tag remote, uring::Tag own) {
  if (const File* file = file_of(ring, "message"); file != nullptr && file->ring == nullptr) {
    violations_.add("a message to descriptor " + std::to_string(ring) + ", which is no ring");
  }
  Op& op = queue(OpKind::kMessage, result, own);  // what it carries is in flight
  op.ring = ring;
  op.target = remote;
}

std::size_t ScriptedKernel::reap(std::span<uring::Completion> completions) {
  enter_call("reap");
  std::size_t count = 0;
  while (count < completions.size() && !posted_.empty()) {
    const uring::Completion& taken = completions[count++] = posted_.front().completion;
    for (const auto& op : ops_) {  // of a send, which has gone on until now
      if (is_answer(taken.tag, op->tag)) op->deaf_since = network_.now();
    }
    if (taken.buffer != uring::kNoBuffer) {
      queued_ahead_ += std::count(holders_.begin(), holders_.end(), taken.tag) != 0 ? 1 : 0;
      holders_[taken.buffer] = taken.tag;
    }
    if (violations_.tracing()) {
      const uring::Completion& completion = posted_.front().completion;
      violations_.note("reap " + text_of(completion.tag) + ": " +
                       std::to_string(completion.result));
    }
    posted_.pop_front();
  }
  return count;
}

void ScriptedKernel::recycle(uring::BufferId id) {
  enter_call("recycle");
  if (id >= options_.buffers || buffers_[id] == BufferPlace::kInRing) {
    violations_.add("buffer " + std::to_string(id) +
                    " is given back, but the worker has not got it");
    return;
  }
  const std::byte* begin = buffer(id);
  const std::byte* end = begin + options_.buffer_bytes;
  for (const auto& op : ops_) {
    if (op->kind == OpKind::kSend && op->state != OpState::kDone && op->data >= begin &&
        op->data < end) {
      violations_.add("buffer " + std::to_string(id) + " is given back while a send from it runs");
    }
  }
  std::fill(buffer(id), buffer(id) + options_.buffer_bytes, std::byte{0xDD});
  buffers_[id] = BufferPlace::kInRing;
  holders_[id].reset();
  ring_.push_back(id);
}

int ScriptedKernel::open_stream(int family) {
  enter_call("open_stream");
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
    violations_.add("a socket of family " + std::to_string(family));
  }
  if (open_streams() >= options_.descriptors) return -EMFILE;
  if (random_.one_in(1000)) return random_.one_in(2) ? -ENOBUFS : -ENOMEM;
  return add_file({.kind = File::Kind::kStream});
}

int ScriptedKernel::bind_source(int fd, const base::Endpoint& address) {
  enter_call("bind_source");
  if (!address.valid()) violations_.add("bind to no address");
  if (file_of(fd, "bind") == nullptr) return -EBADF;
  return random_.one_in(20) ? -EADDRNOTAVAIL : 0;  // this machine has lost the address
}

int ScriptedKernel::connect(int fd, const base::Endpoint& address) {
  enter_call("connect");
  File* file = file_of(fd, "connect");
  if (file == nullptr) return -EBADF;
  if (file->link != nullptr) {
    violations_.add("connect of a descriptor that is connected or on its way");
    return -EISCONN;
  }
  const auto [result, link] = network_.connect(address);
  file->link = link;
  file->error = 0;
  for (const auto& op : ops_) {
    if (op->fd == fd) op->missed = false;
  }
  violations_.note("connect fd " + std::to_string(fd) + " to " + address.to_string() + ": " +
                   std::to_string(result) + (link != nullptr ? " as " + link->name() : ""));
  return result;
}

int ScriptedKernel::disconnect(int fd) {
  enter_call("disconnect");
  File* file = file_of(fd, "disconnect");
  if (file == nullptr) return -EBADF;
  violations_.note("disconnect fd " + std::to_string(fd));
  if (file->link == nullptr) return 0;
  file->link->disconnect();
  file->link = nullptr;
  file->error = ECONNRESET;  // tcp_disconnect()
  for (const auto& op : ops_) {
    if (op->fd == fd && op->kind == OpKind::kPoll) op->missed = random_.one_in(3);
  }
  return 0;
}

int ScriptedKernel::take_error(int fd) {
  enter_call("take_error");
  File* file = file_of(fd, "take_error");
  if (file == nullptr) return -EBADF;
  if (file->link != nullptr) return file->link->take_error();
  return -std::exchange(file->error, 0);
}

bool ScriptedKernel::is_reset(int fd) {
  enter_call("is_reset");
  const File* file = file_of(fd, "is_reset");
  return file != nullptr && file->link != nullptr && file->link->state() == Link::State::kReset;
}

int ScriptedKernel::send_now(int fd, const std::byte* data, std::uint32_t length, bool hold) {
  enter_call("send_now");
  File* file = file_of(fd, "send_now");
  if (file == nullptr) return -EBADF;
  if (is_in_flight(fd, OpKind::kSend)) violations_.add("send_now while a send is in flight");
  if (file->link == nullptr) return -EPIPE;
  const auto find = [this](LinkId id) { return network_.find(id); };
  const int taken = file->link->send({data, length}, random_, violations_, find);
  if (taken == -EAGAIN) return taken;
  (taken > 0 ? file->link->sent_at : file->link->ended_at).add(network_.now());
  file->held_back = hold && taken == static_cast<int>(length);
  violations_.note("send_now fd " + std::to_string(fd) + ": " + std::to_string(taken));
  return taken;
}

int ScriptedKernel::peek(int fd) {
  enter_call("peek");
  const File* file = file_of(fd, "peek");
  if (file == nullptr) return -EBADF;
  if (is_in_flight(fd, OpKind::kReceive)) violations_.add("peek while a receive is in flight");
  if (file->link == nullptr) return -ENOTCONN;
  const int result = file->link->peek();
  if (result <= 0 && result != -EAGAIN) file->link->ended_at.add(network_.now());
  violations_.note("peek fd " + std::to_string(fd) + ": " + std::to_string(result));
  return result;
}

void ScriptedKernel::set_no_delay(int fd) {
  enter_call("set_no_delay");
  file_of(fd, "set_no_delay");
}

void ScriptedKernel::set_keepalive(int fd, const uring::KeepaliveOptions&) {
  enter_call("set_keepalive");
  file_of(fd, "set_keepalive");
}

void ScriptedKernel::set_congestion(int fd, const char*) {
  enter_call("set_congestion");
  file_of(fd, "set_congestion");
}

base::Endpoint ScriptedKernel::peer_address(int fd) {
  enter_call("peer_address");
  const File* file = file_of(fd, "peer_address");
  if (file == nullptr || file->link == nullptr) return {};
  if (file->link->state() != Link::State::kEstablished) return {};  // ENOTCONN
  return base::Endpoint::parse("192.0.2.1")->with_port(port_of(file->link->id));
}

int ScriptedKernel::shutdown_write(int fd) {
  enter_call("shutdown_write");
  File* file = file_of(fd, "shutdown_write");
  if (file == nullptr) return -EBADF;
  violations_.note("shutdown_write fd " + std::to_string(fd));
  file->held_back = false;
  return file->link == nullptr ? -ENOTCONN : file->link->shutdown_write();
}

int ScriptedKernel::unsent(int fd) {
  enter_call("unsent");
  const File* file = file_of(fd, "unsent");
  if (file == nullptr) return -EBADF;
  return file->link == nullptr ? 0 : file->link->unsent();
}

int ScriptedKernel::accept_now(int fd) {
  enter_call("accept_now");
  const File* file = file_of(fd, "accept");
  if (file == nullptr) return -EBADF;
  if (is_in_flight(fd)) violations_.add("accept_now of a listener with an accept armed");
  if (!network_.can_accept(file->service)) return -EAGAIN;
  return accept_descriptor(*file);
}

void ScriptedKernel::close(int fd) {
  enter_call("close");
  const File* file = file_of(fd, "close");
  if (file == nullptr) return;
  if (file->link != nullptr) file->link->close();
  if (file->kind == File::Kind::kListener) network_.close_service(file->service);
  forget(fd, "close");
}

void ScriptedKernel::reset(int fd) {
  enter_call("reset");
  const File* file = file_of(fd, "reset");
  if (file == nullptr) return;
  if (file->link != nullptr) file->link->reset();
  forget(fd, "reset");
}

// ---- Waiting: the world goes on.

int ScriptedKernel::submit_and_wait(base::Duration timeout, bool gather) {
  for (const auto& [fd, file] : files_) {
    if (file.held_back) violations_.add("bytes are held back, and nothing follows them");
  }
  check_multishots();
  calls_ = 0;
  sleeps_until_ = 0;
  if (between) between();
  hand_over();
  const base::Instant deadline =
      timeout >= kNever - network_.now() ? kNever : network_.now() + timeout;
  // Without a wait, and behind the first completion, a few more things happen all the same.
  std::uint32_t more = random_.below(gather ? 20 : 6);
  while (true) {
    if ((!posted_.empty() || timeout == uring::kNoWait) && more-- == 0) return 0;
    if (between) between();
    if (step()) {
      network_.advance_to(network_.now() + random_.below(20) * base::kMicrosecond);
      if (network_.now() >= deadline && posted_.empty()) return 0;
      if (random_.one_in(500)) return 0;  // a signal
      continue;
    }
    if (!posted_.empty() || timeout == uring::kNoWait) return 0;
    if (!options_.alone) {
      sleeps_until_ = deadline;
      return 0;
    }
    if (asleep) asleep();
    const base::Instant next = std::min(network_.next_time(), deadline);
    if (next == kNever) {
      if (asleep_for_good && asleep_for_good()) continue;
      over_ = true;
      return 0;
    }
    network_.advance_to(next);
    if (next == deadline) return 0;
  }
}

base::Duration ScriptedKernel::watch(base::Duration at_most) {
  const base::Instant began = network_.now();
  hand_over();
  // Now and then it sees nothing of what has come.
  const bool blind = random_.one_in(8);
  while ((blind || posted_.empty()) && network_.now() - began < at_most) {
    if (between) between();
    static_cast<void>(step());
    network_.advance_to(network_.now() + 1 + random_.below(20) * base::kMicrosecond);
  }
  return network_.now() - began;
}

void ScriptedKernel::hand_over() {
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    Op& op = *ops_[i];
    if (op.state != OpState::kQueued) continue;
    op.state = OpState::kPending;
    if (op.kind == OpKind::kCancelFd || op.kind == OpKind::kCancelTag) execute_cancel(op);
  }
}

bool ScriptedKernel::step() {
  const std::uint32_t first = random_.below(3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    bool did = false;
    switch ((first + i) % 3) {
      case 0:
        did = network_.step();
        break;
      case 1:
        did = execute_one();
        break;
      case 2:
        did = post_one();
        break;
    }
    if (did) return true;
  }
  return false;
}

}  // namespace shunt::sim
