#include "src/admin/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>

#include "src/admin/request_fields.hpp"

namespace shunt::admin {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// One read takes a usual request whole.
constexpr std::size_t kReadBytes = 4096;
// What may wait unparsed: a header, or the framing of a chunk.
constexpr std::size_t kUnparsedSlack = 2 * kReadBytes;
// What a client may send that nobody wants: the rest of a refused request, or into an event stream.
constexpr std::size_t kDiscardedBytesMax = std::size_t{1024} * 1024;

// Does the first line end without a carriage return? The parser takes that for a bad version.
bool is_bare_line_feed(asio::const_buffer unparsed) {
  const std::string_view text(static_cast<const char*>(unparsed.data()), unparsed.size());
  const std::size_t end = text.find('\n');
  return end != std::string_view::npos && (end == 0 || text[end - 1] != '\r');
}

}  // namespace

Connection::Connection(ConnectionHost& host, const Door& door, Socket socket, std::string actor)
    : host_(host),
      door_(door),
      actor_(std::move(actor)),
      socket_(std::move(socket)),
      buffer_(host.limits().header_bytes + kUnparsedSlack) {
  Code ignored;
  socket_.non_blocking(true, ignored);
}

void Connection::start() {
  set_deadline(host_.limits().header_time);
  read();
}

void Connection::stop() {
  if (state_ == State::kIdle) close();
  if (state_ == State::kStreaming) end_stream();
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kStreaming) host_.events().leave(*this);
  state_ = State::kClosed;
  deadline_ = 0;
  Code ignored;
  socket_.close(ignored);
  host_.closed(*this);
}

// Deadlines are plain numbers that the server looks at from time to time: a request that arrives
// whole re-arms no timer.
void Connection::set_deadline(base::Duration from_now) {
  deadline_ = base::monotonic_now() + from_now;
  host_.wake_at(deadline_);
}

void Connection::on_time(base::Instant now) {
  if (deadline_ == 0 || deadline_ > now) return;
  switch (state_) {
    case State::kHeader:
      return refuse(problem(ProblemKind::kTimeout, "the request's header did not arrive in time"));
    case State::kBody:
      return refuse(problem(ProblemKind::kTimeout, "the request's body did not arrive in time"));
    case State::kStreaming:
      return beat();
    case State::kIdle:
    case State::kWriting:
    case State::kLingering:
      return close();
    case State::kAnswering:
    case State::kClosed:
      return;
  }
}

// There is at most one read under way; it may outlive the state in which it began.
void Connection::read() {
  if (reading_) return;
  reading_ = true;
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](const Code& error, std::size_t bytes) {
                            self->reading_ = false;
                            self->on_read(error, bytes);
                          });
}

void Connection::on_read(const Code& error, std::size_t bytes) {
  switch (state_) {
    case State::kIdle:
    case State::kHeader:
    case State::kBody:
      if (error) return error == asio::error::eof ? on_cut() : close();
      buffer_.commit(bytes);
      request_bytes_ += bytes;
      return parse();
    case State::kStreaming:
    case State::kLingering:
      discarded_ += bytes;
      if (error || discarded_ > kDiscardedBytesMax) return close();
      return read();
    case State::kAnswering:
    case State::kWriting:
    case State::kClosed:
      return;  // late bytes of a request that was refused meanwhile
  }
}

void Connection::parse() {
  if (state_ == State::kIdle) {
    if (!skip_empty_lines()) return read();  // still idle: that is no request
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(host_.limits().header_bytes));
    parser_->body_limit(host_.limits().body_bytes);
    state_ = State::kHeader;
    request_ = {};
    request_bytes_ = buffer_.size();
    deadline_ = 0;
  }
  if (state_ == State::kHeader && !parse_header()) return;
  if (state_ == State::kBody && parse_body()) call();
}

// In the body the parser takes nothing out of an empty buffer without saying that it needs more.
Connection::Code Connection::feed_parser() {
  if (buffer_.size() == 0) return http::make_error_code(http::error::need_more);
  Code error;
  const std::size_t used = parser_->put(buffer_.data(), error);
  buffer_.consume(used);
  if (!error && used == 0 && !parser_->is_done() && state_ == State::kBody) {
    return http::make_error_code(http::error::need_more);
  }
  return error;
}

// RFC 9112 section 2.2: empty lines before a request are ignored, such as an old client sends after
// a body. Returns whether anything else is there. Its deadline bounds how long it may go on.
bool Connection::skip_empty_lines() {
  while (buffer_.size() != 0) {
    const auto* const bytes = static_cast<const char*>(buffer_.data().data());
    if (bytes[0] != '\r') return true;
    if (buffer_.size() == 1) return false;
    if (bytes[1] != '\n') return true;
    buffer_.consume(2);
  }
  return false;
}

// Both return whether the request goes on.
bool Connection::parse_header() {
  while (!parser_->is_header_done()) {
    const Code error = feed_parser();
    if (error == http::error::need_more) return need_more(host_.limits().header_time), false;
    if (error) return on_parse_error(error), false;
  }
  request_ = judge(*parser_, door_);
  if (request_.answer) return refuse(std::move(*request_.answer)), false;
  state_ = State::kBody;
  deadline_ = 0;
  parser_->eager(true);
  return true;
}

bool Connection::parse_body() {
  const AdminLimits& limits = host_.limits();
  // Many small chunks cost far more bytes than they carry; the body limit alone does not bound
  // them.
  const std::size_t bytes_max = limits.header_bytes + 4 * limits.body_bytes;
  while (!parser_->is_done()) {
    const Code error = feed_parser();
    if (error == http::error::need_more) {
      if (request_bytes_ > bytes_max) {
        return on_parse_error(http::make_error_code(http::error::body_limit)), false;
      }
      if (request_.wants_continue && !say_continue()) return close(), false;
      return need_more(limits.body_time), false;
    }
    if (error) return on_parse_error(error), false;
  }
  return true;
}

void Connection::need_more(base::Duration time) {
  if (buffer_.size() + kReadBytes > buffer_.max_size()) {
    return on_parse_error(http::make_error_code(http::error::buffer_overflow));
  }
  if (deadline_ == 0) set_deadline(time);
  read();
}

bool Connection::say_continue() {
  request_.wants_continue = false;
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  Code error;
  const std::size_t sent = socket_.write_some(asio::buffer(kContinue), error);
  return !error && sent == kContinue.size();
}

void Connection::on_cut() {
  if (state_ == State::kIdle) return close();
  refuse(problem(ProblemKind::kBadRequest,
                 "the request was cut short after " + std::to_string(request_bytes_) + " bytes"));
}

void Connection::on_parse_error(const Code& error) {
  request_.unframed = true;
  if (state_ == State::kHeader && is_bare_line_feed(buffer_.data())) {
    return refuse(problem(ProblemKind::kBadRequest,
                          "a line ends with a line feed alone; HTTP/1.1 wants CR LF"));
  }
  refuse(answer_to_parse_error(error, host_.limits().header_bytes, host_.limits().body_bytes));
}

// Answers before the request was read whole; what is left of it cannot be told from the next one.
void Connection::refuse(Answer answer) {
  request_.unframed = request_.unframed || !parser_->is_done();
  keep_alive_ = !request_.unframed && parser_->keep_alive();
  write(std::move(answer));
}

void Connection::call() {
  keep_alive_ = parser_->keep_alive();
  state_ = State::kAnswering;
  deadline_ = 0;
  if (request_.wants_stream) return start_stream(header(*parser_, "Last-Event-ID"));

  if (door_.over_tcp && request_.route->turn != Turn::kNone) return call_in_turn();
  ApiCall call;
  call.route = request_.route;
  call.app = std::move(request_.app);
  call.query = std::move(request_.query);
  call.idempotency_key = header(*parser_, "Idempotency-Key");
  call.if_match = header(*parser_, http::field::if_match);
  call.body = parser_->get().body();
  call.actor = actor_;
  host_.api().handle(
      call, [self = shared_from_this()](Answer answer) { self->answer(std::move(answer)); });
}

void Connection::call_in_turn() {
  const auto target = parser_->get().target();
  ApiCall call;  // without what it would only view: this outlives the request
  call.route = request_.route;
  call.app = std::move(request_.app);
  call.query = std::move(request_.query);
  TcpTurns& turns = host_.tcp_turns(request_.route->turn);
  turns.ask(
      {target.data(), target.size()},
      [&api = host_.api(), call = std::move(call)](Api::Done done) {
        api.handle(call, std::move(done));
      },
      [self = shared_from_this()](Answer answer) { self->answer(std::move(answer)); });
}

}  // namespace shunt::admin
