// WorkerThread: one worker with everything that belongs to it, on a thread of its own.
#pragma once

#include <pthread.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/proxy/busy_poll_hold.hpp"
#include "shunt/proxy/counters.hpp"
#include "shunt/uring/features.hpp"
#include "src/proxy/cpu_watch.hpp"
#include "src/proxy/listen_sockets.hpp"
#include "src/proxy/outbox.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/spsc_ring.hpp"

namespace shunt::proxy {

class WorkerThread {
 public:
  // What all workers share; outlives them.
  struct Common {
    const traffic::Model* model = nullptr;
    Publication* publication = nullptr;
    traffic::LiveCounts* live = nullptr;
    OpenConnections* open = nullptr;
    Peers* peers = nullptr;  // null: one worker
    int adoption_fd = -1;
    std::uint32_t connections_max = 0;
    std::size_t spilled_bytes_max = 0;
    std::uint32_t splice_pipes = 0;
    uring::Features features;
    BusyPollSetting busy_poll;
  };

  WorkerThread(std::uint32_t index, const Common& common);
  ~WorkerThread();  // stops the worker at once and joins it, unless join() has
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // Begins the thread, on one CPU if cpu >= 0. The ring is created there: wait_ready() says how
  // that went.
  [[nodiscard]] base::Status begin(std::vector<OwnedListener> listeners, int cpu);
  [[nodiscard]] base::Status wait_ready();

  // Waits until the thread has ended, for which StopWorker was sent. Other workers may write its
  // eventfd until they have ended too, so all are joined before the first is destroyed.
  void join() noexcept;

  // As begin() was told; -1: not pinned.
  [[nodiscard]] int cpu() const noexcept { return cpu_; }
  void wake() noexcept;
  // For busy_poll: auto. One thread, once a second or so; proc_stat: the text of /proc/stat now.
  void look_at_cpu(std::string_view proc_stat) noexcept;
  // What it saw; the same thread.
  [[nodiscard]] BusyPollHold busy_poll_hold() const noexcept {
    if (!cpu_watch_.known()) return BusyPollHold::kCpuUnknown;
    return cpu_watch_.shared() ? BusyPollHold::kCpuShared : BusyPollHold::kNone;
  }
  // One sender's thread. False: full.
  [[nodiscard]] bool send(const Request& request) noexcept;
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  [[nodiscard]] const WorkerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] Outbox& outbox() noexcept { return outbox_; }
  // After wait_ready().
  [[nodiscard]] const uring::Features& features() const noexcept { return features_; }

 private:
  static void* enter(void* self);
  void run() noexcept;
  void report(base::Status status);

  const Common common_;
  WorkerCounters counters_;
  SpscRing<Request> mailbox_{base::kMailboxCapacity};
  Outbox outbox_{counters_};
  CpuWatch cpu_watch_;
  alignas(64) std::atomic<bool> cpu_is_shared_{true};
  WorkerSetup setup_;
  base::UniqueFd wake_;
  pthread_t thread_{};
  int cpu_ = -1;
  bool begun_ = false;
  uring::Features features_;        // written before ready_
  base::Status outcome_;            // written before ready_
  std::atomic<bool> ready_{false};  // run() has reported
  std::atomic<bool> ended_{false};
};

}  // namespace shunt::proxy
