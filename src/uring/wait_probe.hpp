// Whether this kernel ends a wait for several completions as it should.
#pragma once

#include "shunt/uring/ring.hpp"

namespace shunt::uring {

// Tries one, a millisecond: where nothing came within the time for several, one must do. Kernels
// from 6.12 on waited on for all of them, until a fix of December 2025 (commit e15cb2200b93 in 6.19
// and in later releases of the series before), which would hold up a lone message for seconds. The
// ring must be new, as it is afterwards. False as well where the machine was too busy to tell.
[[nodiscard]] bool gathering_works(Ring& ring) noexcept;

}  // namespace shunt::uring
