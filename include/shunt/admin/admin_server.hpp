// AdminServer: the admin HTTP API (docs/admin-api.md) on a Unix socket and, where configured,
// read-only on loopback TCP. It lives on the control thread: every call and every callback is made
// there, nothing is thread-safe, and nothing blocks after listen().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/base/result.hpp"
#include "shunt/control/config.hpp"
#include "shunt/control/controller.hpp"
#include "shunt/control/event.hpp"

namespace boost::asio {
class io_context;
}

namespace shunt::admin {

// What the server needs of the event log.
class EventFeed {
 public:
  virtual ~EventFeed() = default;
  // Kept events with a greater id, oldest first, at most `max`.
  [[nodiscard]] virtual std::vector<control::Event> after(std::uint64_t id,
                                                          std::size_t max) const = 0;
  // Calls `each` for every event published from now on, on the control thread.
  [[nodiscard]] virtual int subscribe(std::function<void(const control::Event&)> each) = 0;
  virtual void unsubscribe(int subscription) = 0;
};

// Any log with these three functions as a feed. The log must outlive it.
template <class Log>
class EventFeedOf final : public EventFeed {
 public:
  explicit EventFeedOf(Log& log) : log_(log) {}
  [[nodiscard]] std::vector<control::Event> after(std::uint64_t id,
                                                  std::size_t max) const override {
    return log_.after(id, max);
  }
  [[nodiscard]] int subscribe(std::function<void(const control::Event&)> each) override {
    return log_.subscribe(std::move(each));
  }
  void unsubscribe(int subscription) override { log_.unsubscribe(subscription); }

 private:
  Log& log_;
};

// Bounds of what clients may take. At a limit the newest client is refused with a named problem and
// the others go on.
struct AdminLimits {
  std::size_t header_bytes = base::kAdminHeaderBytesMax;   // 431
  std::size_t body_bytes = base::kAdminBodyBytesMax;       // 413
  std::uint32_t connections = base::kAdminConnectionsMax;  // on the Unix socket; 503
  // Loopback TCP is open to every local user, so its clients have places of their own.
  std::uint32_t http_connections = base::kAdminConnectionsMax / 2;
  // Event streams, by the same rule: followers over TCP must not keep the operator from following.
  std::uint32_t subscribers = base::kAdminSubscribersMax;       // on the Unix socket; 503
  std::uint32_t http_subscribers = base::kAdminSubscribersMax;  // over TCP; 503
  std::size_t subscriber_bytes =
      std::size_t{256} * 1024;                     // unread by one stream; then it is dropped
  base::Duration header_time = 5 * base::kSecond;  // from the connection, or the first byte; 408
  base::Duration body_time = 10 * base::kSecond;   // 408
  base::Duration write_time = 30 * base::kSecond;  // one answer; then the connection is dropped
  base::Duration idle_time = 60 * base::kSecond;   // between requests; then it is closed
  base::Duration stream_heartbeat = 15 * base::kSecond;  // comment lines that find dead followers
  base::Duration stop_time = 2 * base::kSecond;  // for answers under way when the server stops
};

class AdminServer {
 public:
  // io: the control thread's; it must outlive the server. `events` must outlive the server.
  // `scrape` gives the Prometheus text and may be empty (then /metrics says 503).
  AdminServer(boost::asio::io_context& io, control::AdminConfig config, EventFeed& events,
              std::function<std::string()> scrape, AdminLimits limits = {});
  ~AdminServer();  // drops what is still connected
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Opens the sockets and begins to answer. Until a controller is attached, /live says 200, /ready
  // says 503 "starting", and whatever needs the controller is refused with 503.
  // Errors: a live process on the socket (kConflict), something else at its path, no directory, no
  // permission, an address that is in use or not loopback. Nothing stays open after an error.
  [[nodiscard]] base::Status listen();

  // The controller must outlive the server, or be detached (nullptr) first. Commands under way when
  // it is detached may still call back; their answers are then sent as usual.
  void attach(control::Controller* controller);

  // Takes no more connections, removes the socket's file, ends event streams, lets answers under
  // way finish for at most limits.stop_time, then calls `stopped` once (never before stop returns).
  void stop(std::function<void()> stopped);

  // Where the TCP listener is, with the real port where 0 was asked for; empty without one.
  [[nodiscard]] std::optional<base::Endpoint> http_endpoint() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace shunt::admin
