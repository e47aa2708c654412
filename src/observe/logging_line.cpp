// The form of a log line; the queue and the writing are in logging.cpp.
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "shunt/base/units.hpp"
#include "shunt/observe/logging.hpp"
#include "src/observe/text.hpp"

namespace shunt::observe {
namespace {

std::string_view name_of(control::EventLevel level) noexcept {
  switch (level) {
    case control::EventLevel::kDebug:
      return "debug";
    case control::EventLevel::kInfo:
      return "info";
    case control::EventLevel::kWarn:
      return "warn";
    case control::EventLevel::kError:
      return "error";
  }
  return "error";
}

// Priorities of syslog(3), as sd-daemon(3) takes them at the front of a line.
std::string_view priority_of(control::EventLevel level) noexcept {
  switch (level) {
    case control::EventLevel::kDebug:
      return "<7>";
    case control::EventLevel::kInfo:
      return "<6>";
    case control::EventLevel::kWarn:
      return "<4>";
    case control::EventLevel::kError:
      return "<3>";
  }
  return "<3>";
}

void append_member(std::string& line, std::string_view key, std::string_view value) {
  line += line.back() == '{' ? "" : ",";
  append_json_string(line, key);
  line += ':';
  append_json_string(line, value);
}

}  // namespace

bool is_journal(int fd) noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr) return false;
  unsigned long long device = 0;
  unsigned long long inode = 0;
  struct stat file{};
  return std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 && ::fstat(fd, &file) == 0 &&
         file.st_dev == device && file.st_ino == inode;
}

std::string format_log_line(const LogOptions& options, std::int64_t wall_ms,
                            control::EventLevel level, std::string_view type,
                            std::span<const LogField> fields, std::string_view message) {
  std::string line;
  line.reserve(160);
  if (options.journal) line += priority_of(level);
  if (options.format == control::LogFormat::kJson) {
    line += '{';
    if (!options.journal) append_member(line, "time", base::format_wall_time(wall_ms));
    append_member(line, "level", name_of(level));
    append_member(line, "type", type);
    for (const LogField& field : fields) append_member(line, field.key, field.value);
    if (!message.empty()) append_member(line, "msg", message);
    line += '}';
    return line;
  }
  if (!options.journal) line += base::format_wall_time(wall_ms) + ' ';
  line += name_of(level);
  line += ' ';
  append_logfmt_value(line, type);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_logfmt_value(line, field.value);
  }
  if (!message.empty()) {
    line += " msg=";
    append_logfmt_value(line, message);
  }
  return line;
}

}  // namespace shunt::observe
