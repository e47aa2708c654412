#include "src/admin/json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace shunt::admin {
namespace {

namespace json = boost::json;

// The documented shapes, compared as values so that blanks do not matter.
void expect_json(std::string_view got, std::string_view wanted) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(got.data(), got.size()), error);
  ASSERT_FALSE(error) << got;
  EXPECT_EQ(json::serialize(value),
            json::serialize(json::parse(json::string_view(wanted.data(), wanted.size()))));
}

TEST(JsonWriter, EscapesWhatJsonCannotHold) {
  std::string text;
  JsonWriter writer(text);
  writer.begin_array();
  writer.string("a\"b\\c\n\t\r\x01\x7F");
  writer.string("grün ✓ 𝄞");
  writer.string(std::string_view("\0", 1));
  writer.end_array();
  expect_json(text, R"(["a\"b\\c\n\t\r\u0001\u007f", "grün ✓ 𝄞", "\u0000"])");
}

TEST(JsonWriter, EscapesNamesToo) {
  std::string text;
  JsonWriter writer(text);
  writer.begin_object();
  writer.field("plain", true);
  writer.field("a\"b\xff", true);
  writer.field("c", true);
  writer.end_object();
  EXPECT_EQ(text, "{\"plain\":true,\"a\\\"b\xEF\xBF\xBD\":true,\"c\":true}");
}

TEST(JsonWriter, ReplacesBytesThatAreNoUtf8) {
  for (const char* bad :
       {"\xFF", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\xF0\x80\x80\x80", "\xE2\x82", "\x80", "\xF5\x80\x80\x80"}) {
    std::string text;
    JsonWriter(text).string(bad);
    boost::system::error_code error;
    const json::value value = json::parse(text, error);
    ASSERT_FALSE(error) << text;
    EXPECT_EQ(value.as_string().find("\xEF\xBF\xBD"), 0U) << text;
  }
}

TEST(JsonWriter, WritesTheEndsOfTheNumberRange) {
  std::string text;
  JsonWriter writer(text);
  writer.begin_array();
  writer.number(UINT64_MAX);
  writer.number(INT64_MIN);
  writer.boolean(true);
  writer.null();
  writer.begin_object();
  writer.end_object();
  writer.end_array();
  EXPECT_EQ(text, "[18446744073709551615,-9223372036854775808,true,null,{}]");
}

control::Outcome switched() {
  control::Outcome outcome;
  outcome.changed = true;
  outcome.app = "web";
  outcome.message = "green is live";
  outcome.active = "green";
  outcome.epoch = 42;
  outcome.receipt = {.epoch = 42,
                     .from = "blue",
                     .to = "green",
                     .gates = 1,
                     .persist = 2,
                     .store = 3,
                     .adoption = 4,
                     .total = 5,
                     .repointed = 6,
                     .left_behind = 903,
                     .durable = true,
                     .skipped = {"min_healthy"},
                     .wall_ms = 1795428000000};
  return outcome;
}

TEST(OutcomeJson, OfASwitchIsAsDocumented) {
  const Answer answer = answer_of(switched());
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.content_type, "application/json");
  expect_json(answer.body, R"({"kind": "done", "changed": true, "dry_run": false, "replayed": false,
    "app": "web", "message": "green is live", "active": "green", "epoch": 42,
    "receipt": {"epoch": 42, "from": "blue", "to": "green", "gates_ns": 1, "persist_ns": 2, "store_ns": 3,
      "adoption_ns": 4, "total_ns": 5, "repointed": 6, "left_behind": 903, "durable": true, "adopted": true,
      "skipped": ["min_healthy"], "time": "2026-11-23T10:00:00.000Z"},
    "pool": null, "nodes": [], "deadline_ns": null, "over_ns": null, "confirm_within_ns": null, "closed": 0, "reasons": [],
    "next": []})");
}

TEST(OutcomeJson, WithoutAChangeHasNoReceipt) {
  control::Outcome outcome = switched();
  outcome.changed = false;
  EXPECT_NE(answer_of(outcome).body.find("\"receipt\":null"), std::string::npos);
  outcome.changed = true;
  outcome.dry_run = true;
  EXPECT_NE(answer_of(outcome).body.find("\"receipt\":null"), std::string::npos);
}

TEST(OutcomeJson, OfARefusalIsAProblemWithAllReasons) {
  control::Outcome outcome;
  outcome.kind = control::OutcomeKind::kRefused;
  outcome.app = "web";
  outcome.message = "green is not ready to take traffic";
  outcome.active = "blue";
  outcome.epoch = 41;
  outcome.reasons = {{"min_healthy", "32 of 40 healthy, need 36"}, {"panic", "no"}};
  outcome.next = {"shunt status"};
  const Answer answer = answer_of(outcome);
  EXPECT_EQ(answer.status, 409U);
  EXPECT_EQ(answer.content_type, "application/problem+json");
  expect_json(answer.body,
              R"({"type": "urn:shunt:problem:refused", "title": "refused, nothing changed",
    "status": 409, "detail": "green is not ready to take traffic", "kind": "refused",
    "reasons": [{"gate": "min_healthy", "message": "32 of 40 healthy, need 36"},
                {"gate": "panic", "message": "no"}],
    "app": "web", "active": "blue", "epoch": 41, "replayed": false, "next": ["shunt status"]})");
}

TEST(OutcomeJson, SaysNothingOfAnAppThatIsNotKnown) {
  control::Outcome outcome;
  outcome.kind = control::OutcomeKind::kNotFound;
  outcome.app = "shop";
  outcome.message = "there is no app shop; apps: web";
  const std::string named = answer_of(outcome).body;
  EXPECT_NE(named.find(R"("app":"shop")"), std::string::npos);
  outcome.app.clear();
  for (const std::string& body : {named, answer_of(outcome).body}) {
    EXPECT_EQ(body.find("\"active\""), std::string::npos) << body;
    EXPECT_EQ(body.find("\"epoch\""), std::string::npos) << body;
  }
  EXPECT_EQ(answer_of(outcome).body.find("\"app\""), std::string::npos);
}

TEST(OutcomeJson, EveryKindHasItsStatus) {
  using control::OutcomeKind;
  for (const auto& [kind, status, name] : {std::tuple{OutcomeKind::kDone, 200U, "done"},
                                           {OutcomeKind::kRefused, 409U, "refused"},
                                           {OutcomeKind::kEpochMoved, 412U, "epoch_moved"},
                                           {OutcomeKind::kNotFound, 404U, "not_found"},
                                           {OutcomeKind::kInvalid, 400U, "invalid"},
                                           {OutcomeKind::kUnavailable, 503U, "unavailable"}}) {
    control::Outcome outcome;
    outcome.kind = kind;
    const Answer answer = answer_of(outcome);
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(json::parse(answer.body).at("kind").as_string(), name);
  }
}

TEST(StatusJson, IsAsDocumented) {
  control::StatusSnapshot snapshot;
  snapshot.process = {.version = "0.1.0",
                      .started_wall_ms = 0,
                      .pid = 1,
                      .config_path = "/etc/shunt.yaml",
                      .phase = "ready",
                      .phase_reason = "",
                      .workers = 2,
                      .capacity = 9900,
                      .features = "f",
                      .busy_poll = "auto",
                      .busy_poll_held = "others use the CPU",
                      .revision = 7,
                      .connections = 12};
  control::NodeStatus node;
  node.name = "n1";
  node.labels = {{"zone", "a"}};
  node.health = traffic::Health::kUp;
  node.addresses = {base::Endpoint::parse("127.0.0.1:8081").value()};
  control::PoolStatus pool;
  pool.name = "blue";
  pool.state = traffic::PoolState::kKept;
  pool.generation = 12;
  pool.version = "1.3.0";
  pool.rollback_target = true;
  pool.drain = {
      .remaining = 3, .oldest = 4, .deadline_in = 5, .closing = true, .over = 6, .ends_in = 7};
  control::NodeStatus drained = node;
  drained.name = "n2";
  drained.admin = traffic::AdminState::kDrain;
  drained.drain = {.remaining = 1, .oldest = 2, .deadline_in = {}, .over = {}, .ends_in = {}};
  pool.node_list = {node, drained};
  control::ServiceStatus service;
  service.name = "default";
  service.listen = {base::Endpoint::parse("[::1]:8080").value()};
  control::AppStatus app;
  app.name = "web";
  app.active = "green";
  app.epoch = 2;
  app.last = traffic::DecisionKind::kSwitch;
  app.rollback_to = "blue";
  app.services = {service};
  app.pools = {pool};
  app.closings = {{.pool = "blue", .node = {}, .remaining = 3, .over = 8, .ends_in = 9},
                  {.pool = {}, .node = {}, .connection = 7, .remaining = 1, .over = 5}};
  app.drift = {"initial is green, active is blue"};
  snapshot.apps = {app};

  expect_json(to_json(snapshot), R"({
    "process": {"version": "0.1.0", "pid": 1, "started": "1970-01-01T00:00:00.000Z",
      "config": "/etc/shunt.yaml", "phase": "ready", "phase_reason": "", "workers": 2, "capacity": 9900,
      "features": "f", "busy_poll": "auto", "busy_poll_held": "others use the CPU", "revision": 7,
      "connections": 12},
    "apps": [{"name": "web", "active": "green", "epoch": 2, "adopted": true, "last": "switch", "last_receipt": null,
      "recovered_unacknowledged": false, "trial_ends_in_ns": null, "trial_stays_because": "", "split": null,
      "rollback_to": "blue", "rollback_why_not": "",
      "balance": "round_robin",
      "services": [{"name": "default", "listen": ["[::1]:8080"], "accepted": 0, "open": 0, "refused": 0,
        "panic": false}],
      "pools": [{"name": "blue", "state": "kept", "generation": 12, "version": "1.3.0", "rollback_target": true, "nodes": 0, "ready": 0,
        "healthy": 0, "usable": 0, "established": 0, "connecting": 0,
        "drain": {"remaining": 3, "oldest_ns": 4, "deadline_in_ns": 5, "closing": true,
                  "over_ns": 6, "ends_in_ns": 7},
        "node_list": [{"name": "n1", "labels": {"zone": "a"}, "weight": 1, "admin": "ready",
          "health": "up", "last_failure": "", "since_ns": 0, "established": 0, "connecting": 0,
          "connections": 0, "connect_errors": 0, "addresses": ["127.0.0.1:8081"], "drain": null},
          {"name": "n2", "labels": {"zone": "a"}, "weight": 1, "admin": "drain",
          "health": "up", "last_failure": "", "since_ns": 0, "established": 0, "connecting": 0,
          "connections": 0, "connect_errors": 0, "addresses": ["127.0.0.1:8081"],
          "drain": {"remaining": 1, "oldest_ns": 2, "deadline_in_ns": null, "closing": false,
                    "over_ns": null, "ends_in_ns": null}}]}],
      "closings": [{"pool": "blue", "node": null, "connection": null, "remaining": 3, "over_ns": 8,
                    "ends_in_ns": 9},
                   {"pool": null, "node": null, "connection": 7, "remaining": 1, "over_ns": 5,
                    "ends_in_ns": 0}],
      "drift": ["initial is green, active is blue"]}]})");
}

TEST(RecordJson, OfConnectionsAndEventsIsAsDocumented) {
  control::ConnectionsAnswer answer;
  answer.matched = 903;
  answer.rows = {{.id = 1,
                  .client = "127.0.0.1:40000",
                  .service = "default",
                  .pool = "blue",
                  .node = "n1",
                  .epoch = 1,
                  .established = true,
                  .age = 2,
                  .idle = 3,
                  .bytes_up = 4,
                  .bytes_down = 5}};
  expect_json(to_json(answer),
              R"({"matched": 903, "connections": [{"id": 1, "client": "127.0.0.1:40000",
    "service": "default", "pool": "blue", "node": "n1", "epoch": 1, "established": true, "age_ns": 2,
    "idle_ns": 3, "bytes_up": 4, "bytes_down": 5}]})");

  control::Event event;
  event.id = 17;
  event.level = control::EventLevel::kWarn;
  event.type = "switch";
  event.app = "web";
  event.message = "green is live";
  event.actor = "uid 0";
  event.fields = {{"epoch", "42"}};
  expect_json(to_json(event), R"({"id": 17, "time": "1970-01-01T00:00:00.000Z", "level": "warn",
    "type": "switch", "app": "web", "message": "green is live", "actor": "uid 0", "reason": "",
    "fields": {"epoch": "42"}})");
}

}  // namespace
}  // namespace shunt::admin
