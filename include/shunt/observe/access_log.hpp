// AccessLog: one line a connection at its end (docs/access-log.md), written by a thread of its own
// from the records that workers leave. It also feeds the connection histograms, with the log off
// too.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "shunt/base/limits.hpp"
#include "shunt/control/config.hpp"
#include "shunt/control/event.hpp"
#include "shunt/observe/histogram.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::observe {

struct AccessLogOptions {
  std::string path;  // a file, "stdout", or empty: no lines, histograms only
  control::LogFormat format = control::LogFormat::kText;
  std::size_t buffer_bytes = base::kAccessLogBufferBytes;  // lines that wait for the disk
};

class AccessLog {
 public:
  // Starts the thread, the only one that takes `data_plane`'s ends. A file that cannot be opened or
  // written stops nothing: one event says so, lines are dropped and counted, and it is tried again
  // every second until another event says that it works. All references outlive the AccessLog.
  AccessLog(const AccessLogOptions& options, proxy::DataPlane& data_plane,
            const traffic::Model& model, ConnectionHistograms& histograms,
            control::EventSink& events);
  ~AccessLog();  // stop()
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Closes the file and opens it anew by its path, soon (log rotation). Any thread.
  void reopen();
  // Takes and writes what is left, and ends the thread; once the workers have ended, that is every
  // connection. May be repeated.
  void stop();

  // Lines that were handed to the kernel, and those that a full or unwritable disk cost. Any
  // thread.
  [[nodiscard]] std::uint64_t written() const noexcept {
    return written_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  class Writer;  // all that belongs to the thread
  void run(Writer& writer);

  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool reopen_wanted_ = false;  // guarded by mutex_
  bool stop_wanted_ = false;    // guarded by mutex_

  std::thread thread_;
};

}  // namespace shunt::observe
