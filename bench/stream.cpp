// Bulk streams: a server that is source and sink, and a client that opens streams in both
// directions and measures what arrives.
//   bench_stream serve --listen 127.0.0.1:9000
//   bench_stream run --target 127.0.0.1:8080 --control 127.0.0.1:9000 --down 4 --up 4 --seconds 5
// A connection says with its first byte what it is: 'D' is sent zeros until it ends, 'U' is read
// until it ends, 'Q' is answered with what all 'U' connections have read, eight bytes for each 'Q'.
// The client asks that over --control, which goes around the balancer: each direction is counted
// where it is received. It prints "begin" when its warm-up is over, and a JSON line at the end;
// with
// --hold the streams go on until its standard input ends, so that others can be read meanwhile.
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/net.hpp"
#include "shunt/base/clock.hpp"

namespace shunt::bench {
namespace {

// Large enough that system calls are few, small enough for a CPU's own cache.
constexpr std::size_t kChunk = std::size_t{256} * 1024;

using Counter = std::atomic<std::uint64_t>;

// Reads until the end or an error of the connection.
void drain(int fd, Counter& received) {
  std::vector<char> chunk(kChunk);
  for (;;) {
    const auto count = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (count <= 0) return;
    received.fetch_add(static_cast<std::uint64_t>(count), std::memory_order_relaxed);
  }
}

// Writes until an error of the connection.
void fill(int fd) {
  const std::vector<char> chunk(kChunk);
  while (::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
  }
}

void answer_queries(int fd, const Counter& received) {
  for (char query = 0;;) {
    const std::uint64_t total = received.load(std::memory_order_relaxed);
    if (::send(fd, &total, sizeof total, MSG_NOSIGNAL) != sizeof total) return;
    if (::recv(fd, &query, 1, 0) != 1) return;
  }
}

void serve_one(const UniqueFd& client, Counter& received) {
  char kind = 0;
  if (::recv(client.get(), &kind, 1, 0) != 1) return;
  if (kind == 'D') fill(client.get());
  if (kind == 'U') drain(client.get(), received);
  if (kind == 'Q') answer_queries(client.get(), received);
}

[[noreturn]] void serve(const std::string& listen) {
  static Counter received{0};
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  ::sigaddset(&ending, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  static const UniqueFd listener = listen_on(endpoint(listen));
  // listen_on() leaves the socket non-blocking; a thread of its own may wait in accept().
  const int flags = ::fcntl(listener.get(), F_GETFL);
  ::fcntl(listener.get(), F_SETFL, flags & ~O_NONBLOCK);
  std::printf("ready %s\n", local_address(listener.get()).to_string().c_str());
  std::fflush(stdout);
  std::thread([] {
    for (;;) {
      UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      std::thread([client = std::move(client)] { serve_one(client, received); }).detach();
    }
  }).detach();

  int signal = 0;
  ::sigwait(&ending, &signal);
  std::_Exit(0);
}

// One stream of the client, with a thread that reads or writes it.
class Stream {
 public:
  Stream(const Endpoint& target, char kind) : fd_(connect_to(target)) {
    send_all(fd_.get(), std::string(1, kind));
    thread_ = std::thread([this, kind] {
      if (kind == 'D') {
        drain(fd_.get(), received_);
      } else {
        fill(fd_.get());
      }
      if (!ending_.load()) broken_.store(true);
    });
  }
  ~Stream() {
    ending_.store(true);
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  [[nodiscard]] std::uint64_t received() const { return received_.load(); }
  [[nodiscard]] bool broken() const { return broken_.load(); }

 private:
  UniqueFd fd_;
  Counter received_{0};
  std::atomic<bool> ending_{false};
  std::atomic<bool> broken_{false};
  std::thread thread_;
};

// The server's count of what it has received, asked around the balancer.
class Control {
 public:
  explicit Control(const Endpoint& at) : fd_(connect_to(at)) {}
  [[nodiscard]] std::uint64_t received() const {
    std::uint64_t total = 0;
    send_all(fd_.get(), "Q");
    if (::recv(fd_.get(), &total, sizeof total, MSG_WAITALL) != sizeof total)
      throw std::runtime_error("the server does not answer on --control");
    return total;
  }

 private:
  UniqueFd fd_;
};

struct Plan {
  std::string target;
  std::string control;
  int down = 0;
  int up = 0;
  double warm_up_s = 0.5;
  double seconds = 5;
  bool hold = false;
};

struct Mark {
  base::Instant at;
  std::uint64_t down;
  std::uint64_t up;
};

void wait_until(base::Instant when) {
  const timespec at{.tv_sec = static_cast<time_t>(when / base::kSecond),
                    .tv_nsec = static_cast<long>(when % base::kSecond)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

int run(const Plan& plan) {
  const Control control(endpoint(plan.control));
  std::vector<std::unique_ptr<Stream>> streams;
  streams.reserve(static_cast<std::size_t>(plan.down) + static_cast<std::size_t>(plan.up));
  for (int i = 0; i < plan.down + plan.up; ++i) {
    streams.push_back(std::make_unique<Stream>(endpoint(plan.target), i < plan.down ? 'D' : 'U'));
  }
  const auto mark = [&] {
    Mark now{.at = 0, .down = 0, .up = plan.up > 0 ? control.received() : 0};
    now.at = base::monotonic_now();
    for (const auto& stream : streams) now.down += stream->received();
    return now;
  };
  wait_until(base::monotonic_now() + static_cast<base::Duration>(plan.warm_up_s * 1e9));
  const Mark begin = mark();
  std::printf("begin\n");
  std::fflush(stdout);
  // The clock's end of the window, not the mark's: a mark may be late where the CPU is busy, and
  // its own time says how much it covers.
  wait_until(begin.at + static_cast<base::Duration>(plan.seconds * 1e9));
  const Mark end = mark();
  int broken = 0;
  for (const auto& stream : streams) broken += stream->broken() ? 1 : 0;
  std::printf(R"({"seconds": %.6f, "down_bytes": %lu, "up_bytes": %lu, "broken": %d})"
              "\n",
              static_cast<double>(end.at - begin.at) / 1e9, end.down - begin.down,
              end.up - begin.up, broken);
  std::fflush(stdout);
  while (plan.hold && std::getchar() != EOF) {
  }
  return broken == 0 ? 0 : 1;
}

int main_of(int argc, char** argv) {
  CLI::App app("Bulk streams through a balancer, counted where they are received");
  app.require_subcommand(1);
  std::string listen = "127.0.0.1:0";
  CLI::App* server = app.add_subcommand("serve", "source and sink");
  server->add_option("--listen", listen, "address; port 0 is any")->capture_default_str();
  Plan plan;
  CLI::App* client = app.add_subcommand("run", "open streams and measure them");
  client->add_option("--target", plan.target, "address of the balancer, or of the server")
      ->required();
  client->add_option("--control", plan.control, "address of the server itself")->required();
  client->add_option("--down", plan.down, "streams from the server")->check(CLI::Range(0, 256));
  client->add_option("--up", plan.up, "streams to the server")->check(CLI::Range(0, 256));
  client->add_option("--warm-up", plan.warm_up_s, "seconds before what is measured")
      ->capture_default_str();
  client->add_option("--seconds", plan.seconds, "seconds that are measured")->capture_default_str();
  client->add_flag("--hold", plan.hold, "keep the streams until standard input ends");
  CLI11_PARSE(app, argc, argv);
  if (server->parsed()) serve(listen);
  return run(plan);
}

}  // namespace
}  // namespace shunt::bench

int main(int argc, char** argv) {
  try {
    return shunt::bench::main_of(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_stream: %s\n", error.what());
    return 1;
  }
}
