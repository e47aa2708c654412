// Keeps what is published, from any thread.
#pragma once

#include <mutex>
#include <vector>

#include "shunt/control/event.hpp"

namespace shunt::observe {

class EventRecorder final : public control::EventSink {
 public:
  void publish(control::Event event) override {
    const std::scoped_lock lock(mutex_);
    events_.push_back(std::move(event));
  }
  std::vector<control::Event> events() const {
    const std::scoped_lock lock(mutex_);
    return events_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<control::Event> events_;
};

}  // namespace shunt::observe
