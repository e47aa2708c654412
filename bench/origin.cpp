// An HTTP/1.1 keep-alive origin that answers every request with its colour and name:
//   bench_origin --listen 127.0.0.1:8081 --color blue --name blue1
// Prints "ready ADDRESS" once it listens; ends on SIGTERM or SIGINT.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bench/net.hpp"

namespace shunt::bench {
namespace {

struct Client {
  UniqueFd fd;
  std::string unread;  // the beginning of a request whose end has not come
  std::string unsent;
  bool closing = false;  // close once unsent is empty
};

constexpr std::size_t kRequestBytesMax = 64 * 1024;

// One thread: its own listeners (SO_REUSEPORT) and its own clients.
class Origin {
 public:
  Origin(std::vector<UniqueFd> listeners, const std::string& color, const std::string& name)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), listeners_(std::move(listeners)) {
    const std::string body = color + " " + name + "\n";
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Color: " + color +
                             "\r\nX-Node: " + name +
                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    answer_ = head + "\r\n" + body;
    last_answer_ = head + "Connection: close\r\n\r\n" + body;
    for (const UniqueFd& listener : listeners_) watch(EPOLL_CTL_ADD, listener.get(), EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t what) const {
    epoll_event event{.events = what, .data = {.fd = fd}};
    ::epoll_ctl(epoll_.get(), operation, fd, &event);
  }

  void handle(const epoll_event& event) {
    const int fd = event.data.fd;
    const auto found = clients_.find(fd);
    if (found == clients_.end()) {
      accept_all(fd);
    } else if (!progress(found->second, (event.events & ~EPOLLOUT) != 0)) {
      clients_.erase(found);
    }
  }

  void accept_all(int listener) {
    for (;;) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      clients_.insert_or_assign(fd, Client{.fd = UniqueFd(fd), .unread = {}, .unsent = {}});
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  // False when the client is done with.
  bool progress(Client& client, bool readable) {
    if (readable && !client.closing && !receive(client)) return false;
    if (!client.unsent.empty() && !flush(client)) return false;
    return !(client.closing && client.unsent.empty());
  }

  bool receive(Client& client) {
    std::array<char, 16 * 1024> chunk;
    const auto count = ::recv(client.fd.get(), chunk.data(), chunk.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    client.unread.append(chunk.data(), static_cast<std::size_t>(count));
    for (std::size_t end; (end = client.unread.find("\r\n\r\n")) != std::string::npos;) {
      const std::string_view head(client.unread.data(), end);
      client.closing = head.find("HTTP/1.0") != std::string_view::npos ||
                       head.find("onnection: close") != std::string_view::npos;
      client.unsent += client.closing ? last_answer_ : answer_;
      client.unread.erase(0, end + 4);
    }
    return client.unread.size() <= kRequestBytesMax;
  }

  bool flush(Client& client) {
    const auto sent =
        ::send(client.fd.get(), client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) client.unsent.erase(0, static_cast<std::size_t>(sent));
    watch(EPOLL_CTL_MOD, client.fd.get(), client.unsent.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
    return true;
  }

  UniqueFd epoll_;
  std::vector<UniqueFd> listeners_;
  std::string answer_;
  std::string last_answer_;  // says that the connection ends after it
  std::unordered_map<int, Client> clients_;
};

int run(int argc, char** argv) {
  CLI::App app("HTTP/1.1 origin that answers with its colour and name");
  std::vector<std::string> listen{"127.0.0.1:0"};
  std::string color = "blue";
  std::string name;
  int threads = 1;
  app.add_option("--listen", listen,
                 "addresses: 127.0.0.1:8081, [::1]:8081, unix:/path; port 0 is any");
  app.add_option("--color", color, "what it answers, in the body and as X-Color");
  app.add_option("--name", name,
                 "its name, in the body and as X-Node (default: the first address)");
  app.add_option("--threads", threads, "threads, each with its own listeners")
      ->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);

  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  ::sigaddset(&ending, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  std::vector<std::vector<UniqueFd>> listeners(static_cast<std::size_t>(threads));
  std::string addresses;
  for (const std::string& text : listen) {
    listeners[0].push_back(listen_on(endpoint(text)));
    const Endpoint bound = local_address(listeners[0].back().get());
    addresses += " " + bound.to_string();
    for (std::size_t i = 1; i < listeners.size() && !bound.is_unix(); ++i) {
      listeners[i].push_back(listen_on(bound));
    }
  }
  if (name.empty()) name = addresses.substr(1, addresses.find(' ', 1) - 1);
  for (auto& own : listeners) {
    std::thread([&own, color, name] { Origin(std::move(own), color, name).run(); }).detach();
  }
  std::printf("ready%s\n", addresses.c_str());
  std::fflush(stdout);

  int signal = 0;
  ::sigwait(&ending, &signal);
  for (const std::string& text : listen) {
    if (text.starts_with("unix:")) ::unlink(text.c_str() + 5);
  }
  std::_Exit(0);
}

}  // namespace
}  // namespace shunt::bench

int main(int argc, char** argv) {
  try {
    return shunt::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_origin: %s\n", error.what());
    return 1;
  }
}
