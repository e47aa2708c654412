// Decisions: what is in force now, by AppId and slot. Changed by the switchboard alone, when a
// decision has been published.
#pragma once

#include <vector>

#include "shunt/control/restored_state.hpp"

namespace shunt::control {

struct Decisions {
  std::vector<RestoredApp> apps;           // by AppId
  std::vector<traffic::AdminState> admin;  // by slot
};

}  // namespace shunt::control
