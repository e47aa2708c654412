// Connection: one admin client, from accept to close. It reads a request, has it judged and
// answered, writes the answer, and begins again; at any time at most one request is under way, and
// nothing more is read meanwhile.
//
//   idle ──bytes──► header ──complete──► body ──complete──► answering ──► writing ──► idle
//                     │ fault, late, cut   │                  │               └─────► lingering
//                     └────────────────────┴──► writing       └──► streaming ───────► lingering
//   lingering ──client closed, or late──► closed;  any ──socket error, server ends──► closed
//
// The way from the last byte of a request to Api::handle, and from its answer to the socket, is
// made of plain calls: no hop through the event loop, one read and one write system call.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shunt/admin/admin_server.hpp"
#include "shunt/base/clock.hpp"
#include "src/admin/answer.hpp"
#include "src/admin/api.hpp"
#include "src/admin/event_hub.hpp"
#include "src/admin/guard.hpp"
#include "src/admin/request.hpp"
#include "src/admin/routes.hpp"
#include "src/admin/tcp_turns.hpp"

namespace shunt::admin {

class Connection;

// The server, as its connections see it. It outlives every connection that is not closed.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  [[nodiscard]] virtual const AdminLimits& limits() const noexcept = 0;
  [[nodiscard]] virtual Api& api() noexcept = 0;
  [[nodiscard]] virtual EventHub& events() noexcept = 0;
  // Not for Turn::kNone.
  [[nodiscard]] virtual TcpTurns& tcp_turns(Turn turn) noexcept = 0;
  [[nodiscard]] virtual bool stopping() const noexcept = 0;
  // Calls on_time() of the connections whose deadline has passed, at `deadline` or soon after.
  virtual void wake_at(base::Instant deadline) = 0;
  virtual void closed(Connection& connection) = 0;
};

class Connection final : public std::enable_shared_from_this<Connection>, private EventFollower {
 public:
  using Protocol = boost::asio::generic::stream_protocol;
  using Executor = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<Protocol, Executor>;

  // door: outlives the connection. actor: who the kernel says it is, may be empty.
  Connection(ConnectionHost& host, const Door& door, Socket socket, std::string actor);

  void start();
  // Says 503 and closes: there are too many clients.
  void turn_away();
  // The server stops: ends a stream or an idle connection; a request under way is answered first.
  void stop();
  // Drops it at once, whatever is under way.
  void close();

  // 0: none.
  [[nodiscard]] base::Instant deadline() const noexcept { return deadline_; }
  void on_time(base::Instant now);
  [[nodiscard]] const Door& door() const noexcept { return door_; }
  // Nothing is done for it now: it may have to make room for a client that asks.
  [[nodiscard]] bool only_holds_a_place() const noexcept {
    return state_ == State::kIdle || state_ == State::kHeader || state_ == State::kBody ||
           (state_ == State::kLingering && !turned_away_);
  }
  // When its latest request was complete or, before there was one, when it came: sending slowly
  // does not keep a place.
  [[nodiscard]] base::Instant served_at() const noexcept { return served_at_; }

 private:
  enum class State : std::uint8_t {
    kIdle,
    kHeader,
    kBody,
    kAnswering,
    kWriting,
    kStreaming,
    kLingering,
    kClosed,
  };
  using Code = boost::system::error_code;

  // Requests (connection.cpp).
  void set_deadline(base::Duration from_now);
  void read();
  void on_read(const Code& error, std::size_t bytes);
  void parse();
  [[nodiscard]] Code feed_parser();
  bool parse_header();
  bool parse_body();
  void need_more(base::Duration time);
  void on_cut();
  [[nodiscard]] bool skip_empty_lines();
  void on_parse_error(const Code& error);
  bool say_continue();
  void call();
  void call_in_turn();
  void refuse(Answer answer);

  // Answers (connection_write.cpp).
  void answer(Answer answer);
  void write(Answer answer);
  void write_rest(std::size_t written);
  void on_written();
  void linger();

  // Event streams (connection_stream.cpp).
  void start_stream(std::optional<std::string_view> last_event_id);
  void on_event_frames(std::string_view frames) override;
  void append_stream(std::string_view data);
  void flush_stream();
  void on_stream_written(const Code& error);
  void beat();
  void end_stream();

  ConnectionHost& host_;
  const Door& door_;
  const std::string actor_;
  Socket socket_;
  State state_ = State::kIdle;
  base::Instant deadline_ = 0;
  base::Instant served_at_ = base::monotonic_now();
  bool turned_away_ = false;

  // The request.
  boost::beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  JudgedRequest request_;
  std::size_t request_bytes_ = 0;  // read for it so far, framing included
  bool reading_ = false;
  bool keep_alive_ = true;
  std::size_t discarded_ = 0;  // bytes that nobody wanted

  // The answer. Of a stream, body_ is what is being written and queued_ what waits behind it.
  std::string head_;
  std::string body_;
  std::string queued_;
  bool chunked_ = false;
  bool stream_writing_ = false;
  bool stream_stuck_ = false;  // the same write was under way at the last heartbeat
  bool stream_ending_ = false;
};

}  // namespace shunt::admin
