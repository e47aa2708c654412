// What the daemon answered to a command, as lines for people and as an exit code. Pure.
#pragma once

#include <string>

#include "src/cli/json.hpp"

namespace shunt::cli {

// An ExitCode from the status and the body's `kind`.
[[nodiscard]] int exit_code_of(int status, const json::object& body);

// The ExitCode of an outcome of status 200: kTimedOut where a worker had not followed in time.
[[nodiscard]] int exit_code_of_outcome(const json::object& outcome);

// An outcome of status 200: one line, and the receipt's where something moved. Ends with a line
// feed.
[[nodiscard]] std::string render_outcome(const json::object& outcome, bool color);

// A problem document: what, every reason, and the commands that lead on.
[[nodiscard]] std::string render_problem(int status, const json::object& problem, bool color);

}  // namespace shunt::cli
