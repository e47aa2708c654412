// A blocking byte stream to a Unix socket in which every step has a deadline and can be
// interrupted.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shunt/base/clock.hpp"
#include "shunt/base/unique_fd.hpp"

namespace shunt::cli {

// How long a step may take, and what else ends it.
struct Patience {
  std::optional<base::Instant> deadline;  // empty: for ever
  int interrupt_fd = -1;                  // readable: stop; -1: none

  [[nodiscard]] bool over() const;
};

enum class StepEnd { kOk, kClosed, kTimedOut, kInterrupted, kFailed };

struct Step {
  StepEnd end = StepEnd::kOk;
  std::size_t bytes = 0;  // moved before it ended, also where it did not end well
  int error = 0;          // errno where kFailed
};

// Waits until fd (or only time, where fd is -1) is ready for `events`, or patience ends.
[[nodiscard]] StepEnd await(int fd, short events, const Patience& patience);

class UnixStream {
 public:
  // A listener whose backlog is full is tried again until patience ends.
  [[nodiscard]] Step connect(const std::string& path, const Patience& patience);
  [[nodiscard]] Step write_all(std::string_view bytes, const Patience& patience);
  // At least one byte where kOk; kClosed at the orderly end.
  [[nodiscard]] Step read_some(std::span<char> into, const Patience& patience);

 private:
  base::UniqueFd socket_;
};

}  // namespace shunt::cli
