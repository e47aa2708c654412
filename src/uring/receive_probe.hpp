// Whether this kernel's multishot receives can be relied on.
#pragma once

#include "shunt/uring/buffer_ring.hpp"
#include "shunt/uring/ring.hpp"

namespace shunt::uring {

// Tries one on sockets of its own, some ten microseconds, which needs DEFER_TASKRUN: it must take a
// limit (compat::set_receive_limit, 6.17), and must not lose an end that comes together with bytes,
// as it did until a fix of March 2026 ("io_uring/poll: fix multishot recv missing EOF on wakeup
// race", in 7.0 and in later releases of the series before). The ring must be new: nothing is
// queued, in flight or unreaped, and all buffers are in it, as they are afterwards. False as well
// where there is no descriptor for it. Errors: what was cancelled does not end.
[[nodiscard]] base::Result<bool> multishot_receives_work(Ring& ring, BufferRing& buffers);

}  // namespace shunt::uring
