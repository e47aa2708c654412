// Where access log lines go: a file that is opened by its path, or standard output. Lines wait in a
// bounded buffer while the disk is full, so that none is ever cut in two, and are dropped beyond
// it.
//
//   working ──open or write failed──► failing        an event at each edge, none within a state
//   failing ──everything written────► working
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/base/clock.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/control/event.hpp"

namespace shunt::observe {

class AccessLogFile {
 public:
  AccessLogFile(std::string path, std::size_t buffer_bytes, control::EventSink& events);

  // Takes one line with its newline; it is written by a later flush. Drops it when the buffer is
  // full.
  void add(std::string_view line);
  // Writes what waits as far as the kernel takes it without waiting for a reader. While it fails,
  // opening is tried at most once a second of `now`.
  void flush(base::Instant now);
  // Writes what waits, then opens the path anew.
  void reopen(base::Instant now);
  // The last flush: what the kernel does not take now is dropped.
  void finish(base::Instant now);

  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }      // lines
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }      // lines
  [[nodiscard]] std::size_t waiting() const noexcept { return buffer_.size(); }  // bytes

 private:
  enum class State : std::uint8_t { kWorking, kFailing };

  bool open(base::Instant now);
  bool write_some(std::size_t& sent);
  void failed(std::string_view doing, int error_number);
  void recovered();

  const std::string path_;
  const std::size_t buffer_bytes_;
  control::EventSink& events_;

  base::UniqueFd fd_;
  bool regular_ = false;  // takes any amount at once; pipes and terminals do not
  State state_ = State::kWorking;
  base::Instant next_open_ = 0;
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_before_ = 0;  // when the state became kFailing
};

}  // namespace shunt::observe
