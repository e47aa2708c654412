// Who is at the other end of a Unix socket, as the kernel proves it.
#pragma once

#include <string>

namespace shunt::admin {

// "uid 1000 (ada)", the name where /etc/passwd has it; "" where the kernel does not say.
// Directories on the network (NSS) are not asked: they could hold up the control thread.
[[nodiscard]] std::string actor_of(int fd);

}  // namespace shunt::admin
