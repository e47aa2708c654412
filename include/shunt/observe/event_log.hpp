// EventLog: where every event arrives. It gives ids, keeps the last base::kEventsKept, logs each
// one and hands them to followers (the admin API's event streams).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "shunt/base/limits.hpp"
#include "shunt/control/event.hpp"
#include "shunt/observe/logging.hpp"

namespace shunt::observe {

class EventLog final : public control::EventSink {
 public:
  using Callback = std::function<void(const control::Event&)>;
  // Runs a function soon on the control thread; may be called from any thread.
  using Post = std::function<void(std::function<void()>)>;

  // Where a process begins to count: at its wall clock in microseconds, so that ids rise across
  // restarts (no process publishes a million events a second for long) and a follower that resumes
  // by the id that it saw last gets what it has missed since. They stay below 2^53, which a reader
  // of JSON may hold in a double (RFC 8259 section 6), until the year 2255. After a clock was set
  // back, ids can begin below those of the process before.
  [[nodiscard]] static std::uint64_t first_id_now() noexcept;

  // Constructed on the control thread. logger: borrowed, may be null. post: how other threads reach
  // the control thread; without it, what they publish is delivered with the control thread's next
  // event. first_id: of the first event, above 0.
  explicit EventLog(Logger* logger, Post post = {}, std::uint64_t first_id = first_id_now());
  ~EventLog() override;  // on the control thread; what was posted and has not run does nothing

  // Any control-side thread; never blocks on disk. Gives the id, and wall_ms where it is 0.
  // Followers are called on the control thread alone: before this returns when it is the caller,
  // else soon.
  void publish(control::Event event) override;

  // The oldest `max` of the kept events with an id above `id`, oldest first. Any thread.
  [[nodiscard]] std::vector<control::Event> after(std::uint64_t id, std::size_t max) const;
  // The id of the newest event; first_id - 1 before the first. Any thread.
  [[nodiscard]] std::uint64_t last_id() const;

  // Control thread only. The callback sees every event published from now on, in the order of ids
  // and each once; it may publish, subscribe and unsubscribe. A gap in the ids means that it was
  // slower than kEventsKept events.
  [[nodiscard]] int subscribe(Callback callback);
  void unsubscribe(int subscription);

 private:
  void deliver();

  // Constant after construction.
  Logger* const logger_;
  const Post post_;
  const std::thread::id control_thread_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::deque<control::Event> kept_;
  std::uint64_t last_id_;
  bool delivery_posted_ = false;

  // The control thread's.
  struct Subscription {
    Callback callback;
    std::uint64_t seen = 0;  // the newest id that it was given, or that was there before it
  };
  std::map<int, std::shared_ptr<Subscription>> subscriptions_;
  int last_subscription_ = 0;
  bool delivering_ = false;
  std::shared_ptr<EventLog*> self_;  // null inside once destroyed: posted deliveries look here
};

}  // namespace shunt::observe
