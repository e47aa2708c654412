// Waiting for a state of the daemon: what to wait for, how far it is, and the loop that asks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/cli/client.hpp"
#include "src/cli/environment.hpp"
#include "src/cli/json.hpp"

namespace shunt::cli {

enum class Goal { kAdopted, kConfirmed, kDrained, kEmpty, kHealthy };
[[nodiscard]] std::string_view to_string(Goal goal) noexcept;  // "adopted", ...

struct WaitFor {
  Goal goal = Goal::kAdopted;
  std::string app = "-";
  std::string pool;                // empty: for kDrained every pool that is not active
  std::vector<std::string> nodes;  // where given they count, not the pool
  // The change that is being waited for; where it does not stand any more, it was undone.
  std::string active;                // pool expected to be active; empty: any
  std::optional<std::string> admin;  // admin state expected of `nodes`
  bool retiring = false;             // `pool` is to end up retired
};

struct Progress {
  enum class State { kWaiting, kReached, kUndone, kImpossible } state = State::kWaiting;
  std::string text;  // "blue: 903 connections, oldest 3h"; for kUndone and kImpossible, why
};

// Pure: how far `app` (one app of the snapshot) is.
[[nodiscard]] Progress judge(const WaitFor& wanted, const json::object& app);

// How the end of the waiting is told. Progress goes to standard error where that is a terminal.
enum class Telling {
  kLine,    // a line: what was reached on standard output, else why not on standard error
  kJson,    // an object on standard output, whatever the end: docs/cli.md
  kFailure  // standard output holds an outcome already: only why it was not reached
};

// Asks until reached (0), undone (8), impossible (1), the deadline (4), or SIGINT (130). A daemon
// that does not answer for a while is asked again. `changed`: something was done before, so
// messages say that it stands.
[[nodiscard]] int wait_for(const Environment& environment, const Client& client,
                           const WaitFor& wanted, const Patience& patience, bool changed,
                           Telling telling);

}  // namespace shunt::cli
