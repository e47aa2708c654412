#include "src/observe/access_log_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace shunt::observe {
namespace {

constexpr base::Duration kOpenAgainAfter = base::kSecond;

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

AccessLogFile::AccessLogFile(std::string path, std::size_t buffer_bytes, control::EventSink& events)
    : path_(std::move(path)), buffer_bytes_(buffer_bytes), events_(events) {}

void AccessLogFile::add(std::string_view line) {
  if (buffer_.size() + line.size() > buffer_bytes_) {
    ++dropped_;
    return;
  }
  buffer_ += line;
}

bool AccessLogFile::open(base::Instant now) {
  if (now < next_open_) return false;
  next_open_ = now + kOpenAgainAfter;
  if (path_ == "stdout") {
    fd_.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  } else {
    // Not blocking: opening a FIFO without a reader would wait for one for ever (fifo(7)).
    fd_.reset(::open(path_.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
  }
  if (!fd_) {
    failed("open", errno);
    return false;
  }
  struct stat file{};
  regular_ = ::fstat(fd_.get(), &file) == 0 && S_ISREG(file.st_mode);
  return true;
}

// One write(2) of what waits from `sent` on, which it moves. False when no more can be written now.
bool AccessLogFile::write_some(std::size_t& sent) {
  const std::string_view rest = std::string_view(buffer_).substr(sent);
  std::size_t part = rest.size();
  if (!regular_) {
    // Standard output may be a blocking pipe: one that polls writable takes PIPE_BUF bytes
    // (pipe(7)).
    pollfd wait{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&wait, 1, 0) <= 0) return false;  // a slow reader is no failure; the buffer waits
    part = std::min<std::size_t>(part, 4096);
  }
  const ssize_t n = ::write(fd_.get(), rest.data(), part);
  if (n < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN) return false;
    failed("write", errno);
    return false;
  }
  const auto count = static_cast<std::size_t>(n);
  written_ += lines_in(rest.substr(0, count));
  sent += count;
  return true;
}

void AccessLogFile::flush(base::Instant now) {
  if (buffer_.empty() && state_ == State::kWorking) return;
  if (!fd_ && !open(now)) return;
  std::size_t sent = 0;
  while (sent < buffer_.size() && write_some(sent)) {
  }
  buffer_.erase(0, sent);
  if (buffer_.empty() && state_ == State::kFailing) recovered();
}

void AccessLogFile::reopen(base::Instant now) {
  flush(now);
  fd_.reset();
  next_open_ = now;
  open(now);
}

void AccessLogFile::finish(base::Instant now) {
  next_open_ = 0;
  flush(now);
  dropped_ += lines_in(buffer_);
  buffer_.clear();
  fd_.reset();
}

void AccessLogFile::failed(std::string_view doing, int error_number) {
  // A descriptor that failed for good (EIO, EPIPE, EBADF) is opened anew; a full disk keeps it,
  // since the rest of a line that went out in part belongs to the same file.
  if (error_number != ENOSPC && error_number != EDQUOT) fd_.reset();
  if (std::exchange(state_, State::kFailing) == State::kFailing) return;
  dropped_before_ = dropped_;
  control::Event event;
  event.level = control::EventLevel::kError;
  event.type = "access_log";
  event.message = "cannot " + std::string(doing) + " the access log " + path_ + ": " +
                  std::generic_category().message(error_number) +
                  "; connections go on, lines are dropped once " +
                  std::to_string(buffer_bytes_ / 1024) + " KiB wait";
  events_.publish(std::move(event));
}

void AccessLogFile::recovered() {
  state_ = State::kWorking;
  control::Event event;
  event.level = control::EventLevel::kInfo;
  event.type = "access_log";
  const std::uint64_t lost = dropped_ - dropped_before_;
  event.message = "the access log " + path_ + " is written again";
  event.fields = {{"dropped", std::to_string(lost)}};
  events_.publish(std::move(event));
}

}  // namespace shunt::observe
