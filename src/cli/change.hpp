// The common way of every verb that changes something: send, say what came of it, wait if asked to.
#pragma once

#include <functional>
#include <string>

#include "src/cli/json.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/wait_for.hpp"

namespace shunt::cli {

struct Change {
  std::string action;  // last segment of the path: "switch"
  json::object body;   // the verb's own fields; the common ones are added
  // What --wait means after this outcome; the goal is filled in by perform().
  std::function<WaitFor(const json::object& outcome)> wait_for;
  // Why it must not be done, by the app as it is now; nothing: it may. Not asked where unset, nor
  // for a dry run; the repeat of what was answered is sent all the same.
  std::function<std::string(const json::object& app)> unfit = {};
};

// After a rollback, abort or split: the pool that it has left, or (a repeat, which left none) every
// pool that is not live.
[[nodiscard]] WaitFor wait_for_left(const json::object& outcome);

// Returns the ExitCode; everything has been said.
[[nodiscard]] int perform(const Environment& environment, const CommonOptions& common,
                          const ChangeOptions& options, const Change& change);

}  // namespace shunt::cli
