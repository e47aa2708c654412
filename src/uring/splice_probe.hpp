// Whether splice(2) can be used in this process.
#pragma once

namespace shunt::uring {

// Moves a byte from one socket to another through a pipe. False where that is barred (seccomp),
// where there is no descriptor for it, or where the process does not ignore SIGPIPE, which would
// end it at the first reader that resets its connection.
[[nodiscard]] bool splicing_works() noexcept;

}  // namespace shunt::uring
