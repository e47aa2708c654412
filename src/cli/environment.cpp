#include "src/cli/environment.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "shunt/base/clock.hpp"

namespace shunt::cli {
namespace {

std::string variable_of_process(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::uint32_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  return 80;  // a serial console does not know its size
}

}  // namespace

Environment process_environment(std::vector<std::string> arguments) {
  const bool out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const bool dumb = variable_of_process("TERM") == "dumb";
  const bool err_is_terminal = ::isatty(STDERR_FILENO) == 1 && !dumb;
  // https://no-color.org: set and not empty, whatever the value.
  const bool colorful = !dumb && variable_of_process("NO_COLOR").empty();
  return Environment{
      .out = std::cout,
      .err = std::cerr,
      .in_is_terminal = ::isatty(STDIN_FILENO) == 1,
      .out_is_terminal = out_is_terminal,
      .err_is_terminal = err_is_terminal,
      .color = out_is_terminal && colorful,
      .err_color = err_is_terminal && colorful,
      .width = out_is_terminal ? terminal_width() : 0,
      .uid = ::geteuid(),
      .arguments = std::move(arguments),
      .variable = variable_of_process,
      .wall_ms = [] { return base::wall_now_ms(); },
  };
}

std::vector<std::string> admin_socket_paths(const Environment& environment,
                                            const std::string& flag) {
  if (!flag.empty()) return {flag};
  if (std::string path = environment.variable("SHUNT_SOCKET"); !path.empty()) return {path};
  std::vector<std::string> paths;
  if (environment.uid != 0) {
    const std::string runtime = environment.variable("XDG_RUNTIME_DIR");
    if (!runtime.empty()) paths.push_back(runtime + "/shunt/admin.sock");
  }
  paths.push_back(environment.system_socket);
  return paths;
}

}  // namespace shunt::cli
