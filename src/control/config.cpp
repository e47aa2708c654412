#include "shunt/control/config.hpp"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "shunt/base/unique_fd.hpp"
#include "shunt/base/units.hpp"
#include "src/control/config_model.hpp"

namespace shunt::control {
namespace {

constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kLogLevels = {
    {{"debug", LogLevel::kDebug},
     {"info", LogLevel::kInfo},
     {"warn", LogLevel::kWarn},
     {"error", LogLevel::kError}}};
constexpr std::array<std::pair<std::string_view, LogFormat>, 2> kLogFormats = {
    {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}};

// An absolute path: the daemon's working directory is not the operator's. `word`: a word that is
// taken too, and gives itself.
void read_path(const Section& section, std::string_view key, std::string& value,
               std::string_view word = {}) {
  const std::string* given = section.text(key, "an absolute path");
  if (given == nullptr || (*given == word && !word.empty())) {
    if (given != nullptr) value = *given;
    return;
  }
  const bool printable = std::none_of(given->begin(), given->end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (!given->starts_with('/') || !printable || given->size() >= PATH_MAX) {
    section.wrong(key, quoted(*given) + " is not an absolute path",
                  word.empty() ? "write /path" : "write /path or " + std::string(word));
    return;
  }
  value = *given;
}

// Permission bits, octal as chmod takes them.
void read_mode(const Section& section, std::string_view key, std::uint32_t& value) {
  const std::string expected = "permissions in octal such as 0660";
  const std::string* given = section.text(key, expected);
  if (given == nullptr) return;
  std::uint32_t mode = 0;
  const char* const last = given->data() + given->size();
  const auto [end, error] = std::from_chars(given->data(), last, mode, 8);
  if (error != std::errc{} || end != last || given->size() < 3 || given->size() > 4 ||
      mode > 0777) {
    section.wrong(key, quoted(*given) + " is not " + expected);
    return;
  }
  value = mode;
}

void read_admin(const Section& top, AdminConfig& admin, std::vector<PlacedAddress>& listeners) {
  const Section section(top.report(), top.find("admin"), "admin", kAdminKeys);
  constexpr std::string_view kAuto = "auto";
  std::string socket(kAuto);
  read_path(section, "socket", socket, kAuto);
  admin.socket = socket == kAuto ? default_admin_socket() : socket;
  if (admin.socket.size() >= sizeof(sockaddr_un::sun_path)) {
    section.wrong("socket", quoted(admin.socket) + " is longer than the " +
                                std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                " bytes that a Unix socket path may have");
  }
  if (const auto door = base::Endpoint::parse("unix:" + admin.socket)) {
    listeners.push_back({*door, section.find("socket"), "admin.socket"});
  }
  read_mode(section, "socket_mode", admin.socket_mode);
  const TreeNode* http = section.find("http");
  if (http == nullptr || (http->kind == TreeNode::Kind::kScalar && is_off(http->text))) return;
  admin.http = read_address(top.report(), *http, "admin.http", AddressUse::kAdmin);
  if (admin.http) listeners.push_back({*admin.http, http, "admin.http"});
}

void read_state(const Section& top, StateConfig& state) {
  const Section section(top.report(), top.find("state"), "state", kStateKeys);
  constexpr std::string_view kAuto = "auto";
  std::string dir(kAuto);
  read_path(section, "dir", dir, kAuto);
  state.dir = dir == kAuto ? default_state_dir() : dir;
  section.read_switch("sync", state.sync);
}

void read_log(const Section& top, LogConfig& log) {
  const Section section(top.report(), top.find("log"), "log", kLogKeys);
  section.read_choice("level", log.level, kLogLevels);
  section.read_choice("format", log.format, kLogFormats);
  const TreeNode* access = section.find("access");
  if (access != nullptr && access->kind == TreeNode::Kind::kScalar && is_off(access->text)) return;
  read_path(section, "access", log.access, "stdout");
}

void read_busy_poll(const Section& top, proxy::BusyPollSetting& setting) {
  constexpr std::string_view kKey = "busy_poll";
  const std::string* given = top.text(kKey, "auto, off or a duration such as 50us");
  if (given == nullptr || *given == "auto") return;
  if (is_off(*given) || *given == "none") {
    setting = {.mode = proxy::BusyPollMode::kOff};
    return;
  }
  const base::Result<base::Duration> span = base::parse_duration(*given);
  if (!span || *span < base::kMicrosecond || *span > base::kBusyPollSpanMax) {
    top.wrong(kKey,
              quoted(*given) + " is none of auto, off, and a duration from 1us to " +
                  base::format_duration(base::kBusyPollSpanMax),
              "write auto, off, or a time such as 50us");
    return;
  }
  setting = {.mode = proxy::BusyPollMode::kAlways, .span = *span};
}

void read_splice(const Section& top, bool& splice) {
  constexpr std::string_view kKey = "splice";
  const std::string* given = top.text(kKey, "auto or off");
  if (given == nullptr || *given == "auto") return;
  splice = false;
  if (!is_off(*given) && *given != "none")
    top.wrong(kKey, quoted(*given) + " is none of auto and off", "write auto or off");
}

void read_document(const TreeNode& root, Report& report, Config& config) {
  const Section top(report, &root, "", kTopKeys);
  std::vector<PlacedAddress> listeners;
  read_admin(top, config.admin, listeners);
  read_state(top, config.state);
  read_log(top, config.log);
  top.read("workers", config.workers, 1, base::kWorkersMax, true);
  read_busy_poll(top, config.busy_poll);
  read_splice(top, config.splice);
  const Section limits(report, top.find("limits"), "limits", kLimitsKeys);
  limits.read("connections", config.connections_max, 1, base::kConnectionsMax, true);
  top.read("shutdown_delay", config.shutdown_delay, {.min = 0, .max = 3600 * base::kSecond});
  top.read("shutdown_grace", config.shutdown_grace, {.min = 0});

  AppDefaults defaults;
  read_timeouts(top, defaults.timeouts);
  read_keepalive(top, defaults.keepalive);
  read_source(top, defaults.sources, config.sources);
  ModelReader reader(report, config.path, std::move(defaults), std::move(listeners),
                     config.sources);
  config.model = reader.read(top);
  auto [fast_open, congestion] = reader.take_socket_places();
  config.fast_open = std::move(fast_open);
  config.congestion = std::move(congestion);
  for (const PlacedAddress& listener : reader.listeners()) {
    if (listener.address.is_unix()) continue;
    config.listeners.push_back(
        {listener.place, listener.at->line, listener.at->column, listener.address});
  }
}

constexpr const char* kRegularFile = "write the configuration into a file and give that";

const char* way_out_of(int error) {
  switch (error) {
    case ENOENT:
      return "give the file with --config";
    case EACCES:
      return "let the user that shunt runs as read it";
    default:
      return "";
  }
}

// The whole text; an error of the file as a whole otherwise.
std::optional<ConfigError> read_file(const std::string& path, std::string& text) {
  const auto failed = [](std::string message, std::string hint = {}) {
    return ConfigError{"", 0, 0, std::move(message), std::move(hint)};
  };
  // O_NONBLOCK: opening a FIFO would wait for a writer for ever (fifo(7)), a terminal for a
  // carrier.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno == ENXIO) return failed("is a socket or a device, not a file", kRegularFile);
    return failed(std::string("cannot be read: ") + std::strerror(errno), way_out_of(errno));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return failed(std::string("cannot be read: ") + std::strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) return failed("is a directory, not a file", "give the file in it");
  if (!S_ISREG(status.st_mode)) {
    return failed(S_ISFIFO(status.st_mode) ? "is a pipe, not a file" : "is a device, not a file",
                  kRegularFile);
  }
  char block[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(fd.get(), block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) return std::nullopt;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > kConfigBytesMax) return std::nullopt;  // parse_config says so
  }
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

ConfigOutcome parse_config(std::string_view text, const std::string& path) {
  ConfigOutcome outcome;
  Report report;
  Config config;
  config.path = path;
  try {
    if (text.size() > kConfigBytesMax) {
      report.add({"", 0, 0, "larger than 4 MiB", "is this the right file?"});
    } else if (auto bad = find_bad_text(text)) {
      report.add(std::move(*bad));
    } else {
      config.text = text;
      std::vector<ConfigError> found;
      const std::optional<TreeNode> root = read_tree(config.text, found);
      for (ConfigError& error : found) report.add(std::move(error));
      if (root) read_document(*root, report, config);
    }
  } catch (const std::exception& error) {  // memory, or a bug: either way the file is not taken
    report.add({"", 0, 0, std::string("cannot be read: ") + error.what(), ""});
  }
  if (report.empty()) {
    outcome.config = std::move(config);
  } else {
    outcome.errors = report.take(path);
  }
  return outcome;
}

ConfigOutcome load_config(const std::string& path) {
  std::string text;
  if (auto failure = read_file(path, text)) {
    failure->file = path;
    ConfigOutcome outcome;
    outcome.errors.push_back(std::move(*failure));
    return outcome;
  }
  return parse_config(text, path);
}

std::string default_admin_socket() {
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  if (::geteuid() != 0 && runtime.starts_with('/')) return runtime + "/shunt/admin.sock";
  return "/run/shunt/admin.sock";
}

std::string default_state_dir() {
  // A systemd unit that runs as a user of its own sets this (systemd.exec(5), StateDirectory=).
  const std::string unit = environment("STATE_DIRECTORY");
  if (unit.starts_with('/')) return unit.substr(0, unit.find(':'));
  if (::geteuid() != 0) {
    const std::string state = environment("XDG_STATE_HOME");
    if (state.starts_with('/')) return state + "/shunt";
    // The default of XDG_STATE_HOME (XDG Base Directory Specification 0.8).
    const std::string home = environment("HOME");
    if (home.starts_with('/')) return home + "/.local/state/shunt";
  }
  return "/var/lib/shunt";
}

}  // namespace shunt::control
