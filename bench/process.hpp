// A child process that ends with its owner.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace shunt::bench {

inline constexpr int kCallersCpu = -2;

class Process {
 public:
  // Output and errors go to log_path. cpu: where it is pinned, kAnyCpu or kCallersCpu. Throws
  // std::system_error.
  Process(const std::vector<std::string>& command, const std::string& log_path,
          int cpu = kCallersCpu, const std::vector<std::string>& environment = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  // SIGTERM, and SIGKILL after five seconds.
  ~Process();

  void signal(int number) const noexcept;
  [[nodiscard]] bool running() noexcept;
  // Waits for the end; the exit code, or 128 + the signal.
  int wait() noexcept;

 private:
  pid_t pid_ = -1;
  int status_ = 0;
};

// Runs a command to its end; its exit code.
int run(const std::vector<std::string>& command, const std::string& log_path);
// What a command printed, errors included.
[[nodiscard]] std::string output_of(const std::string& shell_command);

[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

// A new directory under /tmp, removed with its contents at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace shunt::bench
