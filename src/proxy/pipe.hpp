// Pipe: the rules of one direction of a connection, as a pure machine: what happened goes in, what
// to do next comes out. At most one buffer of bytes is between reading and delivering, so a slow
// reader stops its own sender and nobody else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shunt/base/clock.hpp"
#include "shunt/uring/kernel.hpp"

namespace shunt::proxy {

//   idle ──start──► receiving ◄──────────────────all sent────────────────┐
//                    │  ▲ │  │                                           │
//              ENOBUFS  │ │  └─bytes──► holding ──destination open──► sending ◄─┐
//                    ▼  │ │            (connect under way)               │ │    │
//                  starved│                                       failed │ └part┘
//                         ├─end──► end_held ──destination open──► ended  │
//                         ├─end, destination open───────────────► ended  │
//                         └─failed──────────────────────────────► cut ◄──┘
enum class PipeState : std::uint8_t {
  kIdle,       // nothing is armed yet
  kReceiving,  // a receive is in flight, no bytes are held
  kStarved,    // as receiving, but there was no buffer: waits for one, nothing is in flight
  kHolding,    // bytes are held for a destination that is not connected yet
  kSending,    // bytes are held and a send is in flight
  kEndHeld,    // the source ended, and the destination is not connected yet
  kEnded,      // the source ended, all bytes and the end were passed on
  kCut,        // over without an end: the source failed or the destination takes no more
};

enum class PipeAction : std::uint8_t {
  kNone,
  kReceive,            // arm a receive on the source
  kStarve,             // queue for a buffer
  kSend,               // send what is held
  kSendWhenWritable,   // the same, but only once the socket is writable
  kPassEnd,            // shut the destination's write side
  kSourceFailed,       // reset or lost; every byte read before was handed to the destination
  kDestinationFailed,  // it takes no more; what was held is void
};

// For Pipe::ahead: not known.
inline constexpr std::int32_t kNothingAhead = 1;

// In the place of a BufferId: one of the worker's LargeBuffers.
inline constexpr uring::BufferId kLargeBuffer = uring::kNoBuffer - 1;

struct Pipe {
  // What is held: bytes [sent, length) at data. Owned through `buffer`, or where that is kNoBuffer
  // and data is set, through the heap (spilled). A large buffer is held while a receive into it is
  // in flight as well, with nothing in it yet.
  std::byte* data = nullptr;
  std::uint32_t sent = 0;
  std::uint32_t length = 0;
  std::uint32_t starved_next = UINT32_MAX;  // in the queue for buffers
  std::uint32_t starved_previous = UINT32_MAX;
  // When the held bytes came or last moved, and what the destination's send queue held at the
  // latest look since then (UINT32_MAX: none yet).
  base::Instant since = 0;
  std::uint32_t unsent = UINT32_MAX;
  // What the receive after the held bytes would say, where that is known already: 0, an end, or
  // -errno. It is for who has sent these bytes; nothing is received any more.
  std::int32_t ahead = kNothingAhead;
  uring::BufferId buffer = uring::kNoBuffer;
  PipeState state = PipeState::kIdle;
  bool destination_open = false;
  std::uint8_t full_receives = 0;  // in a row: each filled its buffer and left more
  bool more_expected = false;      // the source has more to read already, as far as is known
  bool reclaiming = false;         // its send was cancelled to get the buffer back

  [[nodiscard]] bool holds_bytes() const noexcept { return sent < length; }
  // Neither ended nor cut: more may come.
  [[nodiscard]] bool alive() const noexcept {
    return state != PipeState::kEnded && state != PipeState::kCut;
  }

  [[nodiscard]] PipeAction start() noexcept;
  // result: as the kernel gave it. Where it is > 0, the caller has set data, length and buffer and
  // sent = 0 before.
  [[nodiscard]] PipeAction received(std::int32_t result) noexcept;
  // After kReceive and kDestinationFailed nothing is held any more: the caller frees the memory.
  [[nodiscard]] PipeAction sent_some(std::int32_t result) noexcept;
  // The destination is connected.
  [[nodiscard]] PipeAction open_destination() noexcept;
  // A starved pipe has a buffer in prospect again.
  [[nodiscard]] PipeAction feed() noexcept;
  // No more from here on.
  void cut() noexcept { state = PipeState::kCut; }
};

}  // namespace shunt::proxy
