// While one lives, SIGINT does not end the process but makes fd() readable, so that waiting can
// stop in an orderly way and say what stands. One at a time in a process.
#pragma once

#include <csignal>

#include "shunt/base/unique_fd.hpp"

namespace shunt::cli {

class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();  // restores what SIGINT did before
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  base::UniqueFd event_;
  struct sigaction before_{};
};

}  // namespace shunt::cli
