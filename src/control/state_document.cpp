#include "shunt/control/state_document.hpp"

#include <stdexcept>
#include <utility>

#include <boost/json.hpp>

namespace shunt::control {
namespace {

namespace json = boost::json;

// The names are the format: they must not change with what people are shown.
constexpr std::pair<std::string_view, traffic::DecisionKind> kKinds[] = {
    {"initial", traffic::DecisionKind::kInitial},
    {"switch", traffic::DecisionKind::kSwitch},
    {"rollback", traffic::DecisionKind::kRollback}};
constexpr std::pair<std::string_view, traffic::AdminState> kAdminStates[] = {
    {"ready", traffic::AdminState::kReady},
    {"drain", traffic::AdminState::kDrain},
    {"maint", traffic::AdminState::kMaint}};

constexpr std::pair<std::string_view, traffic::PoolState> kPoolStates[] = {
    {"retired", traffic::PoolState::kRetired},   {"standby", traffic::PoolState::kStandby},
    {"canary", traffic::PoolState::kCanary},     {"trial", traffic::PoolState::kTrial},
    {"active", traffic::PoolState::kActive},     {"kept", traffic::PoolState::kKept},
    {"rejected", traffic::PoolState::kRejected}, {"retiring", traffic::PoolState::kRetiring}};

template <class T, std::size_t N>
std::string_view name_of(const std::pair<std::string_view, T> (&names)[N], T value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  throw std::invalid_argument("a value without a name");
}

template <class T, std::size_t N>
T value_of(const std::pair<std::string_view, T> (&names)[N], std::string_view name) {
  for (const auto& [candidate, value] : names) {
    if (candidate == name) return value;
  }
  throw std::invalid_argument("unknown word '" + std::string(name) + "'");
}

json::array to_json(const std::vector<std::string>& strings) {
  return json::array(strings.begin(), strings.end());
}

std::vector<std::string> strings_of(const json::value& value) {
  std::vector<std::string> strings;
  for (const json::value& item : value.as_array()) strings.emplace_back(item.as_string());
  return strings;
}

std::string string_of(const json::value& value) {
  return std::string(value.as_string());
}

json::object to_json(const Receipt& receipt) {
  return {{"epoch", receipt.epoch},
          {"from", receipt.from},
          {"to", receipt.to},
          {"gates_ns", receipt.gates},
          {"persist_ns", receipt.persist},
          {"store_ns", receipt.store},
          {"adoption_ns", receipt.adoption},
          {"total_ns", receipt.total},
          {"repointed", receipt.repointed},
          {"left_behind", receipt.left_behind},
          {"durable", receipt.durable},
          {"adopted", receipt.adopted},
          {"skipped", to_json(receipt.skipped)},
          {"wall_ms", receipt.wall_ms}};
}

std::uint64_t number(const json::value& value) {
  return value.to_number<std::uint64_t>();
}

Receipt receipt_of(const json::object& object) {
  Receipt receipt;
  receipt.epoch = number(object.at("epoch"));
  receipt.from = string_of(object.at("from"));
  receipt.to = string_of(object.at("to"));
  receipt.gates = number(object.at("gates_ns"));
  receipt.persist = number(object.at("persist_ns"));
  receipt.store = number(object.at("store_ns"));
  receipt.adoption = number(object.at("adoption_ns"));
  receipt.total = number(object.at("total_ns"));
  receipt.repointed = number(object.at("repointed"));
  receipt.left_behind = number(object.at("left_behind"));
  receipt.durable = object.at("durable").as_bool();
  // Files of the builds before it have none.
  if (const json::value* adopted = object.if_contains("adopted"))
    receipt.adopted = adopted->as_bool();
  receipt.skipped = strings_of(object.at("skipped"));
  receipt.wall_ms = object.at("wall_ms").to_number<std::int64_t>();
  return receipt;
}

json::object to_json(const traffic::PoolRecord& pool) {
  json::object object{{"state", name_of(kPoolStates, pool.state)}, {"generation", pool.generation}};
  if (!pool.version.empty()) object["version"] = pool.version;
  if (pool.state == traffic::PoolState::kRetiring) {
    object["before"] = name_of(kPoolStates, pool.before);
  }
  if (pool.fresh) object["fresh"] = true;
  return object;
}

json::object to_json(const AppDocument& app) {
  json::object admin;
  for (const auto& [node, state] : app.admin) admin[node] = name_of(kAdminStates, state);
  json::object object{{"epoch", app.epoch},
                      {"active", app.active},
                      {"kept", to_json(app.kept)},
                      {"last", name_of(kKinds, app.last)},
                      {"admin", std::move(admin)}};
  json::object pools;
  for (const auto& [name, pool] : app.pools) pools[name] = to_json(pool);
  object["pools"] = std::move(pools);
  object["generations"] = app.generations;
  if (!app.previous.empty()) object["previous"] = app.previous;
  if (app.split.share != 0) object["share"] = app.split.share;
  if (app.split.sticky) object["sticky"] = true;
  if (!app.split.sources.empty()) object["sources"] = to_json(app.split.sources);
  if (app.confirm_by != 0) object["confirm_by_ms"] = app.confirm_by;
  if (app.receipt) object["receipt"] = to_json(*app.receipt);
  if (app.pending) object["pending"] = true;
  if (app.recovered) object["recovered"] = true;
  if (!app.pending_nodes.empty()) object["pending_nodes"] = app.pending_nodes;
  if (!app.recovered_nodes.empty()) object["recovered_nodes"] = app.recovered_nodes;
  if (!app.ending.empty()) object["ending"] = app.ending;
  return object;
}

bool flag(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->as_bool();
}

std::string string_or_empty(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? std::string() : string_of(*value);
}

std::uint64_t number_or_zero(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? 0 : number(*value);
}

traffic::PoolRecord pool_of(const json::object& object) {
  traffic::PoolRecord pool;
  pool.state = value_of(kPoolStates, object.at("state").as_string());
  pool.generation = number(object.at("generation"));
  pool.version = string_or_empty(object, "version");
  if (const json::value* before = object.if_contains("before")) {
    pool.before = value_of(kPoolStates, before->as_string());
  }
  pool.fresh = flag(object, "fresh");
  return pool;
}

AppDocument app_of(const json::object& object) {
  AppDocument app;
  app.epoch = number(object.at("epoch"));
  app.active = string_of(object.at("active"));
  app.kept = strings_of(object.at("kept"));
  app.last = value_of(kKinds, object.at("last").as_string());
  if (const json::value* pools = object.if_contains("pools")) {
    for (const auto& item : pools->as_object()) {
      app.pools[std::string(item.key())] = pool_of(item.value().as_object());
    }
  }
  app.previous = string_or_empty(object, "previous");
  app.generations = number_or_zero(object, "generations");
  if (const json::value* share = object.if_contains("share")) {
    app.split.share = share->to_number<std::uint32_t>();
  }
  app.split.sticky = flag(object, "sticky");
  if (const json::value* sources = object.if_contains("sources")) {
    app.split.sources = strings_of(*sources);
  }
  if (const json::value* until = object.if_contains("confirm_by_ms")) {
    app.confirm_by = until->to_number<std::int64_t>();
  }
  for (const auto& item : object.at("admin").as_object()) {
    app.admin[std::string(item.key())] = value_of(kAdminStates, item.value().as_string());
  }
  if (const json::value* receipt = object.if_contains("receipt")) {
    app.receipt = receipt_of(receipt->as_object());
  }
  app.pending = flag(object, "pending");
  app.recovered = flag(object, "recovered");
  app.pending_nodes = string_or_empty(object, "pending_nodes");
  app.recovered_nodes = string_or_empty(object, "recovered_nodes");
  app.ending = string_or_empty(object, "ending");
  return app;
}

// Members that say nothing are left out: these records are most of a document.
json::object to_json(const OperationRecord& record) {
  const Outcome& outcome = record.outcome;
  const Receipt& receipt = outcome.receipt;
  json::object object{{"key", record.key},           {"wall_ms", record.wall_ms},
                      {"asked", record.fingerprint}, {"app", outcome.app},
                      {"message", outcome.message},  {"active", outcome.active},
                      {"epoch", outcome.epoch}};
  const auto put = [&](std::string_view name, bool given, json::value value) {
    if (given) object[name] = std::move(value);
  };
  put("changed", outcome.changed, true);
  put("closed", outcome.closed != 0, outcome.closed);
  if (outcome.pool) {
    object["pool"] = outcome.pool->name;
    put("generation", outcome.pool->generation != 0, outcome.pool->generation);
    put("version", !outcome.pool->version.empty(), json::value(outcome.pool->version));
  }
  put("nodes", !outcome.nodes.empty(), to_json(outcome.nodes));
  put("deadline_ns", outcome.deadline.has_value(), outcome.deadline.value_or(0));
  put("confirm_within_ns", outcome.confirm_within.has_value(), outcome.confirm_within.value_or(0));
  put("over_ns", outcome.over.has_value(), outcome.over.value_or(0));
  put("from", !receipt.from.empty(), json::value(receipt.from));
  put("to", !receipt.to.empty(), json::value(receipt.to));
  put("repointed", receipt.repointed != 0, receipt.repointed);
  put("left_behind", receipt.left_behind != 0, receipt.left_behind);
  put("gates_ns", receipt.gates != 0, receipt.gates);
  put("persist_ns", receipt.persist != 0, receipt.persist);
  put("store_ns", receipt.store != 0, receipt.store);
  put("adoption_ns", receipt.adoption != 0, receipt.adoption);
  put("total_ns", receipt.total != 0, receipt.total);
  put("no_receipt", receipt.epoch == 0, true);
  put("not_adopted", !receipt.adopted, true);
  put("not_durable", !receipt.durable, true);
  put("skipped", !receipt.skipped.empty(), to_json(receipt.skipped));
  return object;
}

std::vector<std::string> strings_or_none(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? std::vector<std::string>() : strings_of(*value);
}

OperationRecord operation_of(const json::object& object) {
  OperationRecord record;
  record.key = string_of(object.at("key"));
  record.wall_ms = object.at("wall_ms").to_number<std::int64_t>();
  record.fingerprint = number(object.at("asked"));
  Outcome& outcome = record.outcome;
  outcome.app = string_of(object.at("app"));
  outcome.message = string_of(object.at("message"));
  outcome.active = string_of(object.at("active"));
  outcome.epoch = number(object.at("epoch"));
  outcome.changed = flag(object, "changed");
  outcome.closed = number_or_zero(object, "closed");
  if (const auto* pool = object.if_contains("pool")) {
    outcome.pool = PoolName{.name = string_of(*pool),
                            .generation = number_or_zero(object, "generation"),
                            .version = string_or_empty(object, "version")};
  }
  outcome.nodes = strings_or_none(object, "nodes");
  if (const auto* value = object.if_contains("deadline_ns")) outcome.deadline = number(*value);
  if (const auto* value = object.if_contains("over_ns")) outcome.over = number(*value);
  if (const auto* value = object.if_contains("confirm_within_ns")) {
    outcome.confirm_within = number(*value);
  }
  Receipt& receipt = outcome.receipt;
  receipt.epoch = flag(object, "no_receipt") ? 0 : outcome.epoch;
  receipt.from = string_or_empty(object, "from");
  receipt.to = string_or_empty(object, "to");
  receipt.repointed = number_or_zero(object, "repointed");
  receipt.left_behind = number_or_zero(object, "left_behind");
  receipt.gates = number_or_zero(object, "gates_ns");
  receipt.persist = number_or_zero(object, "persist_ns");
  receipt.store = number_or_zero(object, "store_ns");
  receipt.adoption = number_or_zero(object, "adoption_ns");
  receipt.total = number_or_zero(object, "total_ns");
  receipt.adopted = !flag(object, "not_adopted");
  receipt.durable = !flag(object, "not_durable");
  receipt.skipped = strings_or_none(object, "skipped");
  receipt.wall_ms = record.wall_ms;
  return record;
}

}  // namespace

void encode(OperationRecord& record) {
  record.encoded = json::serialize(to_json(record));
}

std::string serialize(const StateDocument& document) {
  json::object apps;
  for (const auto& [name, app] : document.apps) apps[name] = to_json(app);
  std::string text = "{\"apps\":" + json::serialize(apps) + ",\"operations\":[";
  bool first = true;
  for (const OperationRecord& record : document.operations) {
    if (!std::exchange(first, false)) text += ',';
    text += record.encoded.empty() ? json::serialize(to_json(record)) : record.encoded;
  }
  return text += "]}";
}

base::Result<StateDocument> parse_state_document(std::string_view text) try {
  const json::value root = json::parse(text);
  StateDocument document;
  for (const auto& item : root.at("apps").as_object()) {
    document.apps[std::string(item.key())] = app_of(item.value().as_object());
  }
  for (const json::value& item : root.at("operations").as_array()) {
    document.operations.push_back(operation_of(item.as_object()));
    encode(document.operations.back());
  }
  return document;
} catch (const std::exception& error) {
  return base::fail(base::ErrorCode::kInvalid,
                    std::string("the stored state is not understood: ") + error.what());
}

}  // namespace shunt::control
