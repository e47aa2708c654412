#include "bench/switch/yardstick.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace shunt::bench {
namespace {

constexpr char kPlain = 'p';
constexpr char kSynced = 's';
// As long as a command over the admin socket.
const std::string kPadding(160, ' ');

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::pair<UniqueFd, UniqueFd> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd preallocated_file(const std::string& path, const std::string& block) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) fail("open");
  if (::pwrite(file.get(), block.data(), block.size(), 0) < 0 || ::fsync(file.get()) != 0)
    fail("preallocate");
  return file;
}

// Looks like a balancer to the recording: what goes through it is the other's traffic, and a
// command changes nothing.
class Echo final : public Balancer {
 public:
  Echo(const Balancer& under_load, int cpu, const std::string& directory,
       std::vector<std::uint64_t>& syncs)
      : entry_(under_load.entry()),
        file_(preallocated_file(directory + "/yardstick", block_)),
        ends_(socket_pair()),
        syncs_(syncs),
        thread_([this, cpu] {
          pin_to_cpu(cpu);
          serve();
        }) {}
  ~Echo() override {
    ::shutdown(ends_.first.get(), SHUT_RDWR);
    thread_.join();
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

  [[nodiscard]] std::string name() const override { return "echo"; }
  [[nodiscard]] std::string version() const override { return ""; }
  [[nodiscard]] Endpoint entry() const override { return entry_; }
  [[nodiscard]] bool can_be_durable() const override { return true; }

  Change switch_to(int color, bool durable) override {
    const std::string message = (durable ? kSynced : kPlain) + kPadding;
    Change change{.sent = base::monotonic_now(), .color = color, .durable = durable, .answer = {}};
    send_all(ends_.first.get(), message);
    std::string answer(message.size(), '\0');
    if (::recv(ends_.first.get(), answer.data(), answer.size(), MSG_WAITALL) !=
        static_cast<ssize_t>(answer.size()))
      throw std::runtime_error("the echo ended");
    change.acknowledged = base::monotonic_now();
    if (answer.front() != message.front()) throw std::runtime_error("the echo's sync failed");
    return change;
  }

 private:
  void serve() {
    std::string message(1 + kPadding.size(), '\0');
    while (::recv(ends_.second.get(), message.data(), message.size(), MSG_WAITALL) ==
           static_cast<ssize_t>(message.size())) {
      if (message.front() == kSynced && !sync()) message.front() = '!';
      send_all(ends_.second.get(), message);
    }
  }

  [[nodiscard]] bool sync() {
    const base::Instant before = base::monotonic_now();
    const bool done =
        ::pwrite(file_.get(), block_.data(), block_.size(), 0) > 0 && ::fdatasync(file_.get()) == 0;
    syncs_.push_back(base::monotonic_now() - before);
    return done;
  }

  const std::string block_ = std::string(4096, 'x');
  Endpoint entry_;
  UniqueFd file_;
  std::pair<UniqueFd, UniqueFd> ends_;
  std::vector<std::uint64_t>& syncs_;  // the echo's thread only, while it runs
  std::thread thread_;
};

}  // namespace

Slice record_echo(const Balancer& under_load, const LoadPlan& load, const SwitchPlan& plan, int cpu,
                  const std::string& directory, std::vector<std::uint64_t>& syncs) {
  Echo echo(under_load, cpu, directory, syncs);
  int live = 0;
  return record(echo, load, plan, live);
}

}  // namespace shunt::bench
