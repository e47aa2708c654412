#include "src/proxy/pipe.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace shunt::proxy {
namespace {

std::byte bytes[64];

// What Buffers does before received() is told of bytes.
void hold(Pipe& pipe, std::uint32_t length) {
  pipe.data = bytes;
  pipe.buffer = 1;
  pipe.length = length;
  pipe.sent = 0;
}

Pipe receiving(bool destination_open = true) {
  Pipe pipe;
  pipe.destination_open = destination_open;
  EXPECT_EQ(pipe.start(), PipeAction::kReceive);
  return pipe;
}
Pipe sending(std::uint32_t length) {
  Pipe pipe = receiving();
  hold(pipe, length);
  EXPECT_EQ(pipe.received(static_cast<std::int32_t>(length)), PipeAction::kSend);
  return pipe;
}

TEST(Pipe, SendsWhatItReceivesBeforeItReceivesMore) {
  Pipe pipe = sending(10);
  EXPECT_EQ(pipe.state, PipeState::kSending);
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kReceive);
  EXPECT_FALSE(pipe.holds_bytes());
  EXPECT_EQ(pipe.state, PipeState::kReceiving);
}

TEST(Pipe, SendsTheRestAfterAShortSend) {
  Pipe pipe = sending(10);
  EXPECT_EQ(pipe.sent_some(3), PipeAction::kSend);
  EXPECT_EQ(pipe.length - pipe.sent, 7U);
  EXPECT_EQ(pipe.sent_some(7), PipeAction::kReceive);
}

TEST(Pipe, ASendThatMadeNoWayIsTriedAgain) {
  Pipe pipe = sending(10);
  EXPECT_EQ(pipe.sent_some(-EAGAIN), PipeAction::kSendWhenWritable);
  EXPECT_EQ(pipe.sent_some(0), PipeAction::kSendWhenWritable);
  EXPECT_EQ(pipe.sent_some(-EINTR), PipeAction::kSend);
  EXPECT_EQ(pipe.sent_some(-ECANCELED), PipeAction::kSend);
  EXPECT_EQ(pipe.length - pipe.sent, 10U);
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kReceive);
}

TEST(Pipe, PassesTheEndOnAndReceivesNoMore) {
  Pipe pipe = receiving();
  EXPECT_EQ(pipe.received(0), PipeAction::kPassEnd);
  EXPECT_EQ(pipe.state, PipeState::kEnded);
  EXPECT_FALSE(pipe.alive());
}

TEST(Pipe, HoldsBytesUntilTheDestinationIsOpen) {
  Pipe pipe = receiving(false);
  hold(pipe, 5);
  EXPECT_EQ(pipe.received(5), PipeAction::kNone);
  EXPECT_EQ(pipe.state, PipeState::kHolding);
  EXPECT_EQ(pipe.open_destination(), PipeAction::kSend);
  EXPECT_EQ(pipe.sent_some(5), PipeAction::kReceive);
}

TEST(Pipe, HoldsTheEndUntilTheDestinationIsOpen) {
  Pipe pipe = receiving(false);
  EXPECT_EQ(pipe.received(0), PipeAction::kNone);
  EXPECT_TRUE(pipe.alive());
  EXPECT_EQ(pipe.open_destination(), PipeAction::kPassEnd);
}

TEST(Pipe, OpeningTheDestinationWhileReceivingChangesNothing) {
  Pipe pipe = receiving(false);
  EXPECT_EQ(pipe.open_destination(), PipeAction::kNone);
  hold(pipe, 5);
  EXPECT_EQ(pipe.received(5), PipeAction::kSend);
}

TEST(Pipe, WaitsForABufferAndReceivesThen) {
  Pipe pipe = receiving();
  EXPECT_EQ(pipe.received(-ENOBUFS), PipeAction::kStarve);
  EXPECT_EQ(pipe.state, PipeState::kStarved);
  EXPECT_EQ(pipe.feed(), PipeAction::kReceive);
  EXPECT_EQ(pipe.received(-EAGAIN), PipeAction::kReceive);
}

TEST(Pipe, AFailedSourceCutsIt) {
  for (const int error : {ECONNRESET, ETIMEDOUT, EHOSTUNREACH}) {
    Pipe pipe = receiving();
    EXPECT_EQ(pipe.received(-error), PipeAction::kSourceFailed);
    EXPECT_EQ(pipe.state, PipeState::kCut);
  }
}

TEST(Pipe, AFailedDestinationCutsItAndVoidsWhatItHeld) {
  for (const int error : {ECONNRESET, EPIPE, ETIMEDOUT}) {
    Pipe pipe = sending(10);
    EXPECT_EQ(pipe.sent_some(4), PipeAction::kSend);
    EXPECT_EQ(pipe.sent_some(-error), PipeAction::kDestinationFailed);
    EXPECT_FALSE(pipe.holds_bytes());
    EXPECT_FALSE(pipe.alive());
  }
}

// Four messages, with nothing left behind: the next receive is a multishot one.
Pipe armed_and_sending() {
  Pipe pipe = receiving();
  for (int i = 0; i < kCalmAfter; ++i) {
    EXPECT_FALSE(pipe.is_calm()) << i;
    hold(pipe, 10);
    EXPECT_EQ(pipe.received(10), PipeAction::kSend);
    EXPECT_EQ(pipe.sent_some(10), PipeAction::kReceive);
  }
  EXPECT_TRUE(pipe.is_calm());
  pipe.multishot = Multishot::kArmed;
  EXPECT_TRUE(pipe.receives());
  hold(pipe, 10);
  EXPECT_EQ(pipe.received(10), PipeAction::kSend);
  return pipe;
}
void queue(Pipe& pipe, uring::BufferId buffer) {
  pipe.queued = buffer;
}

TEST(Pipe, ASourceThatLeavesSomethingBehindIsNotCalm) {
  Pipe pipe = receiving();
  for (int i = 0; i < 10; ++i) {
    pipe.more_expected = i % 4 == 3;
    hold(pipe, 10);
    EXPECT_EQ(pipe.received(10), PipeAction::kSend);
    EXPECT_FALSE(pipe.is_calm());
    EXPECT_EQ(pipe.sent_some(10), PipeAction::kReceive);
  }
}

TEST(Pipe, AnArmedReceiveGoesOnWhenAllIsSent) {
  Pipe pipe = armed_and_sending();
  EXPECT_TRUE(pipe.receives());
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kNone);
  EXPECT_EQ(pipe.state, PipeState::kReceiving);
}

TEST(Pipe, BytesWhileItSendsStopTheReceiveOnce) {
  Pipe pipe = armed_and_sending();
  queue(pipe, 2);
  EXPECT_EQ(pipe.received_ahead(5), PipeAction::kStopReceiving);
  pipe.multishot = Multishot::kStopping;
  EXPECT_FALSE(pipe.is_calm());
  EXPECT_EQ(pipe.received_ahead(5), PipeAction::kNone);
  pipe.multishot = Multishot::kOff;  // the cancel is through
  EXPECT_EQ(pipe.received_ahead(-ECANCELED), PipeAction::kNone);
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kSendNext);
  queue(pipe, uring::kNoBuffer);
  hold(pipe, 10);
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kReceive);
}

TEST(Pipe, ReceivesAgainOnlyWhenTheCancelIsThrough) {
  Pipe pipe = armed_and_sending();
  EXPECT_EQ(pipe.received_ahead(5), PipeAction::kStopReceiving);
  pipe.multishot = Multishot::kStopping;
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kNone);
  pipe.multishot = Multishot::kOff;
  EXPECT_EQ(pipe.received(-ECANCELED), PipeAction::kReceive);
}

TEST(Pipe, AnEndOrAFailureWhileItSendsWaitsBehindItsBytes) {
  for (const int result : {0, -ECONNRESET}) {
    Pipe pipe = armed_and_sending();
    pipe.multishot = Multishot::kOff;
    EXPECT_EQ(pipe.received_ahead(result), PipeAction::kNone);
    EXPECT_EQ(pipe.ahead, result);
    EXPECT_EQ(pipe.ends_after_this(), result == 0);
    queue(pipe, 2);
    EXPECT_FALSE(pipe.ends_after_this());
  }
}

TEST(Pipe, AReceiveThatEndsForWantOfABufferWhileItSendsIsJustOver) {
  Pipe pipe = armed_and_sending();
  pipe.multishot = Multishot::kOff;
  EXPECT_EQ(pipe.received_ahead(-ENOBUFS), PipeAction::kNone);
  EXPECT_EQ(pipe.ahead, kNothingAhead);
  EXPECT_EQ(pipe.sent_some(10), PipeAction::kReceive);
}

TEST(PipeDeathTest, ACompletionThatCannotBeStopsTheProcess) {
  Pipe pipe = receiving();
  EXPECT_DEATH(static_cast<void>(pipe.sent_some(1)), "kSending");
}

}  // namespace
}  // namespace shunt::proxy
