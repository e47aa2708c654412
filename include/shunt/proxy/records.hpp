// Fixed-size records that workers leave in their outboxes for control. Trivially copyable.
#pragma once

#include <cstdint>
#include <type_traits>

#include "shunt/base/clock.hpp"
#include "shunt/proxy/close_cause.hpp"
#include "shunt/traffic/ids.hpp"

namespace shunt::proxy {

// A client's address without the room that a Unix path would take.
struct ClientAddress {
  std::uint8_t family = 0;  // AF_INET or AF_INET6
  std::uint16_t port = 0;   // host byte order
  std::uint8_t bytes[16] = {};
};

// One connection at its end: what the access log and the histograms are made of.
struct ConnectionEnd {
  std::uint64_t id = 0;  // unique in the process: worker << 48 | count
  ClientAddress client;
  CloseCause cause = CloseCause::kDone;
  std::uint8_t attempts = 0;  // connects begun
  bool repointed = false;     // taken back from a pool that was switched away
  traffic::ServiceId service = 0;
  traffic::PoolId pool = traffic::kNoPool;
  traffic::NodeSlot node = traffic::kNoSlot;  // the last one tried
  traffic::Epoch epoch = 0;                   // of the table that chose the node
  std::uint64_t bytes_up = 0;                 // client to node, delivered to the kernel
  std::uint64_t bytes_down = 0;
  std::int64_t ended_wall_ms = 0;
  // Spans from accept on; kOff (0) where it did not come to that.
  base::Duration connected = 0;   // connect to the node succeeded
  base::Duration connect = 0;     // the successful attempt alone
  base::Duration first_byte = 0;  // first byte from the node
  base::Duration total = 0;
};
static_assert(std::is_trivially_copyable_v<ConnectionEnd>);

// The outcome of connects that passive health needs. Successes are recorded only for a node whose
// last recorded outcome on this worker was a failure.
struct ConnectOutcome {
  traffic::ServiceId service = 0;
  traffic::NodeSlot node = traffic::kNoSlot;
  std::int32_t error = 0;  // errno; ETIMEDOUT at the deadline; 0: success after failure
  base::Instant at = 0;
};
static_assert(std::is_trivially_copyable_v<ConnectOutcome>);

}  // namespace shunt::proxy
