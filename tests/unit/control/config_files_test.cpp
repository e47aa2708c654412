// The files that are shipped, held against the parser.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "shunt/control/config.hpp"
#include "src/control/config_keys.hpp"

namespace shunt::control {
namespace {

const std::string kRoot = SHUNT_SOURCE_DIR;

Config loaded(const std::string& name) {
  ConfigOutcome outcome = load_config(kRoot + "/" + name);
  for (const ConfigError& error : outcome.errors) ADD_FAILURE() << error.to_string();
  return outcome.config ? std::move(*outcome.config) : Config{};
}

std::string content(const std::string& name) {
  std::ifstream stream(kRoot + "/" + name);
  EXPECT_TRUE(stream) << name;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(ConfigReference, NamesTheDefaultOfEveryKey) {
  const Config reference = loaded("config/shunt.yaml");
  const ConfigOutcome smallest = parse_config(
      "apps: {web: {initial: blue, listen: 8080, pools: {blue: [\"10.0.0.1:80\"]}}}", "smallest");
  ASSERT_TRUE(smallest.config);
  const Config& defaults = *smallest.config;
  EXPECT_EQ(reference.admin.socket, defaults.admin.socket);
  EXPECT_EQ(reference.admin.socket_mode, defaults.admin.socket_mode);
  EXPECT_EQ(reference.admin.http.has_value(), defaults.admin.http.has_value());
  EXPECT_EQ(reference.state.dir, defaults.state.dir);
  EXPECT_EQ(reference.state.sync, defaults.state.sync);
  EXPECT_EQ(reference.log.level, defaults.log.level);
  EXPECT_EQ(reference.log.format, defaults.log.format);
  EXPECT_EQ(reference.log.access, defaults.log.access);
  EXPECT_EQ(reference.workers, defaults.workers);
  EXPECT_EQ(reference.busy_poll, defaults.busy_poll);
  EXPECT_EQ(reference.connections_max, defaults.connections_max);
  EXPECT_EQ(reference.shutdown_delay, defaults.shutdown_delay);
  EXPECT_EQ(reference.shutdown_grace, defaults.shutdown_grace);
  const traffic::App& app = defaults.model.apps[0];
  ASSERT_EQ(reference.model.apps.size(), 2U);
  for (const traffic::App& shown : reference.model.apps) {
    EXPECT_EQ(shown.balance, app.balance);
    EXPECT_EQ(shown.panic_below_percent, app.panic_below_percent);
    EXPECT_EQ(shown.health, app.health);
    EXPECT_EQ(shown.drain, app.drain);
    EXPECT_EQ(shown.release, app.release);
    EXPECT_EQ(shown.timeouts, app.timeouts);
    EXPECT_EQ(shown.keepalive, app.keepalive);
    EXPECT_EQ(shown.sources, app.sources);
  }
  for (const traffic::Service& shown : reference.model.services) {
    EXPECT_EQ(shown.sockets, defaults.model.services[0].sockets) << shown.name;
  }
}

TEST(ConfigReference, AndTheHandbookNameEveryKey) {
  const std::string reference = content("config/shunt.yaml");
  const std::string handbook = content("docs/configuration.md");
  for (const KeyTable* table : kAllKeyTables) {
    for (const std::string_view key : table->known) {
      EXPECT_THAT(reference, ::testing::ContainsRegex("[ {\n]" + std::string(key) + ":"));
      EXPECT_THAT(handbook, ::testing::HasSubstr("`" + std::string(key) + "`")) << table->section;
    }
    for (const std::string_view key : table->later) {
      EXPECT_THAT(handbook, ::testing::HasSubstr("`" + std::string(key) + "`")) << table->section;
    }
  }
}

TEST(ConfigDemo, HasTwoNodesOfEachColour) {
  const Config demo = loaded("config/demo.yaml");
  ASSERT_EQ(demo.model.apps.size(), 1U);
  EXPECT_EQ(demo.model.apps[0].name, "demo");
  ASSERT_EQ(demo.model.apps[0].pools.size(), 2U);
  EXPECT_EQ(demo.model.apps[0].pools[0].nodes.size(), 2U);
  EXPECT_EQ(demo.model.apps[0].pools[1].nodes.size(), 2U);
  ASSERT_TRUE(demo.admin.http);
  EXPECT_EQ(demo.admin.http->to_string(), "127.0.0.1:9900");
}

}  // namespace
}  // namespace shunt::control
