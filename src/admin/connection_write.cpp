#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "src/admin/connection.hpp"

namespace shunt::admin {
namespace {

namespace asio = boost::asio;

// How long a client may go on sending a request that was refused. Closing at once would reset the
// connection and could take the answer away before it is read (RFC 9112 section 9.6).
constexpr base::Duration kLingerTime = base::kSecond;

}  // namespace

void Connection::turn_away() {
  turned_away_ = true;
  request_.unframed = true;  // whatever it sends is not read as a request
  keep_alive_ = false;
  write(problem(ProblemKind::kBusy, "as many clients as may are connected; try again"));
}

void Connection::answer(Answer answer) {
  if (state_ != State::kAnswering) return;  // dropped meanwhile; what was done stays done
  write(std::move(answer));
}

void Connection::write(Answer answer) {
  state_ = State::kWriting;
  deadline_ = 0;
  keep_alive_ = keep_alive_ && !host_.stopping();
  head_ = head_of(answer, keep_alive_);
  body_ = request_.head_only ? std::string() : std::move(answer.body);

  // Usually the socket takes it all here and now.
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head_), asio::buffer(body_)};
  Code error;
  const std::size_t written = socket_.write_some(buffers, error);
  if (error && error != asio::error::would_block) return close();
  if (written == head_.size() + body_.size()) return on_written();
  write_rest(written);
}

void Connection::write_rest(std::size_t written) {
  set_deadline(host_.limits().write_time);
  const std::size_t of_head = std::min(written, head_.size());
  const std::array<asio::const_buffer, 2> rest{asio::buffer(head_) + of_head,
                                               asio::buffer(body_) + (written - of_head)};
  // Each turn of the loop writes what the socket takes, so that a large answer holds up nobody.
  asio::async_write(socket_, rest, [self = shared_from_this()](const Code& error, std::size_t) {
    if (self->state_ != State::kWriting) return;
    if (error) return self->close();
    self->on_written();
  });
}

void Connection::on_written() {
  if (request_.unframed) return linger();
  if (!keep_alive_) return close();
  if (host_.stopping()) return close();
  state_ = State::kIdle;
  served_at_ = base::monotonic_now();
  set_deadline(host_.limits().idle_time);
  if (buffer_.size() == 0) return read();
  // The next request is here already. It takes its turn behind other clients.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->state_ == State::kIdle) self->parse();
  });
}

void Connection::linger() {
  Code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  state_ = State::kLingering;
  set_deadline(kLingerTime);
  buffer_.consume(buffer_.size());
  discarded_ = 0;
  read();
}

}  // namespace shunt::admin
