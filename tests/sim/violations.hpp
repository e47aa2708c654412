// What a simulation found: broken rules, in the order in which they were seen.
#pragma once

#include <string>
#include <vector>

namespace shunt::sim {

class Violations {
 public:
  // trace: every event is printed to standard error as it happens (replay of one seed).
  explicit Violations(bool trace) : trace_(trace) {}

  void add(std::string what);
  [[nodiscard]] bool tracing() const noexcept { return trace_; }
  // Tells what happens, when tracing.
  void note(const std::string& what);

  [[nodiscard]] bool none() const noexcept { return found_.empty(); }
  [[nodiscard]] const std::vector<std::string>& found() const noexcept { return found_; }

 private:
  static constexpr std::size_t kKept = 20;  // one mistake shows up many times

  const bool trace_;
  std::vector<std::string> found_;
};

}  // namespace shunt::sim
