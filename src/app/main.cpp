// The one binary: wires the command line to the daemon and the configuration check.
#include <exception>
#include <iostream>

#include "shunt/cli/main.hpp"
#include "shunt/control/config.hpp"
#include "src/app/daemon.hpp"
#include "src/app/machine.hpp"

namespace {

shunt::cli::CheckReport check(const std::string& path) {
  const shunt::control::ConfigOutcome outcome = shunt::control::load_config(path);
  shunt::cli::CheckReport report;
  for (const auto& error : outcome.errors) report.errors.push_back(error.to_string());
  if (!outcome.config) return report;
  report.summary = shunt::app::summary_of(*outcome.config);
  for (const auto missing : {shunt::app::missing_listeners, shunt::app::missing_sources}) {
    for (const auto& warning : missing(*outcome.config, shunt::app::can_bind)) {
      report.warnings.push_back(warning.to_string());
    }
  }
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
