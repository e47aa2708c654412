// Counters of one worker: written by its thread alone (a relaxed load and store, no locked
// instruction), read by anyone. Bumped by methods named after the event in src/proxy.
#pragma once

#include <atomic>
#include <cstdint>

#include "shunt/base/own_lines.hpp"
#include "shunt/proxy/close_cause.hpp"
#include "shunt/traffic/ids.hpp"

namespace shunt::proxy {

// A number with one writer.
class Count {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// By node slot. One cache line each, so that status reads disturb one node's line only.
struct alignas(base::kCacheLine) NodeCounters {
  Count connecting;      // now
  Count established;     // now
  Count connections;     // connects that succeeded
  Count connect_errors;  // attempts that failed
  Count bytes_up;        // added at the end of a connection and once in a while before
  Count bytes_down;
};

struct alignas(base::kCacheLine) ServiceCounters {
  Count accepted;
  Count open;       // now: accepted and not yet ended
  Count refused;    // at a limit
  Count retried;    // attempts after the first
  Count repointed;  // attempts taken back by a switch
};

struct alignas(base::kLinePair) WorkerCounters {
  WorkerCounters(std::uint32_t slots, std::uint32_t service_count)
      : nodes(slots), services(service_count) {}

  base::OwnLinesVector<NodeCounters> nodes;        // by slot
  base::OwnLinesVector<ServiceCounters> services;  // by ServiceId
  Count closed[kCloseCauses];
  Count turns;   // of the loop
  Count enters;  // io_uring_enter calls
  Count completions;
  Count stale_completions;  // for a slot whose generation had moved on
  Count buffer_starved;     // receives put off because no buffer was free
  Count accept_errors;
  Count records_dropped;  // an outbox was full
  Count watched_ns;       // before sleeps (busy_poll)
  Count handed_over;      // connections that went to another worker
  // Now. Other workers look at it for each connection that they accept (src/proxy/peers.hpp), so it
  // is apart from what changes on every turn.
  alignas(base::kLinePair) Count relays;
};

}  // namespace shunt::proxy
