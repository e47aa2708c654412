// Relay: one client connection and its way to a node: two sockets, two pipes, and what is in
// flight.
#pragma once

#include <cstdint>

#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/proxy/close_cause.hpp"
#include "shunt/proxy/records.hpp"
#include "shunt/traffic/ids.hpp"
#include "src/proxy/pipe.hpp"
#include "src/proxy/timer_wheel.hpp"

namespace shunt::proxy {

//            accept
//   free ─────────────► connecting ──connected──────────► established ─────────────┐
//    ▲                   │  ▲   │                          │       │                │
//    │    failed, late,  │  │   └─connected at once────────┘       │ one side reset │
//    │    switched away  ▼  │                                      ▼                │ ended, timed
//    │                 retreating ──backlog full──► pausing   delivering            │ out, closed
//    │                   │  ▲                         │  │         │                │
//    │       none is left│  └─────────timer───────────┘  │         │ delivered      │
//    │                   ▼                               ▼         ▼                ▼
//    └──nothing in flight────────────────────── closing ◄──────────────────────────┘
//
// From connecting, a client that went away leads to closing as well. (An attempt that fails before
// anything is in flight passes through retreating within one call.)
enum class RelayState : std::uint8_t {
  kFree,
  kConnecting,   // a connect is under way on behalf of a root; no payload has left
  kRetreating,   // the attempt is over; its socket waits for its poll to come back
  kPausing,      // no attempt: waits for a timer, then picks anew
  kEstablished,  // the connect succeeded; bytes flow
  kDelivering,   // one side was reset: waits until the other has all bytes, then resets it
  kClosing,      // everything was cancelled; waits until nothing is in flight
};

enum class Side : std::uint8_t { kClient = 0, kNode = 1 };
[[nodiscard]] constexpr Side other(Side side) noexcept {
  return side == Side::kClient ? Side::kNode : Side::kClient;
}

// Where a side may stand while the relay lives.
struct Socket {
  int fd = -1;
  std::uint8_t in_flight = 0;    // operations in the kernel that refer to it, cancels included
  bool reset_seen = false;       // the peer reset it; what it says later is no clean end
  bool reset_at_close = false;   // it gets RST instead of FIN
  bool may_meet_itself = false;  // its node's port is one that its own may be
};

struct Relay {
  Socket sockets[2];            // by Side
  Pipe pipes[2];                // by source Side: [kClient] carries up, [kNode] carries down
  std::uint64_t bytes[2] = {};  // by source Side: delivered to the kernel

  RelayState state = RelayState::kFree;
  CloseCause cause = CloseCause::kDone;
  CloseCause close_cause = CloseCause::kDone;  // of the mark below
  std::uint8_t attempts = 0;                   // connects begun
  std::uint8_t tried_count = 0;
  bool repointed = false;
  bool live_reserved = false;        // it counts in LiveCounts of `node`
  bool established = false;          // it counts as established on `node`
  bool share_failed = false;         // a connect to the pool that takes a share: no more of those
  bool keepalive_due = false;        // its node's socket has none yet
  Side delivers_to = Side::kClient;  // delivering: who gets the reset
  std::uint32_t generation = 0;
  traffic::NodeSlot tried[base::kConnectAttemptsMax] = {};

  TimerLink timer;
  std::uint32_t list_next = UINT32_MAX;  // connecting: in the list of those; free: in the free list
  std::uint32_t list_previous = UINT32_MAX;

  // From the table that chose the node: values only, the table itself is not kept beyond a turn.
  traffic::ServiceId service = 0;
  traffic::PoolId pool = traffic::kNoPool;
  traffic::NodeSlot node = traffic::kNoSlot;
  traffic::Epoch epoch = 0;
  std::uint32_t idle_ms = 0;  // 0: off, as for the next two
  std::uint32_t half_closed_ms = 0;
  std::uint32_t stalled_ms = 0;

  std::uint64_t id = 0;  // worker << 48 | count
  ClientAddress client;
  base::Instant accepted_at = 0;
  base::Instant attempt_at = 0;      // the latest attempt began; delivering: its end began
  base::Instant paused_since = 0;    // 0: this attempt has not met a full backlog
  base::Instant progressed_at = 0;   // the last byte in either direction
  base::Instant half_closed_at = 0;  // an end was passed on, or a side ceased to take bytes
  base::Instant close_at = 0;        // a mark for paced closing; 0: none
  base::Duration connected = 0;      // spans of ConnectionEnd
  base::Duration connect = 0;
  base::Duration first_byte = 0;

  [[nodiscard]] Socket& socket(Side side) noexcept {
    return sockets[static_cast<std::uint8_t>(side)];
  }
  [[nodiscard]] Pipe& from(Side source) noexcept {
    return pipes[static_cast<std::uint8_t>(source)];
  }
  [[nodiscard]] Pipe& to(Side destination) noexcept { return from(other(destination)); }
  [[nodiscard]] bool in_flight() const noexcept {
    return sockets[0].in_flight != 0 || sockets[1].in_flight != 0;
  }
  // A connection of which one direction is over.
  [[nodiscard]] bool half_closed() const noexcept { return !pipes[0].alive() || !pipes[1].alive(); }
};

// What an idle connection costs shunt itself: its relay and nothing else (the limit is 400 bytes).
static_assert(sizeof(Relay) <= 400);

}  // namespace shunt::proxy
