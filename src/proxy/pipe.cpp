#include "src/proxy/pipe.hpp"

#include <algorithm>
#include <cerrno>

#include "shunt/base/check.hpp"

namespace shunt::proxy {
namespace {

// Says nothing about the source: it has to be asked again.
bool is_passing(std::int32_t result) noexcept {
  return result == -EAGAIN || result == -EINTR || result == -ECANCELED;
}

}  // namespace

PipeAction Pipe::start() noexcept {
  SHUNT_CHECK(state == PipeState::kIdle);
  state = PipeState::kReceiving;
  return PipeAction::kReceive;
}

PipeAction Pipe::received(std::int32_t result) noexcept {
  SHUNT_CHECK(state == PipeState::kReceiving);
  if (result > 0) {
    SHUNT_CHECK(sent == 0 && length == static_cast<std::uint32_t>(result));
    calm_receives = more_expected ? 0 : std::min<std::uint8_t>(calm_receives + 1, kCalmAfter);
    state = destination_open ? PipeState::kSending : PipeState::kHolding;
    return destination_open ? PipeAction::kSend : PipeAction::kNone;
  }
  if (is_passing(result)) return PipeAction::kReceive;
  switch (result) {
    case 0:
      state = destination_open ? PipeState::kEnded : PipeState::kEndHeld;
      return destination_open ? PipeAction::kPassEnd : PipeAction::kNone;
    case -ENOBUFS:
      state = PipeState::kStarved;
      return PipeAction::kStarve;
    default:
      state = PipeState::kCut;
      return PipeAction::kSourceFailed;
  }
}

PipeAction Pipe::received_ahead(std::int32_t result) noexcept {
  SHUNT_CHECK(state == PipeState::kSending);
  if (result > 0) {
    calm_receives = 0;
    return multishot == Multishot::kArmed ? PipeAction::kStopReceiving : PipeAction::kNone;
  }
  if (!is_passing(result) && result != -ENOBUFS) ahead = static_cast<std::int16_t>(result);
  return PipeAction::kNone;
}

PipeAction Pipe::sent_some(std::int32_t result) noexcept {
  SHUNT_CHECK(state == PipeState::kSending && holds_bytes());
  if (result > 0) {
    SHUNT_CHECK(static_cast<std::uint32_t>(result) <= length - sent);
    sent += static_cast<std::uint32_t>(result);
    if (holds_bytes()) return PipeAction::kSend;
    if (queued != uring::kNoBuffer) return PipeAction::kSendNext;
    state = PipeState::kReceiving;
    return multishot == Multishot::kOff ? PipeAction::kReceive : PipeAction::kNone;
  }
  switch (result) {
    case 0:
    case -EAGAIN:
      return PipeAction::kSendWhenWritable;
    case -EINTR:
    case -ECANCELED:
      return PipeAction::kSend;
    default:
      sent = length;
      state = PipeState::kCut;
      return PipeAction::kDestinationFailed;
  }
}

PipeAction Pipe::open_destination() noexcept {
  destination_open = true;
  switch (state) {
    case PipeState::kHolding:
      state = PipeState::kSending;
      return PipeAction::kSend;
    case PipeState::kEndHeld:
      state = PipeState::kEnded;
      return PipeAction::kPassEnd;
    default:
      return PipeAction::kNone;
  }
}

PipeAction Pipe::feed() noexcept {
  SHUNT_CHECK(state == PipeState::kStarved);
  state = PipeState::kReceiving;
  return PipeAction::kReceive;
}

}  // namespace shunt::proxy
