// The event stream of a connection. What the client has not taken waits in two strings: the one
// that is being written and, bounded, the one behind it.
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <iterator>

#include "src/admin/connection.hpp"
#include "src/admin/request_fields.hpp"

namespace shunt::admin {

namespace asio = boost::asio;

void Connection::start_stream(std::optional<std::string_view> last_event_id) {
  if (host_.events().full(door_.over_tcp)) {
    return answer(problem(ProblemKind::kBusy, "as many event streams as may are open; try again"));
  }
  std::optional<std::uint64_t> last_seen;
  if (last_event_id) {
    last_seen = read_event_id(*last_event_id);
    if (!last_seen) {
      return answer(
          problem(ProblemKind::kBadRequest, "Last-Event-ID is the id of an event, a whole number"));
    }
  }
  if (!request_.query.empty()) {
    return answer(problem(ProblemKind::kBadRequest,
                          "an event stream takes no query; resume it with Last-Event-ID"));
  }
  chunked_ = parser_->get().version() == 11;
  state_ = State::kStreaming;
  discarded_ = 0;
  set_deadline(host_.limits().stream_heartbeat);
  queued_ = head_of_stream(kEventStream, chunked_);
  // A comment, so that a client sees at once that it is connected; then what it missed.
  append_stream(": shunt events\n\n" + host_.events().join(*this, door_.over_tcp, last_seen));
  flush_stream();
  if (state_ == State::kStreaming) read();  // to see it go
}

void Connection::on_event_frames(std::string_view frames) {
  if (stream_ending_) return;
  if (queued_.size() + frames.size() > host_.limits().subscriber_bytes) return close();
  append_stream(frames);
  flush_stream();
}

void Connection::append_stream(std::string_view data) {
  if (!chunked_) {
    queued_ += data;
    return;
  }
  char size[16];
  queued_.append(size, std::to_chars(std::begin(size), std::end(size), data.size(), 16).ptr);
  queued_ += "\r\n";
  queued_ += data;
  queued_ += "\r\n";
}

void Connection::flush_stream() {
  while (!stream_writing_ && !queued_.empty()) {
    body_.clear();
    body_.swap(queued_);
    Code error;
    const std::size_t written = socket_.write_some(asio::buffer(body_), error);
    if (error && error != asio::error::would_block) return close();
    if (written == body_.size()) continue;
    stream_writing_ = true;
    asio::async_write(socket_, asio::buffer(body_) + written,
                      [self = shared_from_this()](const Code& failed, std::size_t) {
                        self->on_stream_written(failed);
                      });
  }
  if (!stream_writing_ && stream_ending_) close();
}

void Connection::on_stream_written(const Code& error) {
  if (state_ != State::kStreaming) return;
  if (error) return close();
  stream_writing_ = false;
  stream_stuck_ = false;
  flush_stream();
}

// Now and then a comment line: whoever is gone without a word is found by it, and whoever has not
// taken a write since the last one is dropped.
void Connection::beat() {
  if (stream_writing_ && stream_stuck_) return close();
  stream_stuck_ = stream_writing_;
  set_deadline(host_.limits().stream_heartbeat);
  if (stream_writing_) return;
  append_stream(":\n\n");
  flush_stream();
}

void Connection::end_stream() {
  if (stream_ending_) return;
  stream_ending_ = true;
  host_.events().leave(*this);
  if (chunked_) queued_ += "0\r\n\r\n";
  flush_stream();
}

}  // namespace shunt::admin
