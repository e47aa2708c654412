// The one binary: wires the command line to the daemon and the configuration check.
#include <exception>
#include <iostream>

#include "shunt/cli/main.hpp"
#include "shunt/control/config.hpp"
#include "src/app/daemon.hpp"
#include "src/app/kernel_tcp.hpp"
#include "src/app/machine.hpp"

namespace {

shunt::cli::CheckReport check(const std::string& path) {
  const shunt::control::ConfigOutcome outcome = shunt::control::load_config(path);
  shunt::cli::CheckReport report;
  for (const auto& error : outcome.errors) report.errors.push_back(error.to_string());
  report.error_count = shunt::control::count_of(outcome.errors);
  if (!outcome.config) return report;
  report.summary = shunt::app::summary_of(*outcome.config);
  const auto warn = [&report](const std::vector<shunt::control::ConfigError>& warnings) {
    for (const auto& warning : warnings) report.warnings.push_back(warning.to_string());
  };
  warn(shunt::app::missing_listeners(*outcome.config, shunt::app::can_bind));
  warn(shunt::app::missing_sources(*outcome.config, shunt::app::can_bind));
  warn(shunt::app::refused_congestion(*outcome.config, shunt::app::look_up_congestion));
  warn(shunt::app::idle_fast_open(*outcome.config, shunt::app::tcp_fastopen()));
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    shunt::cli::Hooks hooks;
    hooks.version = SHUNT_VERSION;
    hooks.serve = [](const shunt::cli::ServeOptions& options) {
      return shunt::app::serve(options);
    };
    hooks.check = check;
    return shunt::cli::run(argc, argv, hooks);
  } catch (const std::exception& error) {
    std::cerr << "shunt: " << error.what() << '\n';
    return 1;
  }
}
