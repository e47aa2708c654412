#include "shunt/observe/access_log.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "shunt/control/starting.hpp"
#include "src/observe/access_log_file.hpp"
#include "src/observe/access_log_line.hpp"

namespace shunt::observe {
namespace {

// A worker's outbox holds kConnectionEndCapacity records. At the pause between two rounds it takes
// 160,000 connections/s to fill it; a round that found a quarter of it shortens the pause.
constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::milliseconds kShortPause{5};
constexpr std::size_t kBatch = 512;

}  // namespace

class AccessLog::Writer {
 public:
  Writer(const AccessLogOptions& options, proxy::DataPlane& data_plane, const traffic::Model& model,
         ConnectionHistograms& histograms, control::EventSink& events)
      : data_plane_(data_plane), histograms_(histograms), line_(model, options.format) {
    if (!options.path.empty()) file_.emplace(options.path, options.buffer_bytes, events);
  }

  // Takes what every worker has left, but no more from one than its outbox holds, and writes it.
  // Returns the most that one worker gave.
  std::size_t round() {
    std::size_t most = 0;
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      most = std::max(most, take(worker));
    }
    if (file_) file_->flush(base::monotonic_now());
    return most;
  }
  void reopen() {
    if (file_) file_->reopen(base::monotonic_now());
  }
  void finish() {
    round();
    if (file_) file_->finish(base::monotonic_now());
  }

  [[nodiscard]] std::uint64_t written() const { return file_ ? file_->written() : 0; }
  [[nodiscard]] std::uint64_t dropped() const { return file_ ? file_->dropped() : 0; }

 private:
  std::size_t take(std::uint32_t worker) {
    std::size_t taken = 0;
    while (taken < base::kConnectionEndCapacity) {
      const std::size_t count = data_plane_.take_ends(worker, batch_.data(), batch_.size());
      for (std::size_t i = 0; i < count; ++i) record(batch_[i]);
      taken += count;
      if (count < batch_.size()) break;
      if (file_) file_->flush(base::monotonic_now());
    }
    return taken;
  }

  void record(const proxy::ConnectionEnd& end) {
    if (end.connect != base::kOff && end.pool != traffic::kNoPool) {
      histograms_.connect(end.service, end.pool).observe(end.connect);
    }
    histograms_.life(end.service).observe(end.total);
    if (!file_) return;
    text_.clear();
    line_.append(text_, end);
    file_->add(text_);
  }

  proxy::DataPlane& data_plane_;
  ConnectionHistograms& histograms_;
  AccessLogLine line_;
  std::optional<AccessLogFile> file_;
  std::string text_;
  std::array<proxy::ConnectionEnd, kBatch> batch_;
};

AccessLog::AccessLog(const AccessLogOptions& options, proxy::DataPlane& data_plane,
                     const traffic::Model& model, ConnectionHistograms& histograms,
                     control::EventSink& events) {
  auto writer = std::make_unique<Writer>(options, data_plane, model, histograms, events);
  writer->reopen();  // an unwritable path is an event at start, not at the first connection
  thread_ = control::starting("the thread of the access log", [&] {
    return std::thread([this, owned = std::move(writer)] { run(*owned); });
  });
  ::pthread_setname_np(thread_.native_handle(), "access-log");
}

AccessLog::~AccessLog() {
  stop();
}

void AccessLog::reopen() {
  const std::scoped_lock lock(mutex_);
  reopen_wanted_ = true;
  wake_.notify_one();
}

void AccessLog::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_wanted_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void AccessLog::run(Writer& writer) {
  bool stopping = false;
  while (!stopping) {
    std::chrono::milliseconds pause = kPause;
    if (writer.round() > base::kConnectionEndCapacity / 4) pause = kShortPause;
    written_.store(writer.written(), std::memory_order_relaxed);
    dropped_.store(writer.dropped(), std::memory_order_relaxed);
    bool reopen = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, pause, [this] { return reopen_wanted_ || stop_wanted_; });
      reopen = std::exchange(reopen_wanted_, false);
      stopping = stop_wanted_;
    }
    if (reopen) writer.reopen();
  }
  writer.finish();  // what came between the last round and the request to stop
  written_.store(writer.written(), std::memory_order_relaxed);
  dropped_.store(writer.dropped(), std::memory_order_relaxed);
}

}  // namespace shunt::observe
