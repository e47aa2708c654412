// Whether this kernel ends a wait for several completions as it should.
#pragma once

#include "shunt/uring/ring.hpp"

namespace shunt::uring {

// Tries one, a millisecond: where nothing came within the time for several, one must do. A kernel
// that waited on for all of them (as 6.16 and 6.17 were seen to, axboe/liburing issue 1477) would
// hold up a lone message for seconds. The ring must be new, as it is afterwards. False as well
// where there is no descriptor for it, or the machine was too busy to tell.
[[nodiscard]] bool gathering_works(Ring& ring) noexcept;

}  // namespace shunt::uring
