#include "src/cli/report.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "src/cli/exit_code.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

// A field of the API by the flag that fills it: whoever typed flags is told of flags.
constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kFlagOfField = {{
    {"to", "POOL or --to"},
    {"skip", "--skip"},
    {"force", "--force"},
    {"close_over_ns", "--close-over"},
    {"dry_run", "--dry-run"},
    {"not_durable", "--not-durable"},
    {"reason", "--reason"},
    {"nodes", "NODE"},
    {"deadline_ns", "--deadline"},
    {"connection", "--connection"},
    {"over_ns", "--over"},
    {"cancel", "--cancel"},
    {"Idempotency-Key", "--key"},
    {"If-Match", "--if-epoch"},
    {"app", "--app"},
}};

std::string subject_of(const json::object& body, const json::object& reason) {
  std::string gate = text_at(reason, "gate");
  if (raw_at(body, "kind") != "bad_request") return gate;
  for (const auto& [field, flag] : kFlagOfField) {
    if (field == gate) return std::string(flag);
  }
  return gate;
}

// All but what has been said already.
std::string lines_of_reasons(const json::object& body, const std::string& said = {}) {
  std::size_t width = 0;
  for (const json::value& value : array_at(body, "reasons")) {
    if (value.is_object()) {
      width = std::max(width, columns(subject_of(body, value.get_object())));
    }
  }
  std::string result;
  for (const json::value& value : array_at(body, "reasons")) {
    if (!value.is_object()) continue;
    const json::object& reason = value.get_object();
    if (text_at(reason, "message") == said) continue;
    result += "  " + padded_right(subject_of(body, reason), width) + "   " +
              text_at(reason, "message") + '\n';
  }
  return result;
}

std::string line_of_next(const json::object& body) {
  const std::vector<std::string> next = texts_at(body, "next");
  return next.empty() ? "" : "next: " + joined(next, " | ") + '\n';
}

// Nothing was published where there is no receipt.
bool is_adopted(const json::object& receipt) {
  return !receipt.contains("adopted") || flag_at(receipt, "adopted");
}

std::string lines_of_receipt(const json::object& receipt, bool color) {
  const auto span = [&](const char* name) { return fine_duration(number_at(receipt, name)); };
  // What no part holds: the wait for the control thread, behind other commands or on a busy CPU.
  const std::uint64_t total = number_at(receipt, "total_ns");
  std::uint64_t parts = 0;
  for (const char* part : {"gates_ns", "persist_ns", "store_ns", "adoption_ns"}) {
    parts += number_at(receipt, part);
  }
  const std::uint64_t waiting = total - std::min(total, parts);
  std::string line = "  total " + span("total_ns") + ": ";
  if (total == 0) line = "  durations not known, the process ended before it had kept them; ";
  if (waiting > total / 10) line += "waiting " + fine_duration(waiting) + ", ";
  if (total != 0) {
    line += "gates " + span("gates_ns") + ", persist " + span("persist_ns") + ", store " +
            span("store_ns") + ", adoption " + span("adoption_ns") + "; ";
  }
  line += flag_at(receipt, "durable") ? "durable" : painted("NOT DURABLE", Color::kYellow, color);
  if (!is_adopted(receipt)) line += painted(", NOT YET FOLLOWED", Color::kYellow, color);
  line += '\n';
  if (const auto skipped = texts_at(receipt, "skipped"); !skipped.empty()) {
    line += "  " + painted("waived: " + joined(skipped, ", "), Color::kYellow, color) + '\n';
  }
  return line;
}

std::string headline_of(int status, const json::object& problem) {
  const std::string kind = raw_at(problem, "kind");
  const std::string detail = text_at(problem, "detail");
  const auto with_detail = [&](const std::string& words) {
    return detail.empty() ? words : words + ": " + detail;
  };
  if (kind == "not_found") return with_detail("not found");
  if (kind == "invalid" || kind == "bad_request") return with_detail("invalid request");
  if (kind == "unavailable") return with_detail("unavailable");
  if (kind == "busy") {
    return "the daemon has too many clients; nothing changed: try again, or end "
           "some "
           "of those that follow events or wait";
  }
  const std::string title = text_at(problem, "title");
  return with_detail(title.empty() ? "HTTP status " + std::to_string(status) : title);
}

}  // namespace

int exit_code_of(int status, const json::object& body) {
  if (status >= 200 && status < 300) return kDone;
  const std::string kind = raw_at(body, "kind");
  if (kind == "refused") return kRefused;
  if (kind == "epoch_moved" || status == 412) return kEpochMoved;
  if (kind == "invalid" || kind == "bad_request") return kUsage;
  return kFailed;
}

int exit_code_of_outcome(const json::object& outcome) {
  return is_adopted(object_at(outcome, "receipt")) ? kDone : kTimedOut;
}

std::string render_outcome(const json::object& outcome, bool color) {
  const json::object& receipt = object_at(outcome, "receipt");
  const bool changed = flag_at(outcome, "changed");
  const bool dry_run = flag_at(outcome, "dry_run");
  const std::string from = text_at(receipt, "from");

  std::string line = text_at(outcome, "app") + ": ";
  if (dry_run) line += painted("dry run, nothing changed: ", Color::kYellow, color);
  line += painted(text_at(outcome, "message"), changed ? Color::kGreen : Color::kPlain, color);
  line += ", epoch " + std::to_string(number_at(outcome, "epoch"));
  if (!from.empty()) {
    line += ", " + counted(number_at(receipt, "left_behind"), "connection") + " left on " + from;
    if (const auto repointed = number_at(receipt, "repointed"); repointed != 0) {
      line += ", " + counted(repointed, "connect") + " re-pointed";
    }
  }
  if (!changed && !dry_run) line += " (changed: false)";
  if (flag_at(outcome, "replayed")) line += " (the first outcome of this key, nothing done now)";
  line += '\n';
  if (changed && !receipt.empty()) line += lines_of_receipt(receipt, color);
  return line + lines_of_reasons(outcome) + line_of_next(outcome);
}

std::string render_problem(int status, const json::object& problem, bool color) {
  const std::string kind = raw_at(problem, "kind");
  const std::string active = text_at(problem, "active");
  const std::string where = active.empty() ? ""
                                           : " (" + active + " live, epoch " +
                                                 std::to_string(number_at(problem, "epoch")) + ")";
  std::string reasons;
  std::string headline;
  if (kind == "refused" || kind == "epoch_moved") {
    headline =
        painted(kind == "refused" ? "refused, nothing changed" : "the epoch moved, nothing changed",
                Color::kRed, color) +
        where;
    reasons = lines_of_reasons(problem);
    if (reasons.empty()) {
      if (const std::string detail = text_at(problem, "detail"); !detail.empty()) {
        reasons = "  " + detail + '\n';
      }
    }
    headline += reasons.empty() ? "" : ":";
  } else {
    headline = painted(headline_of(status, problem), Color::kRed, color);
    reasons = lines_of_reasons(problem, text_at(problem, "detail"));
  }
  return headline + '\n' + reasons + line_of_next(problem);
}

}  // namespace shunt::cli
