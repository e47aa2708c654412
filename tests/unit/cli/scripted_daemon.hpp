// A daemon for tests: an HTTP server on a Unix socket of its own, whose answers the test writes
// down beforehand, and which remembers what it was asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shunt/base/unique_fd.hpp"

namespace shunt::cli {

struct SeenRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class ScriptedDaemon {
 public:
  // The bytes of the answer ("": the connection is closed without one), or nothing: it stays open
  // and silent until the test ends.
  using Handler = std::function<std::optional<std::string>(const SeenRequest& request)>;

  explicit ScriptedDaemon(Handler handler);
  ~ScriptedDaemon();
  ScriptedDaemon(const ScriptedDaemon&) = delete;
  ScriptedDaemon& operator=(const ScriptedDaemon&) = delete;

  [[nodiscard]] const std::string& socket_path() const noexcept { return path_; }
  // The next so many connections are closed once something of their request is there, and unread.
  void turn_away(int connections) { turned_away_ = connections; }
  [[nodiscard]] std::vector<SeenRequest> seen() const;
  // The only request; a failure of the test where there was none or more.
  [[nodiscard]] SeenRequest only_request() const;

 private:
  void serve();

  Handler handler_;
  std::string directory_;
  std::string path_;
  base::UniqueFd listener_;
  base::UniqueFd stop_;
  std::atomic<int> turned_away_ = 0;
  mutable std::mutex mutex_;
  std::vector<SeenRequest> seen_;  // guarded by mutex_
  std::thread thread_;
};

// A whole response with its Content-Length.
[[nodiscard]] std::string http(int status, const std::string& body,
                               const std::string& type = "application/json");

// Answers one after the other, the last one for ever.
[[nodiscard]] ScriptedDaemon::Handler in_turn(std::vector<std::string> answers);

// One run of the command line against it.
struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

struct RunOptions {
  std::map<std::string, std::string> variables;
  bool terminal = false;  // both streams
  bool color = false;
  std::uint32_t width = 0;
  unsigned uid = 0;
  std::ostream* out = nullptr;  // takes standard output in the place of Ran::out
  std::string system_socket = "/nowhere/run/shunt/admin.sock";
};

// arguments: words separated by single spaces.
[[nodiscard]] Ran run_words(const std::vector<std::string>& words, const RunOptions& options = {});
[[nodiscard]] Ran run_line(const std::string& arguments, const RunOptions& options = {});
// With SHUNT_SOCKET set to the daemon's.
[[nodiscard]] Ran run_at(const ScriptedDaemon& daemon, const std::string& arguments,
                         RunOptions options = {});

}  // namespace shunt::cli
