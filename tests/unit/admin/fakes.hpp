// Stand-ins for what the admin server talks to. Tests look into them from another thread.
#pragma once

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "shunt/admin/admin_server.hpp"

namespace shunt::admin::testing {

// Answers as it is told, and remembers what it was asked.
class FakeController final : public control::Controller {
 public:
  void apply(control::Command command, std::function<void(control::Outcome)> done) override {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
    if (hold_) {
      held_.push_back(std::move(done));
    } else {
      done(outcome_);
    }
  }
  [[nodiscard]] control::StatusSnapshot status() const override {
    const std::lock_guard lock(mutex_);
    ++snapshots_;
    return snapshot_;
  }
  void connections(const control::ConnectionsQuery& query,
                   std::function<void(base::Result<control::ConnectionsAnswer>)> done) override {
    const std::lock_guard lock(mutex_);
    query_ = query;
    if (hold_) {
      held_lists_.push_back(std::move(done));
    } else {
      done(connections_);
    }
  }
  [[nodiscard]] std::string not_ready_because() const override {
    const std::lock_guard lock(mutex_);
    return not_ready_because_;
  }
  [[nodiscard]] std::string degraded_because() const override {
    const std::lock_guard lock(mutex_);
    return degraded_because_;
  }
  [[nodiscard]] bool alive() const override { return alive_; }
  [[nodiscard]] const control::Config& config() const override { return config_; }
  [[nodiscard]] const proxy::DataPlane& data_plane() const override { std::abort(); }

  // What it is told.
  void set_outcome(control::Outcome outcome) {
    locked([&] { outcome_ = std::move(outcome); });
  }
  void set_snapshot(control::StatusSnapshot value) {
    locked([&] { snapshot_ = std::move(value); });
  }
  void set_connections(base::Result<control::ConnectionsAnswer> value) {
    locked([&] { connections_ = std::move(value); });
  }
  void set_not_ready_because(std::string reason) {
    locked([&] { not_ready_because_ = reason; });
  }
  void set_degraded_because(std::string reason) {
    locked([&] { degraded_because_ = std::move(reason); });
  }
  void set_config(std::string path, std::string text) {
    config_.path = std::move(path);
    config_.text = std::move(text);
  }
  // From now on commands are not answered until taken with take_held(), nor lists of connections at
  // all.
  void hold() {
    locked([&] { hold_ = true; });
  }
  void set_alive(bool alive) { alive_ = alive; }

  // What it was asked.
  [[nodiscard]] std::vector<control::Command> commands() const {
    const std::lock_guard lock(mutex_);
    return commands_;
  }
  [[nodiscard]] int snapshots() const { return snapshots_; }
  [[nodiscard]] control::ConnectionsQuery query() const {
    const std::lock_guard lock(mutex_);
    return query_;
  }
  [[nodiscard]] std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  [[nodiscard]] std::size_t held_lists() const {
    const std::lock_guard lock(mutex_);
    return held_lists_.size();
  }
  // To be called on the server's thread.
  [[nodiscard]] std::vector<std::function<void(control::Outcome)>> take_held() {
    const std::lock_guard lock(mutex_);
    return std::exchange(held_, {});
  }

 private:
  template <class F>
  void locked(F change) {
    const std::lock_guard lock(mutex_);
    change();
  }

  mutable std::mutex mutex_;
  control::Outcome outcome_;
  control::StatusSnapshot snapshot_;
  mutable std::atomic<int> snapshots_{0};
  base::Result<control::ConnectionsAnswer> connections_ = control::ConnectionsAnswer{};
  std::string not_ready_because_;
  std::string degraded_because_;
  control::Config config_;
  std::atomic<bool> alive_{true};
  bool hold_ = false;
  std::vector<control::Command> commands_;
  std::vector<std::function<void(control::Outcome)>> held_;
  std::vector<std::function<void(base::Result<control::ConnectionsAnswer>)>> held_lists_;
  control::ConnectionsQuery query_;
};

// An event log for the server's thread alone.
class FakeFeed final : public EventFeed {
 public:
  [[nodiscard]] std::vector<control::Event> after(std::uint64_t id,
                                                  std::size_t max) const override {
    std::vector<control::Event> found;
    for (const control::Event& event : events_) {
      if (event.id > id && found.size() < max) found.push_back(event);
    }
    return found;
  }
  [[nodiscard]] int subscribe(std::function<void(const control::Event&)> each) override {
    subscriptions_[++last_] = std::move(each);
    return last_;
  }
  void unsubscribe(int subscription) override { subscriptions_.erase(subscription); }

  void publish(control::Event event) {
    event.id = events_.empty() ? 1 : events_.back().id + 1;
    events_.push_back(event);
    for (const auto& [id, each] : std::map(subscriptions_)) each(event);
  }
  // Kept, but its followers have not been told yet.
  void keep(control::Event event) { events_.push_back(std::move(event)); }
  void tell(const control::Event& event) {
    for (const auto& [id, each] : std::map(subscriptions_)) each(event);
  }
  [[nodiscard]] std::size_t subscriptions() const { return subscriptions_.size(); }

 private:
  std::vector<control::Event> events_;
  std::map<int, std::function<void(const control::Event&)>> subscriptions_;
  int last_ = 0;
};

}  // namespace shunt::admin::testing
