#include "src/admin/answer.hpp"

#include <ctime>

#include "src/admin/json_writer.hpp"

namespace shunt::admin {
namespace {

struct KindTraits {
  std::string_view name;
  std::string_view title;
  unsigned status;
};

KindTraits traits_of(ProblemKind kind) noexcept {
  switch (kind) {
    case ProblemKind::kRefused:
      return {"refused", "refused, nothing changed", 409};
    case ProblemKind::kEpochMoved:
      return {"epoch_moved", "the epoch moved, nothing changed", 412};
    case ProblemKind::kNotFound:
      return {"not_found", "not found", 404};
    case ProblemKind::kInvalid:
      return {"invalid", "invalid, nothing changed", 400};
    case ProblemKind::kUnavailable:
      return {"unavailable", "unavailable, nothing changed", 503};
    case ProblemKind::kBadRequest:
      return {"bad_request", "bad request, nothing changed", 400};
    case ProblemKind::kMethodNotAllowed:
      return {"method_not_allowed", "method not allowed", 405};
    case ProblemKind::kUnsupportedMediaType:
      return {"unsupported_media_type", "unsupported media type, nothing changed", 415};
    case ProblemKind::kTooLarge:
      return {"too_large", "too large, nothing changed", 413};
    case ProblemKind::kForbidden:
      return {"forbidden", "forbidden, nothing changed", 403};
    case ProblemKind::kTimeout:
      return {"timeout", "the request took too long, nothing changed", 408};
    case ProblemKind::kBusy:
      return {"busy", "too many clients, nothing changed", 503};
  }
  return {"bad_request", "bad request", 400};
}

// RFC 9110 section 6.6.1: an origin server with a clock sends Date. Formatted once a second.
const std::string& date_header() {
  thread_local std::time_t formatted_for = 0;
  thread_local std::string header;
  const std::time_t now = std::time(nullptr);
  if (now != formatted_for) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[64];
    const std::size_t length =
        std::strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    header.assign(text, length);
    formatted_for = now;
  }
  return header;
}

void append_start(std::string& head, unsigned status) {
  head += "HTTP/1.1 ";
  head += std::to_string(status);
  head += ' ';
  head += reason_phrase(status);
  head += "\r\n";
  head += date_header();
  // Answers are live state, and never to be run as what they are not.
  head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
}

}  // namespace

std::string_view to_string(ProblemKind kind) noexcept {
  return traits_of(kind).name;
}

std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

void write_reasons(JsonWriter& json, const std::vector<control::Reason>& reasons) {
  json.begin_array("reasons");
  for (const control::Reason& reason : reasons) {
    json.begin_object();
    json.field("gate", reason.gate);
    json.field("message", reason.message);
    json.end_object();
  }
  json.end_array();
}

unsigned status_of(ProblemKind kind) noexcept {
  return traits_of(kind).status;
}

void write_problem_members(JsonWriter& json, ProblemKind kind, unsigned status,
                           std::string_view detail, const std::vector<control::Reason>& reasons) {
  const KindTraits traits = traits_of(kind);
  std::string type = "urn:shunt:problem:";
  type += traits.name;
  json.field("type", type);
  json.field("title", traits.title);
  json.field("status", std::uint64_t{status});
  json.field("detail", detail);
  json.field("kind", traits.name);
  write_reasons(json, reasons);
}

Answer problem(ProblemKind kind, std::string_view detail,
               const std::vector<control::Reason>& reasons, unsigned status) {
  Answer answer;
  answer.status = status != 0 ? status : status_of(kind);
  answer.content_type = kProblemJson;
  answer.retry_later = answer.status == 503;
  JsonWriter json(answer.body);
  json.begin_object();
  write_problem_members(json, kind, answer.status, detail, reasons);
  json.end_object();
  return answer;
}

std::string head_of(const Answer& answer, bool keep_alive) {
  std::string head;
  head.reserve(320);
  append_start(head, answer.status);
  if (!answer.allow.empty()) {
    head += "Allow: ";
    head += answer.allow;
    head += "\r\n";
  }
  if (answer.retry_later) head += "Retry-After: 1\r\n";
  // A 204 has no body and no Content-Length (RFC 9110 section 8.6).
  if (answer.status != 204) {
    head += "Content-Type: ";
    head += answer.content_type;
    head += "\r\nContent-Length: ";
    head += std::to_string(answer.body.size());
    head += "\r\n";
  }
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::string head_of_stream(std::string_view content_type, bool chunked) {
  std::string head;
  append_start(head, 200);
  head += "Content-Type: ";
  head += content_type;
  head += chunked ? "\r\nTransfer-Encoding: chunked" : "";
  head += "\r\nConnection: close\r\n\r\n";
  return head;
}

}  // namespace shunt::admin
