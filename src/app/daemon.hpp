// `shunt serve`: wires every part together, runs until a signal ends it, stops in order.
#pragma once

#include <string>

#include "shunt/cli/main.hpp"
#include "shunt/control/config.hpp"

namespace shunt::app {

// Runs the daemon on the calling thread, which becomes the control thread. Returns the process's
// exit code: 0 after an orderly end, 1 when it could not start (the cause is on standard error).
[[nodiscard]] int serve(const cli::ServeOptions& options);

// "1 app, 2 services, 4 nodes in 2 pools"
[[nodiscard]] std::string summary_of(const control::Config& config);

}  // namespace shunt::app
