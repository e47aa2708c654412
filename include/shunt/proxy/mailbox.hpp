// What control may ask of a worker. Requests are plain data in a bounded single-producer ring; the
// answer is a completion flag or a result object that the asker owns and keeps alive until done.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/proxy/close_cause.hpp"
#include "shunt/proxy/records.hpp"
#include "shunt/traffic/ids.hpp"

namespace shunt::proxy {

// Which relays a request is about: all fields that are set must match.
struct RelayFilter {
  traffic::AppId app = 0;
  traffic::PoolId pool = traffic::kNoPool;    // kNoPool: any
  traffic::NodeSlot node = traffic::kNoSlot;  // kNoSlot: any
  std::uint64_t connection = 0;               // ConnectionEnd::id; 0: any
  base::Instant accepted_before = 0;          // only older ones; 0: any
};

// One line of `shunt connections`.
struct ConnectionInfo {
  std::uint64_t id = 0;
  ClientAddress client;
  traffic::ServiceId service = 0;
  traffic::PoolId pool = traffic::kNoPool;
  traffic::NodeSlot node = traffic::kNoSlot;
  traffic::Epoch epoch = 0;
  bool established = false;
  base::Duration age = 0;
  base::Duration idle = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

// Answers of a walk over all relays of one worker. The worker fills it over several turns (bounded
// work each) and then stores done; control owns it through a shared_ptr kept in the request. The
// worker never frees it: its reference travels back through `done` (control drops the last one).
struct Survey {
  // Set by the asker. The vectors' capacity is the bound: the worker never allocates.
  RelayFilter filter;
  std::uint32_t list_max = 0;  // entries wanted in `connections`; reserve()d by the asker
  std::vector<ConnectionInfo> connections;
  std::vector<base::Instant> oldest;  // by slot: earliest accept of an established relay, 0: none
  std::vector<std::uint32_t> marked;  // by slot, or empty: relays with a mark for paced closing
  std::vector<std::uint64_t> wanted;  // connections asked for, their ids rising
  std::vector<bool> found;            // as many: it has such a mark
  // Filled by the worker, as the two before.
  std::uint64_t matched = 0;
  std::atomic<bool> done{false};
};

// Set by control when an order is called off: a worker that has not acted on it yet leaves it. Only
// read by workers.
using Withdrawn = std::shared_ptr<const std::atomic<bool>>;

// An order to close relays, spread evenly over `over` from when it is taken (0: at once, still
// paced by the bounded work of a turn).
struct CloseOrder {
  RelayFilter filter;
  base::Duration over = 0;
  CloseCause cause = CloseCause::kClosed;
  Withdrawn withdrawn = {};  // null: never
};

// Closes matching established relays. A mark that is there already stays where it is earlier, else
// this one takes its place. matched is the number marked.
struct CloseRelays {
  CloseOrder order;
  std::uint32_t max = UINT32_MAX;  // at most so many on this worker
  std::atomic<bool> done{false};
  std::uint64_t matched = 0;
};

// Takes back the marks that CloseRelays with this cause left and that have not fired. In the same
// walk, what has no mark then gets one from those of `others` that match, the earliest.
struct CancelClose {
  RelayFilter filter;
  CloseCause cause = CloseCause::kDrainDeadline;
  std::vector<CloseOrder> others;
  // For a worker that has missed requests: marks of every cause go, and `others` mark anew in the
  // time that is left. A mark does not tell which order set it, and that one may have ended.
  bool all = false;
  std::atomic<bool> done{false};
};

// Stops accepting: cancels the accepts, takes what is queued on the listeners, closes them (sockets
// shared with a supervisor stay open there).
struct StopAccepting {
  std::atomic<bool> done{false};
};

// Closes all that is left (cause kShutdown) and ends the thread.
struct StopWorker {};

// A liveness probe: the watchdog's question.
struct Ping {
  std::atomic<bool> done{false};
};

// Raw pointers: the asker keeps the object alive until done (or until the worker has ended).
using Request =
    std::variant<Survey*, CloseRelays*, CancelClose*, StopAccepting*, StopWorker, Ping*>;

}  // namespace shunt::proxy
