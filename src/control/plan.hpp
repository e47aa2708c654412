// What a command amounts to: names resolved, rules and gates asked, nothing changed yet. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shunt/control/command.hpp"
#include "shunt/proxy/mailbox.hpp"
#include "src/control/decisions.hpp"
#include "src/control/drains.hpp"
#include "src/control/health_board.hpp"

namespace shunt::control {

// A command whose names are known.
struct Resolved {
  traffic::AppId app = 0;
  traffic::PoolId pool = traffic::kNoPool;
  traffic::Generation generation = 0;  // confirm: that was named; 0: none was
  std::vector<traffic::NodeSlot> nodes;
  std::vector<std::string> sources;  // split: networks, in their own words
};

// Every unknown name and contradiction at once: an Outcome of kInvalid or kNotFound.
[[nodiscard]] std::optional<Outcome> resolve(const traffic::Model& model, const Command& command,
                                             Resolved& resolved);

// What will change.
struct Plan {
  traffic::AppId app = 0;
  Outcome outcome;  // as it will be answered, but for what is only known afterwards
  std::optional<traffic::ReleaseState> release;
  traffic::PoolId from = traffic::kNoPool;  // the pool that all traffic leaves; kNoPool: it stays
  traffic::PoolId resumes = traffic::kNoPool;  // its drain begins anew, and what closes it ends
  traffic::PoolId settles = traffic::kNoPool;  // its drain has the usual deadline from now on
  traffic::PoolId joins = traffic::kNoPool;    // takes a share from now on
  traffic::PoolId leaves = traffic::kNoPool;   // takes none any more; beside `from`
  traffic::PoolId closes = traffic::kNoPool;   // beside `from`: what it has left is closed, too
  std::vector<std::pair<traffic::NodeSlot, traffic::AdminState>> admin;
  std::vector<traffic::NodeSlot> drains;  // nodes whose drain begins or gets a new deadline
  base::Duration trial = base::kOff;      // of a switch: to be confirmed within this
  bool publishes = false;                 // the active pool's table changes
};

// Either the answer is known already (refused, nothing to do, dry run), or there is a plan.
struct Decided {
  Outcome outcome;
  std::optional<Plan> plan;
};

// For all verbs but kClose.
[[nodiscard]] Decided decide(const traffic::Model& model, const Decisions& decisions,
                             const HealthBoard& health, const Drains& drains,
                             const Command& command, const Resolved& resolved);

// An Outcome about this app as it is.
[[nodiscard]] Outcome outcome_for(const traffic::Model& model, const Decisions& decisions,
                                  traffic::AppId app);

}  // namespace shunt::control
