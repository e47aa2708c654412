#include "shunt/base/units.hpp"
#include "src/admin/json.hpp"

namespace shunt::admin {
namespace {

ProblemKind problem_of(control::OutcomeKind kind) {
  switch (kind) {
    case control::OutcomeKind::kRefused:
      return ProblemKind::kRefused;
    case control::OutcomeKind::kEpochMoved:
      return ProblemKind::kEpochMoved;
    case control::OutcomeKind::kNotFound:
      return ProblemKind::kNotFound;
    case control::OutcomeKind::kUnavailable:
      return ProblemKind::kUnavailable;
    case control::OutcomeKind::kDone:
    case control::OutcomeKind::kInvalid:
      break;
  }
  return ProblemKind::kInvalid;
}

void write_done(JsonWriter& json, const control::Outcome& outcome) {
  json.field("kind", "done");
  json.field("changed", outcome.changed);
  json.field("dry_run", outcome.dry_run);
  json.field("replayed", outcome.replayed);
  json.field("app", outcome.app);
  json.field("message", outcome.message);
  json.field("active", outcome.active);
  json.field("epoch", outcome.epoch);
  // A receipt is the proof of a change, so a dry run has none; neither have commands without one.
  if (outcome.changed && !outcome.dry_run && outcome.receipt.epoch != 0) {
    json.key("receipt");
    write_json(json, outcome.receipt);
  } else {
    json.field_null("receipt");
  }
  if (outcome.pool) {
    json.begin_object("pool");
    json.field("name", outcome.pool->name);
    json.field("generation", outcome.pool->generation);
    json.field("version", outcome.pool->version);
    json.end_object();
  } else {
    json.field_null("pool");
  }
  json.field_strings("nodes", outcome.nodes);
  json.field_or_null("deadline_ns", outcome.deadline);
  json.field_or_null("over_ns", outcome.over);
  json.field_or_null("confirm_within_ns", outcome.confirm_within);
  json.field("closed", outcome.closed);
  write_reasons(json, outcome.reasons);
  json.field_strings("next", outcome.next);
}

}  // namespace

void write_json(JsonWriter& json, const control::Receipt& receipt) {
  json.begin_object();
  json.field("epoch", receipt.epoch);
  json.field("from", receipt.from);
  json.field("to", receipt.to);
  json.field("gates_ns", receipt.gates);
  json.field("persist_ns", receipt.persist);
  json.field("store_ns", receipt.store);
  json.field("adoption_ns", receipt.adoption);
  json.field("total_ns", receipt.total);
  json.field("repointed", receipt.repointed);
  json.field("left_behind", receipt.left_behind);
  json.field("durable", receipt.durable);
  json.field("adopted", receipt.adopted);
  json.field_strings("skipped", receipt.skipped);
  json.field("time", base::format_wall_time(receipt.wall_ms));
  json.end_object();
}

Answer answer_of(const control::Outcome& outcome) {
  Answer answer;
  answer.body.reserve(768);
  JsonWriter json(answer.body);
  json.begin_object();
  if (outcome.kind == control::OutcomeKind::kDone) {
    write_done(json, outcome);
  } else {
    const ProblemKind kind = problem_of(outcome.kind);
    answer.status = status_of(kind);
    answer.content_type = kProblemJson;
    answer.retry_later = answer.status == 503;
    write_problem_members(json, kind, answer.status, outcome.message, outcome.reasons);
    // Of an app that does not exist, or was not named, nothing is known.
    if (!outcome.app.empty()) json.field("app", outcome.app);
    if (!outcome.active.empty()) {
      json.field("active", outcome.active);
      json.field("epoch", outcome.epoch);
    }
    json.field("replayed", outcome.replayed);
    json.field_strings("next", outcome.next);
  }
  json.end_object();
  return answer;
}

}  // namespace shunt::admin
