// Answer: one HTTP answer before it is written, and the problem documents (RFC 9457) among them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/command.hpp"
#include "src/admin/json_writer.hpp"

namespace shunt::admin {

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kProblemJson = "application/problem+json";
inline constexpr std::string_view kEventStream = "text/event-stream";
inline constexpr std::string_view kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";

struct Answer {
  unsigned status = 200;
  std::string_view content_type = kJson;  // of static storage
  std::string body;
  std::string allow;         // the Allow header; empty: none
  bool retry_later = false;  // sends Retry-After: 1
};

// What is wrong with a request, in the words of the `kind` field.
enum class ProblemKind {
  kRefused,
  kEpochMoved,
  kNotFound,
  kInvalid,
  kUnavailable,
  kBadRequest,
  kMethodNotAllowed,
  kUnsupportedMediaType,
  kTooLarge,
  kForbidden,
  kTimeout,
  kBusy,
};
[[nodiscard]] std::string_view to_string(ProblemKind kind) noexcept;  // "bad_request", ...

[[nodiscard]] unsigned status_of(ProblemKind kind) noexcept;

// "reasons": [{"gate": …, "message": …}]
void write_reasons(JsonWriter& json, const std::vector<control::Reason>& reasons);

// The members that every problem document has, into an object that is open.
void write_problem_members(JsonWriter& json, ProblemKind kind, unsigned status,
                           std::string_view detail, const std::vector<control::Reason>& reasons);

// status 0: the kind's usual one (not_found: 404).
[[nodiscard]] Answer problem(ProblemKind kind, std::string_view detail,
                             const std::vector<control::Reason>& reasons = {}, unsigned status = 0);

[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;  // "Not Found"

// The head of an answer up to and with the empty line. keep_alive: as a Connection header.
[[nodiscard]] std::string head_of(const Answer& answer, bool keep_alive);
// The head of an answer whose body has no known length: chunked, or until the connection closes.
[[nodiscard]] std::string head_of_stream(std::string_view content_type, bool chunked);

}  // namespace shunt::admin
