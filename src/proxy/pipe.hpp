// Pipe: the rules of one direction of a connection, as a pure machine: what happened goes in, what
// to do next comes out. One buffer of bytes, and never more than three, is between reading and
// delivering, so a slow reader stops its own sender and nobody else.
//
// A source that sends messages and then waits for answers is read by one multishot receive that
// stays armed, also while its bytes are being sent. Bytes that come then are queued behind those,
// and the receive is cancelled at once: until the cancel is through it may bring a little more, but
// it is bounded by itself (kernel.hpp), and nothing is received again before all is sent.
//
//                                        bytes while sending, none for a second,
//   off ──calm source, all sent──► armed ──or nobody takes them──► stopping
//    ▲                               │                                │
//    └───────its last completion─────┴───────its last completion──────┘
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
  kReceiving,  // no bytes are held; a receive is in flight, or a poll in its place
  kStarved,    // as receiving, but there was no buffer: waits for one, nothing is in flight
  kHolding,    // bytes are held for a destination that is not connected yet
  kSending,    // bytes are held and a send is in flight, or a poll in its place, or it is parked;
               // a multishot receive may be in flight as well
  kEndHeld,    // the source ended, and the destination is not connected yet
  kEnded,      // the source ended, all bytes and the end were passed on
  kCut,        // over without an end: the source failed or the destination takes no more
};

enum class Multishot : std::uint8_t {
  kOff,       // none is in flight
  kArmed,     // one is
  kStopping,  // one is, and its cancel as well
};

enum class PipeAction : std::uint8_t {
  kNone,
  kReceive,            // arm a receive on the source
  kStopReceiving,      // cancel the multishot receive, which is stopping then
  kStarve,             // queue for a buffer
  kSend,               // send what is held
  kSendWhenWritable,   // the same, but only once the socket is writable
  kSendNext,           // all of it was sent: free it, and send what is queued behind
  kPassEnd,            // shut the destination's write side
  kSourceFailed,       // reset or lost; every byte read before was handed to the destination
  kDestinationFailed,  // it takes no more; what was held is void
};

// For Pipe::ahead: not known.
inline constexpr std::int16_t kNothingAhead = 1;

// Receives in a row that left nothing behind, after which a source is taken for one that sends
// messages.
inline constexpr std::uint8_t kCalmAfter = 4;

// In the place of a BufferId: one of the worker's LargeBuffers.
inline constexpr uring::BufferId kLargeBuffer = uring::kNoBuffer - 1;
// The same for the worker's SplicePipes, one id each. What is held is there and not at `data`.
inline constexpr std::uint32_t kSplicePipesMax = 32;
inline constexpr uring::BufferId kFirstSplicePipe = kLargeBuffer - kSplicePipesMax;

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
  std::int16_t ahead = kNothingAhead;
  uring::BufferId buffer = uring::kNoBuffer;
  uring::BufferId queued = uring::kNoBuffer;  // the first behind what is held (buffers.hpp)
  PipeState state = PipeState::kIdle;
  Multishot multishot = Multishot::kOff;
  std::uint8_t full_receives = 0;  // in a row: each filled its buffer and left more
  std::uint8_t calm_receives = 0;  // in a row: each left nothing; counted up to kCalmAfter
  bool more_expected = false;      // the source has more to read already, as far as is known
  bool destination_open : 1 = false;
  bool waits_readable : 1 = false;  // the receive in flight is a poll: then it is spliced
  bool never_spliced : 1 = false;   // from here on
  bool parked : 1 = false;          // sending, and nothing in flight: a timer looks after it
  bool reclaiming : 1 = false;      // its send was cancelled to get the buffer back

  [[nodiscard]] bool holds_bytes() const noexcept { return sent < length; }
  // Held or queued.
  [[nodiscard]] bool has_bytes() const noexcept {
    return holds_bytes() || queued != uring::kNoBuffer;
  }
  // Of these, none in memory of ours.
  [[nodiscard]] bool is_spliced() const noexcept {
    return buffer >= kFirstSplicePipe && buffer < kLargeBuffer;
  }
  [[nodiscard]] bool is_calm() const noexcept { return calm_receives == kCalmAfter; }
  // What is held is all there will be, and its end is known.
  [[nodiscard]] bool ends_after_this() const noexcept {
    return ahead == 0 && queued == uring::kNoBuffer;
  }
  // A receive is in flight.
  [[nodiscard]] bool receives() const noexcept {
    return state == PipeState::kReceiving || multishot != Multishot::kOff;
  }
  // Neither ended nor cut: more may come.
  [[nodiscard]] bool alive() const noexcept {
    return state != PipeState::kEnded && state != PipeState::kCut;
  }

  [[nodiscard]] PipeAction start() noexcept;
  // While receiving. result: as the kernel gave it. Where it is > 0, the caller has set data,
  // length and buffer and sent = 0 before; where nothing more comes of the receive, multishot as
  // well.
  [[nodiscard]] PipeAction received(std::int32_t result) noexcept;
  // The same while sending. Where result is > 0, the caller has queued the bytes.
  [[nodiscard]] PipeAction received_ahead(std::int32_t result) noexcept;
  // After kReceive, kNone and kDestinationFailed nothing is held any more: the caller frees the
  // memory, and after the last what is queued as well.
  [[nodiscard]] PipeAction sent_some(std::int32_t result) noexcept;
  // The destination is connected.
  [[nodiscard]] PipeAction open_destination() noexcept;
  // A starved pipe has a buffer in prospect again.
  [[nodiscard]] PipeAction feed() noexcept;
  // No more from here on.
  void cut() noexcept { state = PipeState::kCut; }
};

}  // namespace shunt::proxy
