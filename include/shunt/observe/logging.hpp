// Logger: the process's own log, one line a message, as text or JSON, to a descriptor.
//
//   2026-11-23T10:00:00.123Z info switch app=web from=blue to=green epoch=42 msg="green is live"
//   {"time":"2026-11-23T10:00:00.123Z","level":"info","type":"switch","app":"web",...,"msg":"..."}
//
// A descriptor that is journald's (JOURNAL_STREAM, systemd.exec(5)) gets "<6>info switch ..."
// instead: the priority in front (sd-daemon(3)), and no time, which the journal records by itself.
//
// Lines are formatted by the caller and written by a thread of their own. The queue between them is
// bounded: when the reader of the descriptor is too slow the oldest lines are dropped and counted,
// and nobody waits. Control characters and broken UTF-8 are escaped, so that one message is always
// one line and cannot forge another or command a terminal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shunt/control/config.hpp"
#include "shunt/control/event.hpp"

namespace shunt::observe {

struct LogField {
  std::string_view key;  // letters, digits, '_'
  std::string_view value;
};

struct LogOptions {
  control::LogLevel level = control::LogLevel::kInfo;
  control::LogFormat format = control::LogFormat::kText;
  int fd = 2;            // borrowed; stays open while the Logger lives
  bool journal = false;  // write for journald; see is_journal()
};

// True when `fd` is the stream that JOURNAL_STREAM names, so that journald reads what is written.
[[nodiscard]] bool is_journal(int fd) noexcept;

// The line for a message, without the newline. Pure.
[[nodiscard]] std::string format_log_line(const LogOptions& options, std::int64_t wall_ms,
                                          control::EventLevel level, std::string_view type,
                                          std::span<const LogField> fields,
                                          std::string_view message);

class Logger {
 public:
  explicit Logger(const LogOptions& options);
  ~Logger();  // writes what is queued; waits at most about a second for a stuck reader
  // What the destructor does, for a process that ends without: nothing is logged afterwards.
  void finish();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // Any thread but a worker; never waits for the descriptor. Levels below the configured one are
  // passed over before anything is formatted.
  void log(control::EventLevel level, std::string_view type, std::string_view message,
           std::initializer_list<LogField> fields = {});
  void log(const control::Event& event);

  [[nodiscard]] bool enabled(control::EventLevel level) const noexcept;
  // Lines that the bounded queue or a stuck descriptor cost. Any thread.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  struct Backend;  // spdlog lives here
  std::unique_ptr<Backend> backend_;
  LogOptions options_;
};

}  // namespace shunt::observe
