#include "src/cli/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "shunt/base/check.hpp"
#include "src/cli/json.hpp"

namespace shunt::cli {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

// A listing of 10,000 connections is about 3 MB; a peer that sends without end is no daemon of
// ours.
constexpr std::uint64_t kBodyBytesMax = 64 * 1024 * 1024;
constexpr std::uint32_t kHeaderBytesMax = 64 * 1024;
// A daemon with too many clients is asked again: most of them are done within milliseconds.
constexpr base::Duration kBusyWithin = 2 * base::kSecond;
constexpr base::Duration kBusyPauseFirst = 20 * base::kMillisecond;
constexpr base::Duration kBusyPauseMax = 200 * base::kMillisecond;

std::string hint_for_connect(int error) {
  switch (error) {
    case ENOENT:
      return "is the daemon running (shunt serve)? another socket is named by --socket PATH or by "
             "the variable SHUNT_SOCKET";
    case ECONNREFUSED:
      return "the socket is there, but nobody listens: start the daemon with shunt serve";
    case EACCES:
    case EPERM:
      return "the socket's file permissions say who may use it: try as root, or join its group";
    case ENAMETOOLONG:
      return "a socket's path has at most 107 bytes";
    default:
      return {};
  }
}

std::string text_of(const Step& step, const char* closed, const char* timed_out) {
  switch (step.end) {
    case StepEnd::kOk:
      return {};
    case StepEnd::kClosed:
      return closed;
    case StepEnd::kTimedOut:
      return timed_out;
    case StepEnd::kInterrupted:
      return "interrupted";
    case StepEnd::kFailed:
      break;
  }
  // Not thread-safe by the standard; glibc's is since 2.32.
  return std::strerror(step.error);
}

std::string serialized(const Request& request) {
  std::string text = request.method + ' ' + request.target + " HTTP/1.1\r\nHost: localhost\r\n" +
                     "Connection: close\r\n";
  for (const auto& [name, value] : request.headers) {
    SHUNT_CHECK(value.find_first_of("\r\n") == std::string::npos);
    text += name + ": " + value + "\r\n";
  }
  if (request.method == "POST") {
    text +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(request.body.size()) +
        "\r\n";
  }
  return text + "\r\n" + request.body;
}

Failure no_answer(const Step& step) {
  return {.sent = true,
          .why = step.end,
          .message =
              "no answer: " + text_of(step, "the daemon closed the connection", "it took too long"),
          .hint = {}};
}

// A Unix socket that is closed with bytes in its queue resets its peer (unix(7): ECONNRESET), one
// whose bytes have been read ends it in an orderly way.
bool is_reset(const Step& step) {
  return step.end == StepEnd::kFailed && (step.error == EPIPE || step.error == ECONNRESET);
}

bool turned_away(const tl::expected<Response, Failure>& result) {
  if (!result) return result.error().turned_away;
  if (result->status != 503) return false;
  const auto problem = parse_object(result->body);
  return problem && raw_at(*problem, "kind") == "busy";
}

// Whether doing it twice is harmless.
bool is_repeatable(const Request& request) {
  return request.method == "GET" ||
         std::any_of(request.headers.begin(), request.headers.end(),
                     [](const auto& header) { return header.first == "Idempotency-Key"; });
}

Failure not_http(const boost::system::error_code& error) {
  return {.sent = true,
          .why = StepEnd::kFailed,
          .message = "the answer is not HTTP as it should be: " + error.message(),
          .hint = {}};
}

Response take(Parser& parser) {
  Response response;
  response.status = parser.get().result_int();
  response.content_type = std::string(parser.get()[http::field::content_type]);
  response.body = std::move(parser.get().body());
  return response;
}

// Reads into the parser; pieces of bytes that the parser could not use yet wait in `rest_`.
class Reader {
 public:
  Reader(UnixStream& stream, Parser& parser) : stream_(stream), parser_(parser) {}

  // Empty after one more portion has been parsed; kClosed where the peer's end ended the message.
  std::optional<Failure> advance(const Patience& patience) {
    std::array<char, 16 * 1024> buffer;
    const Step step = stream_.read_some(buffer, patience);
    boost::system::error_code error;
    if (step.end == StepEnd::kClosed && parser_.got_some()) {
      parser_.put_eof(error);
      if (error || !parser_.is_done()) return no_answer(step);
      return std::nullopt;
    }
    if (step.end != StepEnd::kOk) {
      Failure failure = no_answer(step);
      failure.turned_away = is_reset(step) && !parser_.got_some();
      return failure;
    }
    rest_.append(buffer.data(), step.bytes);
    while (!rest_.empty() && !parser_.is_done()) {
      const std::size_t used = parser_.put(boost::asio::buffer(rest_), error);
      rest_.erase(0, used);
      if (error == http::error::need_more) break;
      if (error) return not_http(error);
    }
    return std::nullopt;
  }

 private:
  UnixStream& stream_;
  Parser& parser_;
  std::string rest_;
};

}  // namespace

std::optional<Failure> Client::connect(UnixStream& stream, const Patience& patience) const {
  std::string tried;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const Step step = stream.connect(paths_[i], patience);
    if (step.end == StepEnd::kOk) return std::nullopt;
    const bool absent = step.end == StepEnd::kFailed && step.error == ENOENT;
    if (!absent) tried.clear();  // only this one counts
    tried += (tried.empty() ? "" : " and ") + paths_[i];
    if (absent && i + 1 < paths_.size()) continue;
    return Failure{.sent = false,
                   .why = step.end,
                   .message = "cannot connect to " + tried + ": " +
                              text_of(step, "closed", "it accepts nobody"),
                   .hint = hint_for_connect(step.error)};
  }
  SHUNT_CHECK(false);
  return std::nullopt;
}

std::optional<Failure> Client::send(UnixStream& stream, const Request& request,
                                    const Patience& patience) const {
  if (auto failure = connect(stream, patience)) return failure;
  Step step = stream.write_all(serialized(request), patience);
  // A peer that answers early (too busy, for one) and closes makes the write fail, but its answer
  // is there to be read; reading tells.
  if (step.end != StepEnd::kOk && !(is_reset(step) && step.bytes > 0)) {
    return Failure{
        .sent = step.bytes > 0,
        .why = step.end,
        .message = "cannot send to the daemon: " + text_of(step, "closed", "it does not read"),
        .hint = {},
        .turned_away = is_reset(step)};
  }
  return std::nullopt;
}

Client::Result Client::patiently(const Request& request, const Patience& patience,
                                 const std::function<Result()>& once) {
  const base::Instant until = base::monotonic_now() + kBusyWithin;
  base::Duration pause = kBusyPauseFirst;
  for (;;) {
    Result result = once();
    if (!turned_away(result) || !is_repeatable(request)) return result;
    const base::Instant next = base::monotonic_now() + pause;
    if (next > until || (patience.deadline && next > *patience.deadline)) return result;
    Patience sleep = patience;
    sleep.deadline = next;
    if (await(-1, 0, sleep) == StepEnd::kInterrupted) return result;
    pause = std::min(pause * 2, kBusyPauseMax);
  }
}

Client::Result Client::exchange(const Request& request, const Patience& patience) const {
  return patiently(request, patience, [&] { return exchange_once(request, patience); });
}

Client::Result Client::stream(const Request& request, const Patience& patience,
                              base::Duration headers_within,
                              const std::function<bool(std::string_view)>& piece) const {
  return patiently(request, patience,
                   [&] { return stream_once(request, patience, headers_within, piece); });
}

Client::Result Client::exchange_once(const Request& request, const Patience& patience) const {
  UnixStream stream;
  if (auto failure = send(stream, request, patience)) return tl::unexpected(*std::move(failure));
  Parser parser;
  parser.eager(true);
  parser.body_limit(kBodyBytesMax);
  parser.header_limit(kHeaderBytesMax);
  Reader reader(stream, parser);
  while (!parser.is_done()) {
    if (auto failure = reader.advance(patience)) return tl::unexpected(*std::move(failure));
  }
  return take(parser);
}

Client::Result Client::stream_once(const Request& request, const Patience& patience,
                                   base::Duration headers_within,
                                   const std::function<bool(std::string_view)>& piece) const {
  Patience first = patience;
  const base::Instant header_deadline = base::monotonic_now() + headers_within;
  first.deadline =
      patience.deadline ? std::min(*patience.deadline, header_deadline) : header_deadline;

  UnixStream stream;
  if (auto failure = send(stream, request, first)) return tl::unexpected(*std::move(failure));
  Parser parser;
  parser.eager(true);
  parser.body_limit(boost::none);
  parser.header_limit(kHeaderBytesMax);
  Reader reader(stream, parser);
  while (!parser.is_done()) {
    const Patience& current = parser.is_header_done() ? patience : first;
    if (auto failure = reader.advance(current)) return tl::unexpected(*std::move(failure));
    if (!parser.is_header_done()) continue;
    std::string& body = parser.get().body();
    if (parser.get().result_int() != 200) {
      if (body.size() > kBodyBytesMax) break;
      continue;
    }
    if (!body.empty() && !piece(body)) break;
    body.clear();
  }
  return take(parser);
}

std::string percent_encoded(std::string_view text) {
  // RFC 3986, section 2.3: the unreserved characters stand for themselves.
  constexpr std::string_view kUnreserved =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += '%';
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    }
  }
  return result;
}

}  // namespace shunt::cli
