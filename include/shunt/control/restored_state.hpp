// The stored decision matched with the file that is read now: names become positions and slots.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "shunt/base/result.hpp"
#include "shunt/control/event.hpp"
#include "shunt/control/state_store.hpp"
#include "shunt/traffic/model.hpp"
#include "shunt/traffic/release.hpp"
#include "shunt/traffic/table.hpp"

namespace shunt::control {

struct RestoredApp {
  traffic::ReleaseState release;
  std::optional<Receipt> last_receipt;
  bool recovered_unacknowledged = false;
};

struct RestoredState {
  std::vector<RestoredApp> apps;           // by AppId
  std::vector<traffic::AdminState> admin;  // by slot
  StateDocument document;     // with apps that the file does not have (any more) as found
  std::vector<Event> events;  // what was dropped or recovered; published by the controller
};

// An app without state starts with `initial`. Error of kConflict: the active pool is not in the
// file any more. Kept pools and node states whose pool or node is gone are dropped, each with an
// event.
[[nodiscard]] base::Result<RestoredState> restore_state(const traffic::Model& model,
                                                        const StateLoad& load);

// The root for DataPlane::start, revision 1: the nodes of the active pools count as usable until
// they are checked.
[[nodiscard]] std::unique_ptr<const traffic::RoutingRoot> initial_root(const traffic::Model& model,
                                                                       const RestoredState& state);

}  // namespace shunt::control
