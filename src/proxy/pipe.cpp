#include "src/proxy/pipe.hpp"

#include <cerrno>

#include "shunt/base/check.hpp"

namespace shunt::proxy {

PipeAction Pipe::start() noexcept {
  SHUNT_CHECK(state == PipeState::kIdle);
  state = PipeState::kReceiving;
  return PipeAction::kReceive;
}

PipeAction Pipe::received(std::int32_t result) noexcept {
  SHUNT_CHECK(state == PipeState::kReceiving);
  if (result > 0) {
    SHUNT_CHECK(sent == 0 && length == static_cast<std::uint32_t>(result));
    state = destination_open ? PipeState::kSending : PipeState::kHolding;
    return destination_open ? PipeAction::kSend : PipeAction::kNone;
  }
  switch (result) {
    case 0:
      state = destination_open ? PipeState::kEnded : PipeState::kEndHeld;
      return destination_open ? PipeAction::kPassEnd : PipeAction::kNone;
    case -ENOBUFS:
      state = PipeState::kStarved;
      return PipeAction::kStarve;
    case -EAGAIN:
    case -EINTR:
      return PipeAction::kReceive;
    default:
      state = PipeState::kCut;
      return PipeAction::kSourceFailed;
  }
}

PipeAction Pipe::sent_some(std::int32_t result) noexcept {
  SHUNT_CHECK(state == PipeState::kSending && holds_bytes());
  if (result > 0) {
    SHUNT_CHECK(static_cast<std::uint32_t>(result) <= length - sent);
    sent += static_cast<std::uint32_t>(result);
    if (holds_bytes()) return PipeAction::kSend;
    state = PipeState::kReceiving;
    return PipeAction::kReceive;
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
