#include "shunt/observe/event_log.hpp"

#include <algorithm>
#include <utility>

#include "shunt/base/check.hpp"
#include "shunt/base/clock.hpp"

namespace shunt::observe {

std::uint64_t EventLog::first_id_now() noexcept {
  return base::wall_now_us();
}

EventLog::EventLog(Logger* logger, Post post, std::uint64_t first_id)
    : logger_(logger),
      post_(std::move(post)),
      control_thread_(std::this_thread::get_id()),
      last_id_(first_id - 1),
      self_(std::make_shared<EventLog*>(this)) {}

EventLog::~EventLog() {
  *self_ = nullptr;
}

void EventLog::publish(control::Event event) {
  if (event.wall_ms == 0) event.wall_ms = base::wall_now_ms();
  const bool here = std::this_thread::get_id() == control_thread_;
  bool post_delivery = false;
  {
    const std::scoped_lock lock(mutex_);
    event.id = ++last_id_;
    // Logged under the lock, so that the log has the order of the ids; the logger never waits.
    if (logger_ != nullptr) logger_->log(event);
    kept_.push_back(std::move(event));
    if (kept_.size() > base::kEventsKept) kept_.pop_front();
    // One posted delivery hands over everything that has come by then.
    post_delivery = !here && post_ && !std::exchange(delivery_posted_, true);
  }
  if (here) {
    deliver();
  } else if (post_delivery) {
    post_([self = self_] {
      if (EventLog* log = *self; log != nullptr) log->deliver();
    });
  }
}

std::vector<control::Event> EventLog::after(std::uint64_t id, std::size_t max) const {
  const std::scoped_lock lock(mutex_);
  const auto first = std::upper_bound(
      kept_.begin(), kept_.end(), id,
      [](std::uint64_t wanted, const control::Event& event) { return wanted < event.id; });
  const auto count = std::min<std::size_t>(max, static_cast<std::size_t>(kept_.end() - first));
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

std::uint64_t EventLog::last_id() const {
  const std::scoped_lock lock(mutex_);
  return last_id_;
}

int EventLog::subscribe(Callback callback) {
  SHUNT_CHECK(std::this_thread::get_id() == control_thread_);
  const auto subscription = std::make_shared<Subscription>();
  subscription->callback = std::move(callback);
  subscription->seen = last_id();
  subscriptions_.emplace(++last_subscription_, subscription);
  return last_subscription_;
}

void EventLog::unsubscribe(int subscription) {
  subscriptions_.erase(subscription);
}

void EventLog::deliver() {
  // A follower may publish: the delivery that runs already goes on to the new event.
  if (std::exchange(delivering_, true)) return;
  {
    const std::scoped_lock lock(mutex_);
    delivery_posted_ = false;
  }
  // Few at a time, so that a long backlog is not copied at once; the newest id decides when it
  // ends.
  constexpr std::size_t kBatch = 32;
  bool more = true;
  while (more) {
    more = false;
    const auto followers = subscriptions_;  // a follower may unsubscribe itself or others
    for (const auto& [id, follower] : followers) {
      for (const control::Event& event : after(follower->seen, kBatch)) {
        if (!subscriptions_.contains(id)) break;
        follower->seen = event.id;
        follower->callback(event);
        more = true;
      }
    }
  }
  delivering_ = false;
}

}  // namespace shunt::observe
