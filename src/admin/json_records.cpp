#include "shunt/base/units.hpp"
#include "src/admin/json.hpp"

namespace shunt::admin {
namespace {

std::string_view level_name(control::EventLevel level) {
  switch (level) {
    case control::EventLevel::kDebug:
      return "debug";
    case control::EventLevel::kInfo:
      return "info";
    case control::EventLevel::kWarn:
      return "warn";
    case control::EventLevel::kError:
      return "error";
  }
  return "info";
}

}  // namespace

void write_json(JsonWriter& json, const control::ConnectionsAnswer& answer) {
  json.begin_object();
  json.field("matched", answer.matched);
  json.begin_array("connections");
  for (const control::ConnectionRow& row : answer.rows) {
    json.begin_object();
    json.field("id", row.id);
    json.field("client", row.client);
    json.field("service", row.service);
    json.field("pool", row.pool);
    json.field("node", row.node);
    json.field("epoch", row.epoch);
    json.field("established", row.established);
    json.field("age_ns", row.age);
    json.field("idle_ns", row.idle);
    json.field("bytes_up", row.bytes_up);
    json.field("bytes_down", row.bytes_down);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_json(JsonWriter& json, const control::Event& event) {
  json.begin_object();
  json.field("id", event.id);
  json.field("time", base::format_wall_time(event.wall_ms));
  json.field("level", level_name(event.level));
  json.field("type", event.type);
  json.field("app", event.app);
  json.field("message", event.message);
  json.field("actor", event.actor);
  json.field("reason", event.reason);
  json.begin_object("fields");
  for (const auto& [name, value] : event.fields) json.field(name, value);
  json.end_object();
  json.end_object();
}

}  // namespace shunt::admin
