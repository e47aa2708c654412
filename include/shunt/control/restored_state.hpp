// The stored decision matched with the file that is read now: names become positions and slots.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
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
  base::Instant trial_ends = 0;  // where the live pool is in trial; set by the switchboard
};

struct RestoredState {
  std::vector<RestoredApp> apps;           // by AppId
  std::vector<traffic::AdminState> admin;  // by slot
  StateDocument document;     // with apps and nodes that the file does not have (any more)
  std::vector<Event> events;  // what was dropped or recovered; published by the controller
};

// An app without state starts with `initial`. Error of kConflict: the active pool or a kept one is
// not in the file any more. States of nodes that are gone are kept, at most base::kAbsentNodesKept
// of them, so are decisions of apps that are gone, those of the last base::kAbsentAppsKept of them,
// and told with an event. file: its name, for errors.
[[nodiscard]] base::Result<RestoredState> restore_state(const traffic::Model& model,
                                                        const StateLoad& load,
                                                        std::string_view file = "the file");

// What is left of an app's trial, by the wall clock: 0 where it is over, and never more than it had
// when it began.
[[nodiscard]] base::Duration trial_left(const RestoredApp& app, std::int64_t wall_ms) noexcept;

// The root for DataPlane::start, revision 1: the nodes of the active pools count as usable until
// they are checked.
[[nodiscard]] std::unique_ptr<const traffic::RoutingRoot> initial_root(const traffic::Model& model,
                                                                       const RestoredState& state);

}  // namespace shunt::control
