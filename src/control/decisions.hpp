// Decisions: what is in force now, by AppId and slot. Changed by the switchboard alone, when a
// decision has been published.
#pragma once

#include <vector>

#include "shunt/control/restored_state.hpp"

namespace shunt::control {

struct Decisions {
  std::vector<RestoredApp> apps;           // by AppId
  std::vector<traffic::AdminState> admin;  // by slot
  // Every worker follows what is in force, as of the command that runs: none connects any more to
  // what was left.
  bool followed = true;
};

}  // namespace shunt::control
