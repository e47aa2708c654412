// What happened, for people and followers: every decision, health transition and limit. The floors
// above (observe) implement the sink: they log, keep and stream events.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace shunt::control {

enum class EventLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

struct Event {
  std::uint64_t id = 0;  // given by the sink, rising from 1
  std::int64_t wall_ms = 0;
  EventLevel level = EventLevel::kInfo;
  std::string type;     // "switch", "rollback", "refused", "node_health", "node_admin", "panic",
                        // "drained", "drain_deadline", "drain_cancelled", "close",
                        // "close_cancelled", "started", "ready", "stopping",
                        // "state_recovered", "initial_differs", "not_durable", "source_missing",
                        // "fast_open_idle", "limit", "adoption"
  std::string app;      // may be empty
  std::string message;  // one sentence for people
  std::string actor;    // who, may be empty
  std::string reason;   // as given with --reason
  std::vector<std::pair<std::string, std::string>> fields;  // further facts, in order
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  // Any control-side thread; never blocks on disk.
  virtual void publish(Event event) = 0;
};

}  // namespace shunt::control
