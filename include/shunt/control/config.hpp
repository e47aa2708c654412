// The configuration file: parsed strictly, all errors at once, each with file:line:column.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/endpoint.hpp"
#include "shunt/proxy/busy_poll_setting.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::control {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

struct AdminConfig {
  std::string socket;                  // path; default: default_admin_socket()
  std::uint32_t socket_mode = 0660;    // file permissions of the socket
  std::optional<base::Endpoint> http;  // loopback only until TLS and tokens exist; read-only
};

struct StateConfig {
  std::string dir;   // default: default_state_dir()
  bool sync = true;  // fdatasync each decision; off: receipts say durable: false
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::string access;  // path, "stdout", or empty: off
};

// One address of a `source` or `listen` key, with its place for what only the machine can say of
// it.
struct PlacedEndpoint {
  std::string key;  // "apps.web.source[1]"
  int line = 0;     // from 1
  int column = 0;   // from 1
  base::Endpoint address;
};

// The same for a word: the name of a congestion control, or "on".
struct PlacedName {
  std::string key;  // "apps.web.congestion.client"
  int line = 0;     // from 1
  int column = 0;   // from 1
  std::string name;
};

struct Config {
  std::string path;  // as given; for messages
  std::string text;  // the file's content
  AdminConfig admin;
  StateConfig state;
  LogConfig log;
  std::uint32_t workers = 0;  // 0: auto, one per CPU that the process may use
  proxy::BusyPollSetting busy_poll;
  bool splice = true;                 // streams may go on without a copy
  std::uint32_t connections_max = 0;  // 0: auto, from descriptors
  base::Duration shutdown_delay = 0;  // /ready fails, then this passes, then accepting stops
  base::Duration shutdown_grace =
      5 * base::kSecond;                  // for connections to end before they are closed
  std::vector<PlacedEndpoint> sources;    // of all `source` keys, in the order of the file
  std::vector<PlacedEndpoint> listeners;  // admin.http and all `listen` keys, no Unix sockets
  std::vector<PlacedName> fast_open;      // of all `fast_open` keys that say on
  std::vector<PlacedName> congestion;     // of all `congestion` keys, each name that is not auto
  traffic::Model model;
};

// One thing wrong with the file.
struct ConfigError {
  std::string file;
  int line = 0;                // from 1; 0: the file as a whole
  int column = 0;              // from 1
  std::string message;         // names the value and what was expected
  std::string hint;            // the nearest known key, the way out; may be empty
  std::size_t stands_for = 1;  // errors; more where the rest of many is only counted

  [[nodiscard]] std::string to_string() const;  // "file:line:column: message (hint)"
};

[[nodiscard]] std::size_t count_of(const std::vector<ConfigError>& errors);

struct ConfigOutcome {
  std::optional<Config> config;     // set exactly when there are no errors
  std::vector<ConfigError> errors;  // in the order of the file
};

// path: for messages. Never throws; whatever yaml-cpp reports becomes a ConfigError.
[[nodiscard]] ConfigOutcome parse_config(std::string_view text, const std::string& path);
[[nodiscard]] ConfigOutcome load_config(const std::string& path);

// $XDG_RUNTIME_DIR and $XDG_STATE_HOME for unprivileged users, else /run/shunt/admin.sock and
// /var/lib/shunt.
[[nodiscard]] std::string default_admin_socket();
[[nodiscard]] std::string default_state_dir();

}  // namespace shunt::control
