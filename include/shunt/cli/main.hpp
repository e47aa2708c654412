// The command line of the one binary: parses the verb and its flags, talks to the daemon over the
// admin socket, and says what happened. `serve` and `check` need the floors beside and below this
// one, so whoever owns main hands them in as hooks.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace shunt::cli {

struct ServeOptions {
  std::string config_path;  // as given, or default_config_path
  bool reset_state =
      false;  // --reset-state: forget stored decisions, start from the file's `initial`
};

// What `shunt check` found. Texts are for people and printed as they are but for control
// characters.
struct CheckReport {
  std::vector<std::string> errors;  // "file:line:column: message (hint)", in the order of the file
  std::size_t error_count = 0;      // may be more than are listed
  std::vector<std::string> warnings;  // the same form; do not fail the check
  std::string summary;  // one line where there are no errors: "2 apps, 3 services, 80 nodes"
};

struct Hooks {
  std::string version;  // for --version: "0.1.0"; empty: the project's version
  // Runs the daemon until it ends; returns the process's exit code.
  std::function<int(const ServeOptions& options)> serve;
  std::function<CheckReport(const std::string& path)> check;
};

inline constexpr const char* default_config_path = "/etc/shunt/shunt.yaml";

// Runs one command and returns the process's exit code (docs/cli.md lists them). argv: as main got
// it. Reads SHUNT_SOCKET, XDG_RUNTIME_DIR and NO_COLOR; writes to standard output and error. Verbs
// that change or wait handle SIGINT while they run; `serve` is called with all signals untouched.
// Exceptions of the hooks pass through.
int run(int argc, char** argv, const Hooks& hooks);

}  // namespace shunt::cli
