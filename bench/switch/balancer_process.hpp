// What the balancers under test have in common: a process with a log, and the wait until it serves.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/net.hpp"
#include "bench/process.hpp"
#include "shunt/base/clock.hpp"

namespace shunt::bench {

// Polls until ready() returns true; exceptions of ready count as not yet.
inline void wait_until_ready(Process& process, const std::string& name, const std::string& log_path,
                             const std::function<bool()>& ready) {
  const base::Instant end = base::monotonic_now() + 20 * base::kSecond;
  for (;;) {
    try {
      if (ready()) return;
    } catch (const std::exception&) {
      // Not listening yet.
    }
    if (!process.running() || base::monotonic_now() > end) {
      throw std::runtime_error(name + " did not start:\n" + read_file(log_path));
    }
    ::usleep(10'000);
  }
}

inline bool accepts(const Endpoint& entry) {
  const UniqueFd probe = connect_to(entry, 1);
  return bool(probe);
}

}  // namespace shunt::bench
