// Everything that a verb touches of the process around it, handed in so that tests can stand in for
// it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace shunt::cli {

struct Environment {
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;  // somebody is there
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool color = false;       // on standard output: a terminal, and NO_COLOR is not set
  bool err_color = false;   // the same for standard error
  std::uint32_t width = 0;  // columns of the terminal; 0: not a terminal, lines are never clipped
  uid_t uid = 0;            // effective user
  std::vector<std::string> arguments;  // verb and flags as given, for the commands that it suggests
  std::function<std::string(const char* name)> variable;  // empty where unset
  std::function<std::int64_t()> wall_ms;                  // milliseconds since 1970
  std::string system_socket = "/run/shunt/admin.sock";    // of the shipped unit
};

// The real one: standard streams, getenv, clock.
[[nodiscard]] Environment process_environment(std::vector<std::string> arguments);

// Where to look for the daemon, in this order: --socket alone, else SHUNT_SOCKET alone, else for
// unprivileged users who have one $XDG_RUNTIME_DIR/shunt/admin.sock, and then for everybody the
// system's. One at least.
[[nodiscard]] std::vector<std::string> admin_socket_paths(const Environment& environment,
                                                          const std::string& flag);

}  // namespace shunt::cli
