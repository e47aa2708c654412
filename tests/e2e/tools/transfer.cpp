// shunt_transfer: both ends of many connections through a proxy, every byte and every ending
// checked.
//
//   shunt_transfer PROXY_PORT NODE_PORT CONNECTIONS MEAN_BYTES PARALLEL SEED
//
// The node listens on 127.0.0.1:NODE_PORT (before the proxy checks it: the program prints
// "listening" and begins when a line arrives on standard input). Ends with one line of JSON; exit
// code 0 when all connections went as planned. With PROXY_PORT equal to NODE_PORT it tests itself,
// without a proxy.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tests/e2e/tools/transfer_ends.hpp"

namespace shunt::transfer {
namespace {

struct Options {
  std::uint16_t proxy_port, node_port;
  std::uint64_t connections, mean_bytes, parallel, seed;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Transfer {
 public:
  explicit Transfer(const Options& options) : options_(options) {}

  bool listen() {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const sockaddr_in address = loopback(options_.node_port);
    return ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
               0 &&
           ::listen(listener_.get(), 1024) == 0;
  }

  int run() {
    std::thread acceptor([this] { accept_all(); });
    std::vector<std::thread> clients;
    for (std::uint64_t i = 0; i < options_.parallel; ++i)
      clients.emplace_back([this] { run_clients(); });
    for (std::thread& client : clients) client.join();
    wait_for_node_ends();
    ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept()
    acceptor.join();
    report();
    return failures_ == 0 && node_ends_ == options_.connections ? 0 : 1;
  }

 private:
  void run_clients() {
    for (;;) {
      const std::uint64_t connection = next_++;
      if (connection >= options_.connections) return;
      base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in address = loopback(options_.proxy_port);
      if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
          0) {
        failed(connection, std::string("client: connect: ") + std::strerror(errno));
        continue;
      }
      const Plan plan = plan_of(options_.seed, connection, options_.mean_bytes);
      bytes_ += plan.up_bytes + plan.down_bytes;
      failed(connection, run_client(std::move(socket), options_.seed, connection, plan));
    }
  }

  void accept_all() {
    std::vector<std::thread> nodes;
    for (;;) {
      base::UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) break;
      nodes.emplace_back([this, fd = std::move(socket)]() mutable {
        Hello hello;
        if (!read_hello(fd.get(), hello)) return;  // a health check
        count_node_end();
        const Plan plan = plan_of(options_.seed, hello.connection, options_.mean_bytes);
        failed(hello.connection, run_node(std::move(fd), options_.seed, hello.connection, plan));
      });
    }
    for (std::thread& node : nodes) node.join();
  }

  void count_node_end() {
    const std::lock_guard lock(mutex_);
    ++node_ends_;
    arrived_.notify_one();
  }

  // A client that resets is through before its connection has reached the node, and what waits in
  // the listener's queue ends with the listener.
  void wait_for_node_ends() {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::seconds(20),
                      [this] { return node_ends_ >= options_.connections; });
  }

  void failed(std::uint64_t connection, const std::string& wrong) {
    if (wrong.empty()) return;
    const std::lock_guard lock(mutex_);
    if (failures_++ < 20) {
      const Plan plan = plan_of(options_.seed, connection, options_.mean_bytes);
      std::fprintf(stderr, "connection %llu (%s, up %llu, down %llu, seed %llu): %s\n",
                   static_cast<unsigned long long>(connection),
                   std::string(to_string(plan.kind)).c_str(),
                   static_cast<unsigned long long>(plan.up_bytes),
                   static_cast<unsigned long long>(plan.down_bytes),
                   static_cast<unsigned long long>(options_.seed), wrong.c_str());
    }
  }

  void report() const {
    std::printf(
        "{\"connections\": %llu, \"node_ends\": %llu, \"bytes\": %llu, \"failures\": %llu}\n",
        static_cast<unsigned long long>(options_.connections),
        static_cast<unsigned long long>(node_ends_.load()),
        static_cast<unsigned long long>(bytes_.load()), static_cast<unsigned long long>(failures_));
  }

  const Options options_;
  base::UniqueFd listener_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> node_ends_{0};
  std::condition_variable arrived_;  // another of node_ends_
  std::mutex mutex_;
  std::uint64_t failures_ = 0;
};

}  // namespace
}  // namespace shunt::transfer

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(
        stderr,
        "usage: shunt_transfer PROXY_PORT NODE_PORT CONNECTIONS MEAN_BYTES PARALLEL SEED\n");
    return 2;
  }
  const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  shunt::transfer::Transfer transfer({static_cast<std::uint16_t>(number(1)),
                                      static_cast<std::uint16_t>(number(2)), number(3), number(4),
                                      number(5), number(6)});
  if (!transfer.listen()) {
    std::perror("shunt_transfer: listen");
    return 1;
  }
  std::puts("listening");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 2;
  return transfer.run();
}
