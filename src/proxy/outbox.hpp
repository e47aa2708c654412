// Outbox: the records that one worker leaves for control, a ring for each consumer. Leaving one
// wakes nobody; consumers come round by themselves.
#pragma once

#include "shunt/base/limits.hpp"
#include "shunt/proxy/counters.hpp"
#include "shunt/proxy/records.hpp"
#include "src/proxy/spsc_ring.hpp"

namespace shunt::proxy {

class Outbox {
 public:
  explicit Outbox(WorkerCounters& counters) : counters_(counters) {}

  // Worker's thread; what does not fit is counted and dropped.
  void leave(const ConnectionEnd& end) noexcept {
    if (!ends_.push(end)) counters_.records_dropped.add();
  }
  void leave(const ConnectOutcome& outcome) noexcept {
    if (!outcomes_.push(outcome)) counters_.records_dropped.add();
  }

  // One consumer thread each.
  std::size_t take_ends(ConnectionEnd* out, std::size_t max) noexcept {
    return ends_.take(out, max);
  }
  std::size_t take_outcomes(ConnectOutcome* out, std::size_t max) noexcept {
    return outcomes_.take(out, max);
  }

 private:
  WorkerCounters& counters_;
  SpscRing<ConnectionEnd> ends_{base::kConnectionEndCapacity};
  SpscRing<ConnectOutcome> outcomes_{base::kConnectFailureCapacity};
};

}  // namespace shunt::proxy
