// Events about commands and tables, worded in one place.
#pragma once

#include <string>

#include "shunt/control/command.hpp"
#include "shunt/control/event.hpp"
#include "shunt/traffic/model.hpp"
#include "shunt/traffic/table.hpp"

namespace shunt::control {

// The events that an answer gives rise to: the change itself or its refusal, and a warning where it
// went ahead without the disk. Nothing for a repeat, a dry run, or a change that already was.
void announce_outcome(EventSink& events, const Command& command, const Outcome& outcome,
                      bool syncs);
// what: "green is live"; a restart had marked it as recovered, unacknowledged.
void announce_acknowledged(EventSink& events, const Command& command, const std::string& app,
                           const std::string& what);
// Services that entered panic or left it with the new table.
void announce_panic(EventSink& events, const traffic::Model& model,
                    const traffic::RoutingTable& before, const traffic::RoutingTable& after);

// Of the pool that takes a share: where a table gives it none because no node of it is usable, and
// where it has it again.
void announce_share(EventSink& events, const traffic::Model& model,
                    const traffic::RoutingTable& before, const traffic::RoutingTable& after);

}  // namespace shunt::control
