// The one binary: wires the command line to the daemon and the configuration check.
#include <exception>
#include <iostream>

#include "shunt/cli/main.hpp"
#include "shunt/control/config.hpp"
#include "src/app/daemon.hpp"

namespace {

shunt::cli::CheckReport check(const std::string& path) {
  const shunt::control::ConfigOutcome outcome = shunt::control::load_config(path);
  shunt::cli::CheckReport report;
  for (const auto& error : outcome.errors) report.errors.push_back(error.to_string());
  if (outcome.config) report.summary = shunt::app::summary_of(*outcome.config);
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
