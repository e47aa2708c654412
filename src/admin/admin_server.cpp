#include "shunt/admin/admin_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "src/admin/connection.hpp"
#include "src/admin/listen_socket.hpp"
#include "src/admin/peer.hpp"
#include "src/admin/tcp_turns.hpp"

namespace shunt::admin {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<Connection::Protocol, Connection::Executor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Connection::Executor>;

// Connections over the limit that may be told so before they are closed; beyond, they are just
// closed.
constexpr std::size_t kTurnedAwayMax = 16;
// Deadlines are looked at together, so late by at most this.
constexpr base::Duration kDeadlineSlack = 20 * base::kMillisecond;
// When descriptors have run out, accepting again at once would only spin.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

struct Listener {
  Listener(asio::io_context& io, Door own_door, std::uint32_t most)
      : door(std::move(own_door)), connections_max(most), acceptor(io), pause(io) {}

  const Door door;
  const std::uint32_t connections_max;
  Acceptor acceptor;
  Timer pause;
};

// base::Instant is CLOCK_MONOTONIC in nanoseconds, which is what steady_clock counts on Linux.
std::chrono::steady_clock::time_point to_time_point(base::Instant instant) {
  return std::chrono::steady_clock::time_point(
      std::chrono::nanoseconds(static_cast<std::int64_t>(instant)));
}

}  // namespace

class AdminServer::Core final : public ConnectionHost, public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& io, control::AdminConfig config, EventFeed& events,
       std::function<std::string()> scrape, const AdminLimits& limits)
      : io_(io),
        config_(std::move(config)),
        limits_(limits),
        api_(events, std::move(scrape)),
        events_(events, limits.subscribers, limits.http_subscribers),
        control_turns_(std::make_shared<TcpTurns>(io, TcpTurns::Options{})),
        worker_turns_(std::make_shared<TcpTurns>(io, TcpTurns::Options{})),
        deadline_timer_(io),
        stop_timer_(io) {}

  base::Status listen();
  void stop(std::function<void()> stopped);
  void shut();
  [[nodiscard]] std::optional<base::Endpoint> http_endpoint() const { return http_endpoint_; }

  [[nodiscard]] const AdminLimits& limits() const noexcept override { return limits_; }
  [[nodiscard]] Api& api() noexcept override { return api_; }
  [[nodiscard]] EventHub& events() noexcept override { return events_; }
  [[nodiscard]] TcpTurns& tcp_turns(Turn turn) noexcept override {
    return turn == Turn::kWorkers ? *worker_turns_ : *control_turns_;
  }
  [[nodiscard]] bool stopping() const noexcept override { return stopping_; }
  void wake_at(base::Instant deadline) override;
  void closed(Connection& connection) override;

 private:
  base::Status add_listener(base::UniqueFd fd, int family, Door door,
                            std::uint32_t connections_max);
  void accept(Listener& listener);
  void on_accept(Listener& listener, const Code& error, Connection::Socket socket);
  bool make_room(const Listener& listener);
  void admit(const Listener& listener, Connection::Socket socket);
  void close_listeners();
  void close_connections();
  void on_deadline_timer();
  void finish_stop();

  asio::io_context& io_;
  const control::AdminConfig config_;
  const AdminLimits limits_;
  Api api_;
  EventHub events_;
  const std::shared_ptr<TcpTurns> control_turns_;
  const std::shared_ptr<TcpTurns> worker_turns_;
  UnixListener unix_;
  std::optional<base::Endpoint> http_endpoint_;
  // Connections refer to their listener's door: listeners stay until the end, their sockets do not.
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::shared_ptr<Connection>> connections_;
  Timer deadline_timer_;
  base::Instant timer_at_ = 0;  // when deadline_timer_ fires; 0: it is not armed
  Timer stop_timer_;
  std::function<void()> stopped_;
  bool stopping_ = false;
};

base::Status AdminServer::Core::listen() {
  auto unix_listener = UnixListener::open(config_.socket, config_.socket_mode);
  if (!unix_listener) return tl::unexpected(unix_listener.error());
  base::UniqueFd tcp;
  if (config_.http) {
    auto opened = open_tcp_listener(*config_.http);
    if (!opened) return tl::unexpected(opened.error());
    tcp = std::move(*opened);
  }

  unix_ = std::move(*unix_listener);
  base::Status status = add_listener(unix_.take_fd(), AF_UNIX, Door{}, limits_.connections);
  if (status && tcp) {
    const base::Endpoint bound = local_address(tcp.get());
    Door door;
    door.over_tcp = true;
    door.host = bound.family() == AF_INET6 ? "[" + bound.host() + "]" : bound.host();
    door.port = bound.port();
    http_endpoint_ = bound;
    status =
        add_listener(std::move(tcp), bound.family(), std::move(door), limits_.http_connections);
  }
  if (!status) {
    close_listeners();
    return status;
  }
  for (const auto& listener : listeners_) accept(*listener);
  return {};
}

base::Status AdminServer::Core::add_listener(base::UniqueFd fd, int family, Door door,
                                             std::uint32_t connections_max) {
  auto listener = std::make_unique<Listener>(io_, std::move(door), connections_max);
  Code error;
  listener->acceptor.assign(Connection::Protocol(family, 0), fd.get(), error);
  if (error) {
    return base::fail(base::ErrorCode::kIo, "cannot watch the admin socket: " + error.message());
  }
  static_cast<void>(fd.release());  // the acceptor's now
  listeners_.push_back(std::move(listener));
  return {};
}

void AdminServer::Core::accept(Listener& listener) {
  listener.acceptor.async_accept(
      io_, [self = shared_from_this(), &listener](const Code& error, Connection::Socket socket) {
        self->on_accept(listener, error, std::move(socket));
      });
}

void AdminServer::Core::on_accept(Listener& listener, const Code& error,
                                  Connection::Socket socket) {
  if (!listener.acceptor.is_open()) return;
  if (!error) {
    admit(listener, std::move(socket));
    return accept(listener);
  }
  if (error == asio::error::connection_aborted)
    return accept(listener);  // gone before it was accepted
  listener.pause.expires_after(kAcceptPause);
  listener.pause.async_wait([self = shared_from_this(), &listener](const Code& cancelled) {
    if (!cancelled && listener.acceptor.is_open()) self->accept(listener);
  });
}

void AdminServer::Core::admit(const Listener& listener, Connection::Socket socket) {
  const auto through = static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& connection) { return &connection->door() == &listener.door; }));
  if (through >= listener.connections_max + kTurnedAwayMax) return;  // closes it

  const int fd = socket.native_handle();
  std::string actor;
  if (listener.door.over_tcp) {
    // Answers are one small write each; waiting to merge them would cost up to 40 ms.
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  } else {
    actor = actor_of(fd);
  }
  const auto connection =
      std::make_shared<Connection>(*this, listener.door, std::move(socket), std::move(actor));
  const bool room = through < listener.connections_max || make_room(listener);
  connections_.push_back(connection);
  if (room) {
    connection->start();
  } else {
    connection->turn_away();
  }
}

// Whoever asks must not be kept out by those that only hold a place: a rollback has to get in.
bool AdminServer::Core::make_room(const Listener& listener) {
  std::shared_ptr<Connection> longest;
  for (const auto& connection : connections_) {
    if (&connection->door() != &listener.door || !connection->only_holds_a_place()) continue;
    if (!longest || connection->served_at() < longest->served_at()) longest = connection;
  }
  if (longest) longest->close();
  return longest != nullptr;
}

void AdminServer::Core::wake_at(base::Instant deadline) {
  if (timer_at_ != 0 && timer_at_ <= deadline + kDeadlineSlack) return;
  timer_at_ = deadline + kDeadlineSlack;
  deadline_timer_.expires_at(to_time_point(timer_at_));
  deadline_timer_.async_wait([self = shared_from_this()](const Code& cancelled) {
    if (!cancelled) self->on_deadline_timer();
  });
}

void AdminServer::Core::on_deadline_timer() {
  timer_at_ = 0;
  const base::Instant now = base::monotonic_now();
  const auto snapshot = connections_;  // on_time closes some
  for (const auto& connection : snapshot) connection->on_time(now);
  for (const auto& connection : connections_) {
    if (connection->deadline() != 0) wake_at(connection->deadline());
  }
}

void AdminServer::Core::closed(Connection& connection) {
  std::erase_if(connections_, [&](const auto& kept) { return kept.get() == &connection; });
  if (stopping_ && connections_.empty()) finish_stop();
}

void AdminServer::Core::stop(std::function<void()> stopped) {
  stopping_ = true;
  stopped_ = std::move(stopped);
  close_listeners();
  for (const auto& turns : {control_turns_, worker_turns_}) turns->hurry();
  const auto snapshot = connections_;
  for (const auto& connection : snapshot) connection->stop();
  if (connections_.empty()) return finish_stop();
  stop_timer_.expires_after(std::chrono::nanoseconds(limits_.stop_time));
  stop_timer_.async_wait([self = shared_from_this()](const Code& cancelled) {
    if (!cancelled) self->close_connections();
  });
}

void AdminServer::Core::finish_stop() {
  stop_timer_.cancel();
  deadline_timer_.cancel();
  events_.close();
  if (stopped_) asio::post(io_, std::exchange(stopped_, nullptr));
}

void AdminServer::Core::shut() {
  stopped_ = nullptr;
  for (const auto& turns : {control_turns_, worker_turns_}) turns->shut();
  close_listeners();
  close_connections();
  stop_timer_.cancel();
  deadline_timer_.cancel();
  events_.close();
  api_.attach(nullptr);
}

void AdminServer::Core::close_listeners() {
  for (const auto& listener : listeners_) {
    Code ignored;
    listener->acceptor.close(ignored);
    listener->pause.cancel();
  }
  unix_.remove_file();
}

void AdminServer::Core::close_connections() {
  const auto snapshot = connections_;
  for (const auto& connection : snapshot) connection->close();
}

AdminServer::AdminServer(asio::io_context& io, control::AdminConfig config, EventFeed& events,
                         std::function<std::string()> scrape, AdminLimits limits)
    : core_(std::make_shared<Core>(io, std::move(config), events, std::move(scrape), limits)) {}

AdminServer::~AdminServer() {
  core_->shut();
}

base::Status AdminServer::listen() {
  return core_->listen();
}

void AdminServer::attach(control::Controller* controller) {
  core_->api().attach(controller);
}

void AdminServer::stop(std::function<void()> stopped) {
  core_->stop(std::move(stopped));
}

std::optional<base::Endpoint> AdminServer::http_endpoint() const {
  return core_->http_endpoint();
}

}  // namespace shunt::admin
