#include "shunt/observe/logging.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/control/starting.hpp"

namespace shunt::observe {
namespace {

// Writes whole lines. A descriptor that takes nothing for a second is stuck: from then on lines are
// dropped at once until it takes bytes again, so that the process can always end.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit DescriptorSink(int fd) noexcept : fd_(fd) {}

  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    line_.clear();
    if (torn_) line_ += '\n';  // the rest of a line that got stuck halfway is lost
    line_.append(message.payload.data(), message.payload.size());
    line_ += '\n';
    if (!write_line()) dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}  // nothing is held back

 private:
  bool write_line() noexcept {
    std::size_t written = 0;
    while (written < line_.size()) {
      // Waiting first also bounds the wait on blocking pipes: one that polls writable takes
      // PIPE_BUF bytes (pipe(7)), so longer lines go out in such parts.
      pollfd wait{.fd = fd_, .events = POLLOUT, .revents = 0};
      const int ready = ::poll(&wait, 1, stuck_ ? 0 : 1'000);
      if (ready < 0 && errno == EINTR) continue;
      stuck_ = ready == 0;
      if (ready <= 0) return false;
      const std::size_t part = std::min<std::size_t>(line_.size() - written, 4096);
      const ssize_t n = ::write(fd_, line_.data() + written, part);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) return false;  // closed, or a full disk
      written += static_cast<std::size_t>(n);
      torn_ = written < line_.size();
    }
    return true;
  }

  const int fd_;
  std::string line_;
  bool stuck_ = false;
  bool torn_ = false;
  std::atomic<std::uint64_t> dropped_{0};
};

spdlog::level::level_enum to_spdlog(control::EventLevel level) noexcept {
  switch (level) {
    case control::EventLevel::kDebug:
      return spdlog::level::debug;
    case control::EventLevel::kInfo:
      return spdlog::level::info;
    case control::EventLevel::kWarn:
      return spdlog::level::warn;
    case control::EventLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

struct Logger::Backend {
  explicit Backend(int fd)
      : sink(std::make_shared<DescriptorSink>(fd)),
        pool(control::starting("the thread of the log",
                               [] {
                                 return std::make_shared<spdlog::details::thread_pool>(
                                     base::kLogQueueLines, 1);
                               })),
        logger(std::make_shared<spdlog::async_logger>(
            "shunt", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(spdlog::level::trace);  // levels are checked before formatting
  }

  // The queue's thread ends first, with the queue written: every line in it holds the logger, which
  // the thread would otherwise be the last to let go of.
  ~Backend() { pool.reset(); }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  std::shared_ptr<DescriptorSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Logger::Logger(const LogOptions& options)
    : backend_(std::make_unique<Backend>(options.fd)), options_(options) {}

Logger::~Logger() = default;

void Logger::finish() {
  backend_.reset();
}

bool Logger::enabled(control::EventLevel level) const noexcept {
  return static_cast<int>(level) >= static_cast<int>(options_.level);
}

void Logger::log(control::EventLevel level, std::string_view type, std::string_view message,
                 std::initializer_list<LogField> fields) {
  if (!enabled(level)) return;
  const std::span<const LogField> all(fields.begin(), fields.size());
  backend_->logger->log(to_spdlog(level),
                        spdlog::string_view_t(format_log_line(options_, base::wall_now_ms(), level,
                                                              type, all, message)));
}

void Logger::log(const control::Event& event) {
  if (!enabled(event.level)) return;
  std::vector<LogField> fields;
  fields.reserve(event.fields.size() + 3);
  if (!event.app.empty()) fields.push_back({"app", event.app});
  for (const auto& [key, value] : event.fields) fields.push_back({key, value});
  if (!event.actor.empty()) fields.push_back({"actor", event.actor});
  if (!event.reason.empty()) fields.push_back({"reason", event.reason});
  backend_->logger->log(to_spdlog(event.level),
                        spdlog::string_view_t(format_log_line(options_, event.wall_ms, event.level,
                                                              event.type, fields, event.message)));
}

std::uint64_t Logger::dropped() const {
  return backend_->sink->dropped() + backend_->pool->overrun_counter();
}

}  // namespace shunt::observe
