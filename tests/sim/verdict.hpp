// Verdict: what must be true of every connection once a simulation is over (the contract's points 2
// and 3, and the records of connections).
#pragma once

#include "tests/sim/control.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/violations.hpp"

namespace shunt::sim {

void judge_connections(const Network& network, const Control& control, Violations& violations);

}  // namespace shunt::sim
