// Whatever the bytes, the configuration parser answers with a configuration or with errors, and
// what it accepts keeps the promises of the model.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "shunt/base/check.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/control/config.hpp"

namespace {

using shunt::control::Config;
using shunt::control::ConfigError;
using shunt::control::ConfigOutcome;

void check_errors(const ConfigOutcome& outcome) {
  for (const ConfigError& error : outcome.errors) {
    SHUNT_CHECK(!error.message.empty());
    SHUNT_CHECK(error.line >= 0 && error.column >= 0);
    // Nothing that a terminal would obey.
    for (const char c : error.to_string()) SHUNT_CHECK(static_cast<unsigned char>(c) >= 0x20);
  }
}

void check_app(const shunt::traffic::Model& model, const shunt::traffic::App& app,
               std::set<shunt::traffic::NodeSlot>& slots) {
  SHUNT_CHECK(app.initial < app.pools.size() && !app.services.empty());
  std::set<std::string> names;
  for (const shunt::traffic::Pool& pool : app.pools) {
    SHUNT_CHECK(!pool.nodes.empty());
    for (const shunt::traffic::Node& node : pool.nodes) {
      SHUNT_CHECK(names.insert(node.name).second);
      SHUNT_CHECK(node.slot < model.slots && slots.insert(node.slot).second);
      SHUNT_CHECK(node.weight >= 1 && node.weight <= 256);
      SHUNT_CHECK(node.addresses.size() == app.services.size());
      for (const auto& address : node.addresses) {
        SHUNT_CHECK(address.is_unix() || address.port() != 0);
      }
    }
  }
}

void check_config(const Config& config) {
  const shunt::traffic::Model& model = config.model;
  SHUNT_CHECK(!model.apps.empty() && model.apps.size() <= shunt::base::kAppsMax);
  SHUNT_CHECK(model.slots <= shunt::base::kNodeSlotsMax);
  SHUNT_CHECK(!config.admin.http || config.admin.http->is_loopback());
  std::set<shunt::traffic::NodeSlot> slots;
  for (const shunt::traffic::App& app : model.apps) check_app(model, app, slots);
  SHUNT_CHECK(slots.size() == model.slots);
  for (std::size_t i = 0; i < model.services.size(); ++i) {
    SHUNT_CHECK(model.services[i].id == i && model.services[i].app < model.apps.size());
    SHUNT_CHECK(!model.services[i].listen.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ConfigOutcome outcome = shunt::control::parse_config(text, "fuzz.yaml");
  SHUNT_CHECK(outcome.config.has_value() == outcome.errors.empty());
  check_errors(outcome);
  if (outcome.config) check_config(*outcome.config);
  return 0;
}
