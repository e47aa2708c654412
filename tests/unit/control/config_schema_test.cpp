// config/shunt.schema.json, held against the parser: the same keys, and everything that the schema
// gives as a default or a choice is taken by the parser.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "shunt/control/config.hpp"
#include "src/control/config_keys.hpp"

namespace shunt::control {
namespace {

namespace json = boost::json;

const json::object& schema() {
  static const json::value parsed = [] {
    std::ifstream stream(std::string(SHUNT_SOURCE_DIR) + "/config/shunt.schema.json");
    std::ostringstream text;
    text << stream.rdbuf();
    return json::parse(text.str());
  }();
  return parsed.as_object();
}

// The mapping of a section: the root, or its definition ("services.NAME" is "service").
const json::object& mapping_of(const KeyTable& table) {
  if (table.section.empty()) return schema();
  std::string name(table.section);
  if (const std::size_t end = name.find("s.NAME"); end != std::string::npos) name.resize(end);
  if (name == "nodes") name = "node";
  const json::object& definition = schema().at("definitions").at(name).as_object();
  if (definition.contains("properties")) return definition;
  for (const json::value& choice : definition.at("oneOf").as_array()) {  // keepalive: off, or this
    if (choice.as_object().contains("properties")) return choice.as_object();
  }
  ADD_FAILURE() << name << " is no mapping";
  return definition;
}

// A file in which the section holds this one key.
std::string file_with(const KeyTable& table, const std::string& key, const std::string& value) {
  const std::string pair = key + ": " + value;
  const std::string line =
      table.section.empty() ? pair : std::string(table.section) + ": {" + pair + "}";
  const bool of_app = table.section == "health" || table.section == "drain" ||
                      table.section == "release" || table.section == "congestion" ||
                      table.section == "apps.NAME";
  const std::string in_app = table.section == "apps.NAME" ? pair : line;
  return std::string("apps: {web: {initial: blue, listen: 8080, pools: {blue: [\"10.0.0.1:80\"]}") +
         (of_app ? ", " + in_app + "}}\n" : "}}\n" + line + "\n");
}

bool is_simple(const KeyTable& table) {
  return table.section != "nodes" &&
         (table.section == "apps.NAME" || table.section.find("NAME") == std::string_view::npos);
}

std::string as_yaml(const json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
}

TEST(ConfigSchema, HasExactlyTheKeysOfTheParser) {
  for (const KeyTable* table : kAllKeyTables) {
    const json::object& mapping = mapping_of(*table);
    std::set<std::string_view> keys;
    for (const auto& property : mapping.at("properties").as_object()) keys.insert(property.key());
    EXPECT_EQ(keys, (std::set<std::string_view>(table->known.begin(), table->known.end())))
        << table->section;
    EXPECT_EQ(mapping.at("additionalProperties"), json::value(false)) << table->section;
  }
}

TEST(ConfigSchema, GivesChoicesAndDefaultsThatTheParserTakes) {
  int tried = 0;
  for (const KeyTable* table : kAllKeyTables) {
    if (!is_simple(*table)) continue;
    for (const auto& property : mapping_of(*table).at("properties").as_object()) {
      std::vector<json::value> values;
      if (!property.value().is_object()) continue;
      const json::object& rules = property.value().as_object();
      if (const json::value* choices = rules.if_contains("enum")) {
        for (const json::value& choice : choices->as_array()) values.push_back(choice);
      }
      for (const char* rule : {"default", "minimum", "maximum"}) {
        if (const json::value* value = rules.if_contains(rule)) values.push_back(*value);
      }
      for (const json::value& value : values) {
        const std::string file = file_with(*table, property.key(), as_yaml(value));
        const ConfigOutcome outcome = parse_config(file, "file");
        EXPECT_TRUE(outcome.config) << file << outcome.errors.front().to_string();
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 50);
}

TEST(ConfigSchema, GivesTheDefaultsOfTheParser) {
  const ConfigOutcome smallest = parse_config(file_with(kTopKeys, "workers", "auto"), "smallest");
  ASSERT_TRUE(smallest.config);
  const traffic::App& expected = smallest.config->model.apps[0];
  for (const KeyTable* table : kAllKeyTables) {
    if (!is_simple(*table)) continue;
    for (const auto& property : mapping_of(*table).at("properties").as_object()) {
      const json::value* value = property.value().as_object().if_contains("default");
      if (value == nullptr) continue;
      const std::string file = file_with(*table, property.key(), as_yaml(*value));
      const ConfigOutcome outcome = parse_config(file, "file");
      ASSERT_TRUE(outcome.config) << file;
      const Config& config = *outcome.config;
      const traffic::App& app = config.model.apps[0];
      EXPECT_EQ(app.timeouts, expected.timeouts) << file;
      EXPECT_EQ(app.keepalive, expected.keepalive) << file;
      EXPECT_EQ(app.health, expected.health) << file;
      EXPECT_EQ(app.drain, expected.drain) << file;
      EXPECT_EQ(app.release, expected.release) << file;
      EXPECT_EQ(app.balance, expected.balance) << file;
      EXPECT_EQ(app.panic_below_percent, expected.panic_below_percent) << file;
      EXPECT_EQ(config.model.services[0].sockets, smallest.config->model.services[0].sockets)
          << file;
      EXPECT_EQ(config.admin.socket_mode, smallest.config->admin.socket_mode) << file;
      EXPECT_EQ(config.state.sync, smallest.config->state.sync) << file;
      EXPECT_EQ(config.log.level, smallest.config->log.level) << file;
      EXPECT_EQ(config.log.format, smallest.config->log.format) << file;
      EXPECT_EQ(config.workers, smallest.config->workers) << file;
      EXPECT_EQ(config.busy_poll, smallest.config->busy_poll) << file;
      EXPECT_EQ(config.connections_max, smallest.config->connections_max) << file;
      EXPECT_EQ(config.shutdown_delay, smallest.config->shutdown_delay) << file;
      EXPECT_EQ(config.shutdown_grace, smallest.config->shutdown_grace) << file;
    }
  }
}

bool takes(const KeyTable& table, const std::string& key, const std::string& value) {
  return parse_config(file_with(table, key, value), "file").config.has_value();
}

// A plain off is false to a reader of YAML 1.1, so the schema has to allow that, and the parser to
// read what is written back.
TEST(ConfigSchema, TakesFalseWhereOffIsAValueAndTheParserToo) {
  int tried = 0;
  for (const KeyTable* table : kAllKeyTables) {
    if (!is_simple(*table)) continue;
    for (const auto& property : mapping_of(*table).at("properties").as_object()) {
      const json::object& rules = property.value().as_object();
      const json::value* types = rules.if_contains("type");
      if (types == nullptr || json::serialize(*types).find("boolean") == std::string::npos)
        continue;
      EXPECT_TRUE(takes(*table, property.key(), "false")) << property.key();
      EXPECT_TRUE(takes(*table, property.key(), "off")) << property.key();
      EXPECT_FALSE(takes(*table, property.key(), "true")) << property.key();
      EXPECT_EQ(json::serialize(rules.at("not")), R"({"const":true})") << property.key();
      ++tried;
    }
  }
  EXPECT_EQ(tried, 11);
  EXPECT_TRUE(takes(kTopKeys, "keepalive", "false"));
  EXPECT_TRUE(takes(kHealthKeys, "type", "false"));
}

TEST(ConfigSchema, HasTheParsersFormOfACongestionControl) {
  const json::object& rules = schema().at("definitions").at("congestion_name").as_object();
  const std::regex form(std::string(rules.at("pattern").as_string()));
  const json::array& barred = rules.at("not").at("enum").as_array();
  for (const char* text : {"bbr", "auto", "off", "none", "false", "a.b-c_9", "fifteen_letters",
                           "sixteen_letters_", "'a b'", "'a:b'", "ö"}) {
    const std::string bare = text[0] == '\'' ? std::string(text + 1, std::strlen(text) - 2) : text;
    const bool named = std::find(barred.begin(), barred.end(), json::value(bare)) == barred.end();
    EXPECT_EQ(named && std::regex_search(bare, form), takes(kAppKeys, "congestion", text)) << text;
    EXPECT_EQ(takes(kAppKeys, "congestion", text), takes(kCongestionKeys, "node", text)) << text;
  }
}

TEST(ConfigSchema, HasTheParsersFormOfADuration) {
  for (const char* key : {"connect", "idle"}) {
    const json::object& rules = mapping_of(kTimeoutsKeys).at("properties").at(key).as_object();
    const std::regex form(std::string(rules.at("pattern").as_string()));
    for (const char* text : {"1s", "0.5s", "1.5ms", "2000000ns", "1d", ".5s", "5.s", "5", "s",
                             "-5s", "5S", "1e3s", "off", "none", "5 s"}) {
      EXPECT_EQ(std::regex_search(text, form), takes(kTimeoutsKeys, key, text))
          << key << ": " << text;
    }
  }
}

}  // namespace
}  // namespace shunt::control
