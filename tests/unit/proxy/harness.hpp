// A data plane inside the test, nodes that are threads, and clients that are blocking sockets.
// Every wait has a bound, so that a fault is a failure and never a hang.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shunt/base/unique_fd.hpp"
#include "shunt/proxy/data_plane.hpp"

namespace shunt::proxy::testing {

inline constexpr int kBoundSeconds = 20;

// Polls until `done()`; false when it has not come true within the bound.
inline bool wait_for(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kBoundSeconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// ---- Blocking sockets with a bound on every call.

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {
    const timeval bound{kBoundSeconds, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
  }
  // buffer: SO_RCVBUF in bytes; 0: the kernel's own choice.
  static Socket connect(const base::Endpoint& to, int buffer = 0) {
    Socket socket(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (buffer != 0) {
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    }
    EXPECT_EQ(::connect(socket.fd(), to.address(), to.length()), 0)
        << to.to_string() << ": " << std::strerror(errno);
    return socket;
  }

  // To wake an accept; whether it succeeds does not matter.
  static void connect_quietly(const base::Endpoint& to) {
    const base::UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    [[maybe_unused]] const int outcome = ::connect(fd.get(), to.address(), to.length());
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  // True when everything was taken.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Exactly `size` bytes, or fewer when the stream ends.
  std::string read(std::size_t size) {
    std::string out(size, 0);
    std::size_t got = 0;
    while (got < size) {
      const ssize_t n = ::recv(fd(), out.data() + got, size - got, 0);
      if (n <= 0) {
        error_ = n < 0 ? errno : 0;
        break;
      }
      got += static_cast<std::size_t>(n);
    }
    out.resize(got);
    return out;
  }
  // Everything up to the end; error() tells an end in order (0) from a reset (ECONNRESET).
  std::string read_all() {
    std::string out;
    char chunk[65536];
    while (true) {
      const ssize_t n = ::recv(fd(), chunk, sizeof(chunk), 0);
      if (n <= 0) {
        error_ = n < 0 ? errno : 0;
        return out;
      }
      out.append(chunk, static_cast<std::size_t>(n));
    }
  }
  [[nodiscard]] int error() const { return error_; }
  void finish() { ::shutdown(fd(), SHUT_WR); }
  void close() { fd_.reset(); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    fd_.reset();
  }

 private:
  base::UniqueFd fd_;
  int error_ = 0;
};

inline base::Endpoint local_address(int fd) {
  sockaddr_storage address;
  socklen_t length = sizeof(address);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  return base::Endpoint(reinterpret_cast<const sockaddr*>(&address), length);
}

// Waits until the peer's kernel has everything that was sent.
inline void wait_acknowledged(const Socket& socket) {
  EXPECT_TRUE(wait_for([&] {
    int left = 1;
    return ::ioctl(socket.fd(), TIOCOUTQ, &left) == 0 && left == 0;
  }));
}

// Waits until the connection is gone entirely (its end was read before).
inline void wait_closed(const Socket& socket) {
  EXPECT_TRUE(wait_for([&] {
    pollfd one{socket.fd(), 0, 0};
    return ::poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR)) != 0;
  }));
}

// A listener that nothing accepts from.
inline base::UniqueFd listening_socket(const base::Endpoint& at, int backlog) {
  base::UniqueFd fd(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  EXPECT_EQ(::bind(fd.get(), at.address(), at.length()), 0) << at.to_string();
  EXPECT_EQ(::listen(fd.get(), backlog), 0);
  return fd;
}
inline base::Endpoint loopback() {
  return *base::Endpoint::parse("127.0.0.1:0");
}

// ---- Nodes.

// Runs `serve` for every connection, on a thread each.
class Node {
 public:
  using Serve = std::function<void(Socket&)>;

  explicit Node(Serve serve, const base::Endpoint& at = loopback())
      : serve_(std::move(serve)),
        listener_(listening_socket(at, 1024)),
        address_(local_address(listener_.get())),
        acceptor_([this] { accept(); }) {}
  ~Node() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (address_.is_unix()) Socket::connect_quietly(address_);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (auto& one : connections_) {
        if (one->fd() >= 0) ::shutdown(one->fd(), SHUT_RDWR);
      }
    }
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] const base::Endpoint& address() const { return address_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept() {
    while (!stopping_) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++accepted_;
      const std::lock_guard lock(mutex_);
      connections_.push_back(std::make_shared<Socket>(fd));
      threads_.emplace_back([this, socket = connections_.back()] {
        serve_(*socket);
        const std::lock_guard closing(mutex_);
        socket->close();
      });
    }
  }

  Serve serve_;
  base::UniqueFd listener_;
  base::Endpoint address_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::vector<std::shared_ptr<Socket>> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// Sends back what it reads, until the end, and ends then.
inline void echo(Socket& socket) {
  char chunk[65536];
  while (true) {
    const ssize_t n = ::recv(socket.fd(), chunk, sizeof(chunk), 0);
    if (n <= 0) break;
    if (!socket.send({chunk, static_cast<std::size_t>(n)})) break;
  }
  socket.finish();
  socket.read_all();
}
// Swallows connects: its backlog is full, so that further SYNs are dropped.
class BlackHole {
 public:
  BlackHole()
      : listener_(listening_socket(loopback(), 0)), address_(local_address(listener_.get())) {
    // The backlog of 0 holds one; more attempts make sure whatever the kernel's arithmetic.
    for (auto& filler : fillers_) {
      filler.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      static_cast<void>(::connect(filler.get(), address_.address(), address_.length()));
    }
  }
  [[nodiscard]] const base::Endpoint& address() const { return address_; }

 private:
  base::UniqueFd listener_;
  base::Endpoint address_;
  std::array<base::UniqueFd, 3> fillers_;
};

// An address where nobody listens.
inline base::Endpoint refusing_address() {
  return local_address(listening_socket(loopback(), 1).get());
}

// Says its name first, then echoes.
inline Node::Serve named(std::string name) {
  return [name](Socket& socket) {
    socket.send(name);
    echo(socket);
  };
}

// ---- The data plane under test.

struct Options {
  std::uint32_t workers = 1;
  std::uint32_t connections_max = 1000;
  traffic::Timeouts timeouts{};
  traffic::Balance balance = traffic::Balance::kRoundRobin;
  std::vector<base::Endpoint> listen = {loopback()};
  std::vector<base::Endpoint> sources{};
  traffic::SocketOptions sockets{};
  bool accept_bursts = true;
  std::uint32_t splice_pipes = base::kSplicePipes;
  std::size_t spilled_bytes_max = base::kSpilledBytesMax;
};

// One app with one service and pools of nodes; pool 0 is active at the start.
class Plane {
 public:
  // handed: a listening socket at options.listen[0], as from a supervisor.
  Plane(std::vector<std::vector<base::Endpoint>> pools, const Options& options = {},
        base::UniqueFd handed = {}) {
    traffic::App app;
    app.name = "app";
    app.services = {0};
    app.balance = options.balance;
    app.timeouts = options.timeouts;
    app.sources = options.sources;
    for (const auto& addresses : pools) {
      traffic::Pool pool;
      pool.name = "pool" + std::to_string(app.pools.size());
      for (const base::Endpoint& address : addresses) {
        traffic::Node node;
        node.slot = model_.slots++;
        node.name = "node" + std::to_string(node.slot);
        node.addresses = {address};
        pool.nodes.push_back(node);
      }
      app.pools.push_back(pool);
    }
    traffic::Service service;
    service.name = "default";
    service.listen = options.listen;
    service.sockets = options.sockets;
    model_.services = {service};
    model_.apps = {app};
    std::signal(SIGPIPE, SIG_IGN);  // as the daemon does, for splice()
    std::vector<InheritedListener> inherited;
    if (handed) inherited.push_back({options.listen[0], std::move(handed)});
    auto started = DataPlane::start({.workers = options.workers,
                                     .connections_max = options.connections_max,
                                     .pin_workers = false,
                                     .accept_bursts = options.accept_bursts,
                                     .splice_pipes = options.splice_pipes,
                                     .spilled_bytes_max = options.spilled_bytes_max},
                                    model_, std::move(inherited), root(0));
    if (!started) {
      ADD_FAILURE() << started.error().message;
      std::abort();
    }
    plane_ = std::move(*started);
  }

  DataPlane& operator*() { return *plane_; }
  DataPlane* operator->() { return plane_.get(); }
  [[nodiscard]] base::Endpoint address(std::size_t index = 0) const {
    return plane_->listening()[0][index];
  }
  [[nodiscard]] Socket client(std::size_t index = 0) const {
    return Socket::connect(address(index));
  }

  // Makes `pool` active and waits until every worker follows.
  // A share for another pool than `active`, or none.
  void split(std::optional<traffic::SplitTerms> terms, traffic::PoolId active = 0) {
    split_ = std::move(terms);
    switch_to(active);
  }
  void switch_to(traffic::PoolId pool) {
    publish(pool);
    EXPECT_TRUE(wait_for([this] {
      plane_->wake(revision_);
      return plane_->publication().adopted_by_all(revision_);
    }));
    plane_->publication().reclaim();
  }
  void publish(traffic::PoolId pool) { plane_->publication().publish(root(pool)); }
  [[nodiscard]] traffic::Revision revision() const { return revision_; }

  // Sums over all workers.
  std::uint64_t sum(const std::function<std::uint64_t(const WorkerCounters&)>& of) {
    std::uint64_t total = 0;
    for (std::uint32_t worker = 0; worker < plane_->workers(); ++worker) {
      total += of(plane_->counters(worker));
    }
    return total;
  }
  std::uint64_t open() {
    return sum([](const WorkerCounters& c) { return c.services[0].open.get(); });
  }
  std::uint64_t connecting() {
    return sum([this](const WorkerCounters& c) {
      std::uint64_t all = 0;
      for (std::uint32_t slot = 0; slot < model_.slots; ++slot)
        all += c.nodes[slot].connecting.get();
      return all;
    });
  }
  std::uint64_t established(traffic::NodeSlot slot) {
    return sum([slot](const WorkerCounters& c) { return c.nodes[slot].established.get(); });
  }
  bool wait_open(std::uint64_t count) {
    return wait_for([&] { return open() == count; });
  }

  // The next connection's end, waiting for it.
  ConnectionEnd end() {
    ConnectionEnd one;
    EXPECT_TRUE(wait_for([&] {
      for (std::uint32_t worker = 0; worker < plane_->workers(); ++worker) {
        if (plane_->take_ends(worker, &one, 1) == 1) return true;
      }
      return false;
    })) << "no connection ended";
    return one;
  }
  // Sends a request to every worker and waits until all have answered.
  template <class Ask>
  void ask_all(std::vector<std::unique_ptr<Ask>>& asked) {
    for (std::uint32_t worker = 0; worker < plane_->workers(); ++worker) {
      EXPECT_TRUE(plane_->send(worker, asked[worker].get()));
    }
    for (auto& one : asked) EXPECT_TRUE(wait_for([&] { return one->done.load(); }));
  }
  template <class Ask>
  void ask(Ask& asked) {
    EXPECT_TRUE(plane_->send(0, &asked));
    EXPECT_TRUE(wait_for([&] { return asked.done.load(); }));
  }

 private:
  std::unique_ptr<const traffic::RoutingRoot> root(traffic::PoolId active) {
    ++revision_;
    auto table = traffic::build_table(
        model_, 0, {.active = active, .epoch = revision_, .split = split_},
        [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
        [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
    return traffic::build_root(revision_, {std::move(table)}, 1);
  }

  traffic::Model model_;
  traffic::Revision revision_ = 0;
  std::optional<traffic::SplitTerms> split_;
  std::unique_ptr<DataPlane> plane_;
};

}  // namespace shunt::proxy::testing
