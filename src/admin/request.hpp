// Judges the header of a request, before its body is read: is it HTTP that we speak, from whom we
// serve, to a path and method that exist? Pure.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/admin/answer.hpp"
#include "src/admin/guard.hpp"
#include "src/admin/routes.hpp"

namespace shunt::admin {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

struct JudgedRequest {
  const Route* route = nullptr;
  std::string app;
  std::vector<std::pair<std::string, std::string>> query;
  bool head_only = false;       // HEAD: the answer goes without its body
  bool wants_stream = false;    // Accept: text/event-stream on /v1/events
  bool wants_continue = false;  // Expect: 100-continue
  bool unframed = false;  // where it ends is in doubt, or not read: the connection cannot go on
  std::optional<Answer> answer;  // set: this is the answer already, and the body is not wanted
};

// parser: its header is done.
[[nodiscard]] JudgedRequest judge(const RequestParser& parser, const Door& door);

// The answer to bytes that are no HTTP request, or one beyond the limits.
[[nodiscard]] Answer answer_to_parse_error(const boost::system::error_code& error,
                                           std::size_t header_bytes_max,
                                           std::size_t body_bytes_max);

// A header's value, or nothing where the request has none.
[[nodiscard]] std::optional<std::string_view> header(const RequestParser& parser,
                                                     boost::beast::http::field name);
[[nodiscard]] std::optional<std::string_view> header(const RequestParser& parser,
                                                     std::string_view name);

}  // namespace shunt::admin
