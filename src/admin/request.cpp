#include "src/admin/request.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <iterator>

#include "src/admin/api.hpp"
#include "src/admin/text.hpp"

namespace shunt::admin {
namespace {

namespace http = boost::beast::http;
using boost::beast::iequals;

constexpr std::string_view kAllMethods = "GET, HEAD, POST, OPTIONS";

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool has_body(const RequestParser& parser) {
  const auto length = parser.content_length();
  return parser.chunked() || (length && *length > 0);
}

Answer options_answer(std::string_view allow) {
  Answer answer;
  answer.status = 204;
  answer.allow = allow;
  return answer;
}

// What makes the message itself ambiguous; two readers may see two different requests in it.
std::optional<Answer> judge_message(const RequestParser& parser, JudgedRequest& request) {
  const auto& message = parser.get();
  if (message.version() != 10 && message.version() != 11) {
    return problem(ProblemKind::kBadRequest, "only HTTP/1.1 and HTTP/1.0 are spoken here", {}, 505);
  }
  const auto hosts = message.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && message.version() == 11)) {
    return problem(ProblemKind::kBadRequest, hosts == 0 ? "an HTTP/1.1 request needs a Host header"
                                                        : "more than one Host header");
  }
  if (message.count(http::field::origin) > 1) {
    return problem(ProblemKind::kBadRequest, "more than one Origin header");
  }
  // RFC 9112 section 6.1: a transfer coding that is not understood leaves the end of the body
  // unknown, and HTTP/1.0 has none.
  if (const auto coding = header(parser, http::field::transfer_encoding)) {
    const bool plain = iequals(*coding, "chunked") && message.version() == 11 &&
                       message.count(http::field::transfer_encoding) == 1;
    if (!plain) {
      request.unframed = true;
      return problem(ProblemKind::kBadRequest,
                     "the only Transfer-Encoding understood is chunked, once, in HTTP/1.1", {},
                     501);
    }
  }
  return std::nullopt;
}

std::optional<Answer> judge_method(const RequestParser& parser, const Door& door,
                                   JudgedRequest& request) {
  const Route& route = *request.route;
  const http::verb method = parser.get().method();
  if (method == http::verb::options) return options_answer(allowed_methods(route));
  request.head_only = method == http::verb::head && !route.changes;
  const bool fits = route.changes ? method == http::verb::post
                                  : method == http::verb::get || method == http::verb::head;
  if (!fits) {
    Answer answer =
        problem(ProblemKind::kMethodNotAllowed,
                std::string(route.path) + " takes " + std::string(allowed_methods(route)) +
                    ", not " + excerpt(view(parser.get().method_string()), 32));
    answer.allow = allowed_methods(route);
    return answer;
  }
  if (route.changes && door.over_tcp) {
    return problem(ProblemKind::kForbidden,
                   "admin over TCP only reads; send changes to the Unix socket (admin.socket)");
  }
  return std::nullopt;
}

// Headers that say which command this is: of two, a proxy on the way may have added one, and
// whichever were chosen, the client could have meant the other.
std::optional<Answer> judge_once(const RequestParser& parser) {
  for (const std::string_view name : {"If-Match", "Idempotency-Key", "Content-Type"}) {
    if (parser.get().count(name) > 1) {
      return problem(ProblemKind::kBadRequest, "more than one " + std::string(name) + " header");
    }
  }
  return std::nullopt;
}

std::optional<Answer> judge_body(const RequestParser& parser, JudgedRequest& request) {
  if (!request.route->changes) {
    if (!has_body(parser)) return std::nullopt;
    return problem(ProblemKind::kBadRequest, std::string(request.route->path) + " takes no body");
  }
  if (auto answer = judge_once(parser)) return answer;
  const auto type = header(parser, http::field::content_type);
  // A web page cannot send this type to another site without asking first, which is never granted.
  if (!type || !is_json(*type) || parser.get().count(http::field::content_encoding) > 0) {
    return problem(ProblemKind::kUnsupportedMediaType,
                   "send Content-Type: application/json, in UTF-8 and without a Content-Encoding");
  }
  if (const auto expect = header(parser, http::field::expect)) {
    if (!iequals(*expect, "100-continue")) {
      return problem(ProblemKind::kBadRequest, "the only Expect understood is 100-continue", {},
                     417);
    }
    request.wants_continue = parser.get().version() == 11;
  }
  return std::nullopt;
}

// Takes what stands before `separator`, without the blanks around it, off the front of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  const std::size_t first = part.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return part.substr(first, part.find_last_not_of(" \t") - first + 1);
}

// RFC 9110 section 12.4.2: a weight of 0 (or 0.000) means "not acceptable".
bool is_weight_zero(std::string_view parameter) {
  if (parameter.size() < 3 || !iequals(parameter.substr(0, 2), "q=")) return false;
  return parameter[2] == '0' && parameter.find_first_not_of("0.", 2) == std::string_view::npos;
}

bool accepts_stream(const RequestParser& parser) {
  const auto accept = header(parser, http::field::accept);
  if (!accept) return false;
  for (std::string_view rest = *accept; !rest.empty();) {
    std::string_view range = next_part(rest, ',');
    if (!iequals(next_part(range, ';'), kEventStream)) continue;
    bool wanted = true;
    while (!range.empty()) wanted = wanted && !is_weight_zero(next_part(range, ';'));
    if (wanted) return true;
  }
  return false;
}

std::optional<Answer> judge_all(const RequestParser& parser, const Door& door,
                                JudgedRequest& request) {
  if (auto answer = judge_message(parser, request)) return answer;

  const std::string_view text = view(parser.get().target());
  const bool asterisk = text == "*" && parser.get().method() == http::verb::options;
  auto target = asterisk ? std::optional<Target>(Target{}) : parse_target(text);
  if (!target) {
    return problem(ProblemKind::kBadRequest,
                   "the target is no path like /v1/status: " + excerpt(text, 64));
  }
  auto host = header(parser, http::field::host);
  if (const auto foreign = why_foreign(door, host, header(parser, http::field::origin))) {
    return problem(ProblemKind::kForbidden, *foreign);
  }
  if (!target->authority.empty()) {
    if (const auto foreign = why_foreign(door, target->authority, std::nullopt)) {
      return problem(ProblemKind::kForbidden, *foreign);
    }
  }
  if (asterisk) return options_answer(kAllMethods);

  RouteMatch match = match_route(target->segments);
  if (match.route == nullptr) return unknown_path(text.substr(0, text.find('?')));
  request.route = match.route;
  request.app = std::move(match.app);
  request.query = std::move(target->query);
  if (auto answer = judge_method(parser, door, request)) return answer;
  request.wants_stream =
      match.route->id == RouteId::kEvents && !request.head_only && accepts_stream(parser);
  return judge_body(parser, request);
}

}  // namespace

std::optional<std::string_view> header(const RequestParser& parser, http::field name) {
  const auto found = parser.get().find(name);
  if (found == parser.get().end()) return std::nullopt;
  return view(found->value());
}

std::optional<std::string_view> header(const RequestParser& parser, std::string_view name) {
  const auto found = parser.get().find(name);
  if (found == parser.get().end()) return std::nullopt;
  return view(found->value());
}

JudgedRequest judge(const RequestParser& parser, const Door& door) {
  JudgedRequest request;
  request.answer = judge_all(parser, door, request);
  if (parser.get().method() == http::verb::head) request.head_only = true;
  return request;
}

Answer answer_to_parse_error(const boost::system::error_code& error, std::size_t header_bytes_max,
                             std::size_t body_bytes_max) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return problem(
        ProblemKind::kTooLarge,
        "the request's header is larger than " + std::to_string(header_bytes_max) + " bytes", {},
        431);
  }
  if (error == http::error::body_limit) {
    return problem(ProblemKind::kTooLarge, "the request's body is larger than " +
                                               std::to_string(body_bytes_max) + " bytes");
  }
  if (error == http::error::bad_version) {
    return problem(ProblemKind::kBadRequest, "only HTTP/1.1 and HTTP/1.0 are spoken here", {}, 505);
  }
  return problem(ProblemKind::kBadRequest, "this is no HTTP/1.1 request: " + error.message());
}

}  // namespace shunt::admin
