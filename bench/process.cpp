#include "bench/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "bench/net.hpp"
#include "shunt/base/clock.hpp"

namespace shunt::bench {

Process::Process(const std::vector<std::string>& command, const std::string& log_path, int cpu,
                 const std::vector<std::string>& environment) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (cpu != kCallersCpu) pin_to_cpu(cpu);
  for (const std::string& one : environment) ::putenv(const_cast<char*>(one.c_str()));
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  std::perror(arguments[0]);
  std::_Exit(127);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Process::~Process() {
  if (!running()) return;
  signal(SIGTERM);
  const base::Instant end = base::monotonic_now() + 5 * base::kSecond;
  while (running()) {
    if (base::monotonic_now() > end) signal(SIGKILL);
    ::usleep(1000);
  }
}

void Process::signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Process::running() noexcept {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

int Process::wait() noexcept {
  if (pid_ > 0) {
    ::waitpid(pid_, &status_, 0);
    pid_ = -1;
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

int run(const std::vector<std::string>& command, const std::string& log_path) {
  return Process(command, log_path).wait();
}

std::string output_of(const std::string& shell_command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((shell_command + " 2>&1").c_str(), "r"),
                                                   ::pclose);
  std::string output;
  std::array<char, 4096> chunk;
  while (pipe && std::fgets(chunk.data(), chunk.size(), pipe.get()) != nullptr)
    output += chunk.data();
  return output;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::system_error(errno, std::generic_category(), "write " + path);
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = "/tmp/shunt-bench-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace shunt::bench
