// The admin API's client: one request a connection over the Unix socket, blocking, with a deadline.
// What matters to an operator is kept apart: nothing was sent, or it was sent and the outcome is
// open.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "src/cli/unix_stream.hpp"

namespace shunt::cli {

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, already percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;  // without CR and LF
  std::string body;                                          // JSON; empty: none

  [[nodiscard]] static Request get(std::string target) {
    Request request;
    request.target = std::move(target);
    return request;
  }
};

struct Response {
  int status = 0;
  std::string content_type;
  std::string body;
};

struct Failure {
  bool sent = false;  // some of the request left, so the daemon may have acted on it
  StepEnd why = StepEnd::kFailed;
  std::string message;  // "cannot connect to /run/shunt/admin.sock: no such file or directory"
  std::string hint;     // the way out; may be empty
  // The daemon closed before it had read all of the request, and said nothing: it does that where
  // even those that it would tell so are too many.
  bool turned_away = false;
};

class Client {
 public:
  // paths: one at least. Each that has no socket hands on to the next; a socket where nobody
  // listens, or that may not be used, is an answer: the daemon that was meant is not another one.
  explicit Client(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // Where the daemon has too many clients it is tried again for two seconds or until patience ends:
  // a rollback must get in. What changes something is repeated only with its Idempotency-Key.
  [[nodiscard]] tl::expected<Response, Failure> exchange(const Request& request,
                                                         const Patience& patience) const;

  // Follows a response without an end. The pieces of a body of status 200 go to `piece`, until that
  // answers false, the peer closes, or patience ends. `headers_within` bounds the time up to the
  // header, of each try: too many clients are met as above. Any other status comes back with its
  // whole body.
  [[nodiscard]] tl::expected<Response, Failure> stream(
      const Request& request, const Patience& patience, base::Duration headers_within,
      const std::function<bool(std::string_view)>& piece) const;

 private:
  using Result = tl::expected<Response, Failure>;
  [[nodiscard]] static Result patiently(const Request& request, const Patience& patience,
                                        const std::function<Result()>& once);
  [[nodiscard]] Result exchange_once(const Request& request, const Patience& patience) const;
  [[nodiscard]] Result stream_once(const Request& request, const Patience& patience,
                                   base::Duration headers_within,
                                   const std::function<bool(std::string_view)>& piece) const;
  [[nodiscard]] std::optional<Failure> connect(UnixStream& stream, const Patience& patience) const;
  [[nodiscard]] std::optional<Failure> send(UnixStream& stream, const Request& request,
                                            const Patience& patience) const;

  std::vector<std::string> paths_;
};

// For one segment of a path, or one value of a query.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace shunt::cli
