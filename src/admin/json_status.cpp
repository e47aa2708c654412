#include "shunt/base/units.hpp"
#include "shunt/traffic/health.hpp"
#include "shunt/traffic/model.hpp"
#include "shunt/traffic/release.hpp"
#include "src/admin/json.hpp"

namespace shunt::admin {
namespace {

void write_endpoints(JsonWriter& json, std::string_view name,
                     const std::vector<base::Endpoint>& endpoints) {
  json.begin_array(name);
  for (const base::Endpoint& endpoint : endpoints) json.string(endpoint.to_string());
  json.end_array();
}

void write_process(JsonWriter& json, const control::ProcessStatus& process) {
  json.begin_object("process");
  json.field("version", process.version);
  json.field("pid", process.pid);
  json.field("started", base::format_wall_time(process.started_wall_ms));
  json.field("config", process.config_path);
  json.field("phase", process.phase);
  json.field("phase_reason", process.phase_reason);
  json.field("workers", process.workers);
  json.field("capacity", process.capacity);
  json.field("features", process.features);
  json.field("busy_poll", process.busy_poll);
  json.field("busy_poll_held", process.busy_poll_held);
  json.field("revision", process.revision);
  json.field("connections", process.connections);
  json.end_object();
}

void write_service(JsonWriter& json, const control::ServiceStatus& service) {
  json.begin_object();
  json.field("name", service.name);
  write_endpoints(json, "listen", service.listen);
  json.field("accepted", service.accepted);
  json.field("open", service.open);
  json.field("refused", service.refused);
  json.field("panic", service.panic);
  json.end_object();
}

void write_drain(JsonWriter& json, const control::DrainStatus& drain) {
  json.begin_object("drain");
  json.field("remaining", drain.remaining);
  json.field("oldest_ns", drain.oldest);
  json.field_or_null("deadline_in_ns", drain.deadline_in);
  json.field("closing", drain.closing);
  json.field_or_null("over_ns", drain.over);
  json.field_or_null("ends_in_ns", drain.ends_in);
  json.end_object();
}

void write_node(JsonWriter& json, const control::NodeStatus& node) {
  json.begin_object();
  json.field("name", node.name);
  json.begin_object("labels");
  for (const auto& [label, value] : node.labels) json.field(label, value);
  json.end_object();
  json.field("weight", node.weight);
  json.field("admin", traffic::to_string(node.admin));
  json.field("health", traffic::to_string(node.health));
  json.field("last_failure", node.last_failure);
  json.field("since_ns", node.since);
  json.field("established", node.established);
  json.field("connecting", node.connecting);
  json.field("connections", node.connections);
  json.field("connect_errors", node.connect_errors);
  write_endpoints(json, "addresses", node.addresses);
  if (node.drain) {
    write_drain(json, *node.drain);
  } else {
    json.field_null("drain");
  }
  json.end_object();
}

void write_closing(JsonWriter& json, const control::ClosingStatus& closing) {
  const auto named = [](const auto& value) {
    return value.empty() ? std::nullopt : std::optional(value);
  };
  json.begin_object();
  json.field_or_null("pool", named(closing.pool));
  json.field_or_null("node", named(closing.node));
  json.field_or_null("connection", closing.connection == 0
                                       ? std::nullopt
                                       : std::optional<std::uint64_t>(closing.connection));
  json.field("remaining", closing.remaining);
  json.field("over_ns", closing.over);
  json.field("ends_in_ns", closing.ends_in);
  json.end_object();
}

void write_pool(JsonWriter& json, const control::PoolStatus& pool) {
  json.begin_object();
  json.field("name", pool.name);
  json.field("state", traffic::to_string(pool.state));
  json.field("generation", pool.generation);
  json.field_or_null("version", pool.version.empty() ? std::nullopt : std::optional(pool.version));
  json.field("rollback_target", pool.rollback_target);
  json.field("nodes", pool.nodes);
  json.field("ready", pool.ready);
  json.field("healthy", pool.healthy);
  json.field("usable", pool.usable);
  json.field("established", pool.established);
  json.field("connecting", pool.connecting);
  write_drain(json, pool.drain);
  json.begin_array("node_list");
  for (const control::NodeStatus& node : pool.node_list) write_node(json, node);
  json.end_array();
  json.end_object();
}

}  // namespace

void write_json(JsonWriter& json, const control::AppStatus& app) {
  json.begin_object();
  json.field("name", app.name);
  json.field("active", app.active);
  json.field("epoch", app.epoch);
  json.field("adopted", app.adopted);
  json.field("last", traffic::to_string(app.last));
  if (app.last_receipt) {
    json.key("last_receipt");
    write_json(json, *app.last_receipt);
  } else {
    json.field_null("last_receipt");
  }
  json.field("recovered_unacknowledged", app.recovered_unacknowledged);
  json.field_or_null("trial_ends_in_ns", app.trial_ends_in);
  json.field("trial_stays_because", app.trial_stays_because);
  if (app.split) {
    json.begin_object("split");
    json.field("pool", app.split->pool);
    json.field("share", base::format_share(app.split->share));
    json.field("sticky", app.split->sticky);
    json.field_strings("sources", app.split->sources);
    json.field_strings("returned", app.split->returned);
    json.end_object();
  } else {
    json.field_null("split");
  }
  json.field("rollback_to", app.rollback_to);
  json.field("rollback_why_not", app.rollback_why_not);
  json.field("balance", traffic::to_string(app.balance));
  json.begin_array("services");
  for (const control::ServiceStatus& service : app.services) write_service(json, service);
  json.end_array();
  json.begin_array("pools");
  for (const control::PoolStatus& pool : app.pools) write_pool(json, pool);
  json.end_array();
  json.begin_array("closings");
  for (const control::ClosingStatus& closing : app.closings) write_closing(json, closing);
  json.end_array();
  json.field_strings("drift", app.drift);
  json.end_object();
}

void write_json(JsonWriter& json, const control::StatusSnapshot& snapshot) {
  json.begin_object();
  write_process(json, snapshot.process);
  json.begin_array("apps");
  for (const control::AppStatus& app : snapshot.apps) write_json(json, app);
  json.end_array();
  json.end_object();
}

}  // namespace shunt::admin
