// Reads the body of a changing request into a Command, strictly: what is not understood is a fault,
// and every fault is told at once. Pure; hostile bytes are expected
// (tests/fuzz/admin_body_fuzz.cpp).
#pragma once

#include <string_view>
#include <vector>

#include "shunt/control/command.hpp"

namespace shunt::admin {

struct ParsedCommand {
  control::Command command;             // meaningful only without faults
  std::vector<control::Reason> faults;  // gate: the field, or "body"
};

// body: one JSON object, or nothing, which stands for {}. Fills the fields of docs/admin-api.md;
// app, key, if_epoch and actor come from elsewhere in the request.
[[nodiscard]] ParsedCommand parse_command(control::Verb verb, std::string_view body);

}  // namespace shunt::admin
