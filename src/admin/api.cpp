#include "src/admin/api.hpp"

#include <algorithm>

#include "shunt/base/limits.hpp"
#include "src/admin/command_json.hpp"
#include "src/admin/json.hpp"
#include "src/admin/openapi.hpp"
#include "src/admin/request_fields.hpp"
#include "src/admin/text.hpp"

namespace shunt::admin {
namespace {

constexpr std::uint64_t kConnectionsListedMax = 10'000;

Answer starting() {
  return problem(ProblemKind::kUnavailable, "shunt is starting or stopping; ask /ready");
}

Answer bad_request(std::string_view what, const std::vector<control::Reason>& faults) {
  std::string detail(what);
  detail += faults.size() == 1 ? " has a fault" : " has faults";
  return problem(ProblemKind::kBadRequest, detail, faults);
}

control::Verb verb_of(RouteId id) {
  switch (id) {
    case RouteId::kRollback:
      return control::Verb::kRollback;
    case RouteId::kNodes:
      return control::Verb::kAdmin;
    case RouteId::kClose:
      return control::Verb::kClose;
    case RouteId::kPrepare:
      return control::Verb::kPrepare;
    case RouteId::kRetire:
      return control::Verb::kRetire;
    case RouteId::kSplit:
      return control::Verb::kSplit;
    case RouteId::kConfirm:
      return control::Verb::kConfirm;
    case RouteId::kAbort:
      return control::Verb::kAbort;
    default:
      return control::Verb::kSwitch;
  }
}

ProblemKind problem_of(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kInvalid:
      return ProblemKind::kInvalid;
    case base::ErrorCode::kNotFound:
      return ProblemKind::kNotFound;
    case base::ErrorCode::kConflict:
      return ProblemKind::kRefused;
    default:
      return ProblemKind::kUnavailable;
  }
}

std::string names_of(const std::vector<control::AppStatus>& apps) {
  std::string names;
  for (const control::AppStatus& app : apps) {
    if (!names.empty()) names += ", ";
    names += app.name;
  }
  return names;
}

Answer diff_of(const control::AppStatus& app) {
  Answer answer;
  JsonWriter json(answer.body);
  json.begin_object();
  json.field("app", app.name);
  json.field_strings("drift", app.drift);
  json.end_object();
  return answer;
}

}  // namespace

void Api::handle(const ApiCall& call, Done done) {
  std::vector<control::Reason> faults = check_query(call.query, *call.route);
  check_app(call.app, faults);
  if (!faults.empty()) return done(bad_request("the request's target", faults));
  if (call.route->changes) {
    change(call, std::move(done));
  } else if (call.route->id == RouteId::kConnections) {
    connections(call, std::move(done));
  } else {
    read(call, done);
  }
}

void Api::read(const ApiCall& call, const Done& done) {
  switch (call.route->id) {
    case RouteId::kLive:
      return done(live());
    case RouteId::kReady:
      return done(ready());
    case RouteId::kMetrics:
      return done(metrics());
    case RouteId::kOpenApi: {
      Answer answer;
      answer.body = openapi_document();
      return done(std::move(answer));
    }
    case RouteId::kEvents:
      return done(events(call));
    default:
      break;
  }
  if (controller_ == nullptr) return done(starting());
  switch (call.route->id) {
    case RouteId::kStatus: {
      Answer answer;
      answer.body = to_json(controller_->status());
      return done(std::move(answer));
    }
    case RouteId::kConfig:
      return done(config());
    default:
      return done(app(call));
  }
}

Answer Api::live() const {
  const bool alive = controller_ == nullptr || controller_->alive();
  Answer answer;
  answer.status = alive ? 200 : 503;
  answer.body = alive ? R"({"live":true})" : R"({"live":false})";
  return answer;
}

Answer Api::ready() const {
  const std::string reason = controller_ == nullptr ? "starting" : controller_->not_ready_because();
  Answer answer;
  answer.status = reason.empty() ? 200 : 503;
  JsonWriter json(answer.body);
  json.begin_object();
  json.field("ready", reason.empty());
  if (!reason.empty()) json.field("reason", reason);
  // Traffic flows all the same: whoever stands in front must not make an outage of a full disk.
  const std::string degraded = controller_ == nullptr ? "" : controller_->degraded_because();
  if (!degraded.empty()) json.field("degraded", degraded);
  json.end_object();
  return answer;
}

Answer Api::metrics() const {
  if (!scrape_) return problem(ProblemKind::kUnavailable, "no metrics are collected");
  Answer answer;
  answer.content_type = kPrometheusText;
  answer.body = scrape_();
  return answer;
}

Answer Api::events(const ApiCall& call) const {
  std::vector<control::Reason> faults;
  const auto after = number_param(call.query, "after", UINT64_MAX, faults);
  const auto limit = number_param(call.query, "limit", base::kEventsKept, faults);
  if (!faults.empty()) return bad_request("the query", faults);

  const std::vector<control::Event> kept = events_.after(after.value_or(0), base::kEventsKept);
  const std::size_t shown =
      std::min(kept.size(), static_cast<std::size_t>(limit.value_or(base::kEventsKept)));
  // Whoever says where to go on gets the next ones; else the latest are of interest.
  const std::size_t first = after ? 0 : kept.size() - shown;

  Answer answer;
  JsonWriter json(answer.body);
  json.begin_object();
  json.begin_array("events");
  for (std::size_t i = first; i < first + shown; ++i) write_json(json, kept[i]);
  json.end_array();
  json.end_object();
  return answer;
}

Answer Api::app(const ApiCall& call) const {
  const control::StatusSnapshot snapshot = controller_->status();
  const auto& apps = snapshot.apps;
  if (call.app.empty() && apps.size() != 1) {
    return problem(ProblemKind::kInvalid,
                   "there is more than one app, name one: " + names_of(apps));
  }
  const auto found = std::find_if(apps.begin(), apps.end(), [&](const control::AppStatus& app) {
    return call.app.empty() || app.name == call.app;
  });
  if (found == apps.end()) {
    return problem(ProblemKind::kNotFound,
                   "there is no app " + excerpt(call.app, 64) + "; apps: " + names_of(apps));
  }
  if (call.route->id == RouteId::kDiff) return diff_of(*found);
  Answer answer;
  answer.body = to_json(*found);
  return answer;
}

Answer Api::config() const {
  const control::Config& config = controller_->config();
  Answer answer;
  JsonWriter json(answer.body);
  json.begin_object();
  json.field("path", config.path);
  json.field("text", config.text);
  json.end_object();
  return answer;
}

void Api::connections(const ApiCall& call, Done done) {
  if (controller_ == nullptr) return done(starting());
  std::vector<control::Reason> faults;
  control::ConnectionsQuery query;
  query.app = call.app;
  query.pool = text_param(call.query, "pool");
  query.node = text_param(call.query, "node");
  const auto limit = number_param(call.query, "limit", kConnectionsListedMax, faults);
  if (!faults.empty()) return done(bad_request("the query", faults));
  if (limit) query.limit = static_cast<std::uint32_t>(*limit);

  controller_->connections(
      query, [done = std::move(done)](const base::Result<control::ConnectionsAnswer>& result) {
        if (!result) {
          std::string detail = result.error().message;
          if (!result.error().hint.empty()) detail += "; " + result.error().hint;
          return done(problem(problem_of(result.error().code), detail));
        }
        Answer answer;
        answer.body = to_json(*result);
        done(std::move(answer));
      });
}

void Api::change(const ApiCall& call, Done done) {
  ParsedCommand parsed = parse_command(verb_of(call.route->id), call.body);
  control::Command& command = parsed.command;
  if (call.idempotency_key) command.key = read_key(*call.idempotency_key, parsed.faults);
  if (call.if_match) command.if_epoch = read_epoch(*call.if_match, parsed.faults);
  if (!parsed.faults.empty()) return done(bad_request("the request", parsed.faults));
  if (controller_ == nullptr) return done(starting());

  command.app = call.app;
  command.actor = call.actor;
  controller_->apply(std::move(command), [done = std::move(done)](const control::Outcome& outcome) {
    done(answer_of(outcome));
  });
}

Answer unknown_path(std::string_view path) {
  std::vector<control::Reason> known;
  for (const Route& route : routes()) {
    known.push_back(
        {"path", std::string(route.changes ? "POST " : "GET ") + std::string(route.path)});
  }
  return problem(ProblemKind::kNotFound,
                 "there is no " + excerpt(path, 128) + "; reasons lists the paths that exist",
                 known);
}

}  // namespace shunt::admin
