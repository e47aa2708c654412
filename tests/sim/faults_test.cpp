// Planted faults: a simulation that would not find these would prove nothing. Each fault is a
// kernel of its own type; it misbehaves in a call, or one function of the worker is replaced for it
// (an explicit specialization), so that the product has no seam for faults at all.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/sim/simulation.hpp"

namespace shunt::sim {
namespace {

template <int kFault>
struct FaultyKernel : ScriptedKernel {
  using ScriptedKernel::ScriptedKernel;
};

// connect(AF_UNSPEC) is left out when a connect is taken back.
struct DetachLeftOut : ScriptedKernel {
  using ScriptedKernel::ScriptedKernel;
  int disconnect(int) { return 0; }
};

// A reset that a send in flight has swallowed is not asked for.
struct EveryEndTrusted : ScriptedKernel {
  using ScriptedKernel::ScriptedKernel;
  bool is_reset(int) { return false; }
};

// The first table of each relay, for a retry that does not load the current one.
struct RetryKeepsTable : ScriptedKernel {
  using ScriptedKernel::ScriptedKernel;
  std::map<std::uint64_t, std::shared_ptr<const traffic::RoutingTable>> first;  // by relay's id
};

// A stream's large buffer is lent to the next one as well.
struct LargeBufferLentTwice : ScriptedKernel {
  using ScriptedKernel::ScriptedKernel;
  std::byte* lent = nullptr;
};

using ConnectsNotRePointed = FaultyKernel<0>;
using ResetNotHeldBack = FaultyKernel<1>;
using ClosedInFlight = FaultyKernel<2>;
using BufferNotGivenBack = FaultyKernel<3>;
using MailLeftUnread = FaultyKernel<4>;
using FirstSendOnly = FaultyKernel<5>;
using TimeoutsAreHalved = FaultyKernel<6>;
using EndStartsNoTimeout = FaultyKernel<7>;
using NoMoreAcceptsIsAStop = FaultyKernel<8>;
using AnyReaderIsGivenUp = FaultyKernel<9>;
using SecondWorkerRePointsNot = FaultyKernel<10>;
using LargeBufferNotGivenBack = FaultyKernel<11>;
using PeekedResetForgotten = FaultyKernel<12>;
using EndOvertakesItsBytes = FaultyKernel<13>;
using ReceiveGoesOn = FaultyKernel<14>;
using QueueIsAStack = FaultyKernel<15>;
using StopWaitsForNoMessage = FaultyKernel<16>;
using FailedMessageForgotten = FaultyKernel<17>;
using HandedOverAndKept = FaultyKernel<18>;
using QueueIsForgotten = FaultyKernel<19>;
using ResetAheadForgotten = FaultyKernel<20>;
using MissedEndNotLookedFor = FaultyKernel<21>;
using SpillForgetsTheQueue = FaultyKernel<22>;
using SplicePipeGoesOnFull = FaultyKernel<23>;
using RestOfASpliceForgotten = FaultyKernel<24>;
using SplicedFailureIsAnEnd = FaultyKernel<25>;
using PollsOnAndOn = FaultyKernel<26>;
using SplicedEndIsBelieved = FaultyKernel<27>;

}  // namespace
}  // namespace shunt::sim

namespace shunt::proxy {

template <>
const traffic::ServiceTable& Shard<sim::RetryKeepsTable>::table_of(
    const Relay& relay) const noexcept {
  auto& table = kernel.first[relay.id];
  const bool is_retry = relay.state == RelayState::kRetreating && relay.tried_count != 0;
  if (!is_retry) table = root->tables[0];
  return is_retry ? table->services[relay.service] : *root->services[relay.service];
}

template <>
bool Connector<sim::ConnectsNotRePointed>::switched_away(const Relay&) const noexcept {
  return false;
}

template <>
bool Connector<sim::SecondWorkerRePointsNot>::switched_away(const Relay& relay) const noexcept {
  return shard_.setup.index == 0 && shard_.table_of(relay).pool != relay.pool;
}

template <>
bool Ending<sim::ResetNotHeldBack>::delivered(Relay&) noexcept {
  return true;
}

// The client's descriptor goes when it is wanted gone, not when its last completion has returned.
template <>
void Ending<sim::ClosedInFlight>::settle(Relay& relay) noexcept {
  if (!relay.in_flight()) return bury(relay);
  int& fd = relay.socket(Side::kClient).fd;
  if (fd >= 0) shard_.kernel.close(std::exchange(fd, -1));
}

template <>
void Buffers<sim::BufferNotGivenBack>::drop(uring::BufferId) noexcept {}

template <>
bool Requests<sim::MailLeftUnread>::busy() const noexcept {
  return stopping_ && cursor_ < shard_.relays.high();
}

// What a short send left over is forgotten.
template <>
void Transfer<sim::FirstSendOnly>::sent(Relay& relay, Side destination,
                                        std::int32_t result) noexcept {
  const Side source = other(destination);
  Pipe& pipe = relay.from(source);
  count(relay, source, result);
  const PipeAction action =
      pipe.sent_some(result > 0 ? static_cast<std::int32_t>(pipe.length - pipe.sent) : result);
  if (!pipe.holds_bytes()) buffers_.release(pipe);
  act(relay, source, action, result);
}

template <>
bool Buffers<sim::AnyReaderIsGivenUp>::stands_still(Holder& holder) noexcept {
  const Relay& relay = shard_.relays.at(holder.slot);
  return relay.state == RelayState::kEstablished &&
         relay.pipes[static_cast<std::size_t>(holder.source)].state == PipeState::kSending;
}

template <>
void Requests<sim::NoMoreAcceptsIsAStop>::take(StopAccepting* stop) noexcept {
  stopping_ = true;
  cursor_ = 0;
  acceptor_.stop();
  stops_.push_back(stop);
}

template <>
bool Timeouts<sim::TimeoutsAreHalved>::passed(base::Instant since,
                                              std::uint32_t milliseconds) const noexcept {
  return milliseconds != 0 && shard_.now - since >= span(milliseconds) / 2;
}

template <>
bool Buffers<sim::LargeBufferLentTwice>::enlarge(Pipe& pipe) noexcept {
  if (!pipe.more_expected || pipe.full_receives < kGrowAfter) return false;
  std::byte*& lent = shard_.kernel.lent;
  if (lent == nullptr) lent = large_.take();
  if (lent == nullptr) return false;
  pipe.buffer = kLargeBuffer;
  pipe.data = lent;
  streams_left_some_ = true;
  return true;
}
template <>
void Buffers<sim::LargeBufferLentTwice>::give_back_large(Pipe& pipe) noexcept {
  pipe.buffer = uring::kNoBuffer;
}

template <>
void Buffers<sim::LargeBufferNotGivenBack>::give_back_large(Pipe& pipe) noexcept {
  pipe.buffer = uring::kNoBuffer;
}

// A look ahead takes the error from the socket, and only it can tell.
template <>
void Transfer<sim::PeekedResetForgotten>::look_ahead(Relay& relay, Side source) noexcept {
  if (shard_.kernel.peek(relay.socket(source).fd) == 0) relay.from(source).ahead = 0;
}

// More bytes are taken for the end.
template <>
void Transfer<sim::EndOvertakesItsBytes>::look_ahead(Relay& relay, Side source) noexcept {
  const int next = shard_.kernel.peek(relay.socket(source).fd);
  if (next >= 0) relay.from(source).ahead = 0;
}

// A multishot receive is not stopped, and goes on to bring what nobody takes.
template <>
void Shard<sim::ReceiveGoesOn>::stop_receiving(Relay& relay, Side source) noexcept {
  relay.from(source).multishot = Multishot::kStopping;
}

// One that says nothing is believed for ever.
template <>
void Timeouts<sim::MissedEndNotLookedFor>::look_again(Relay&, Side) noexcept {}

template <>
void Buffers<sim::QueueIsAStack>::queue(Relay& relay, Side source, uring::BufferId buffer,
                                        std::uint32_t length) noexcept {
  claim(relay, source, buffer);
  holders_[buffer].length = length;
  holders_[buffer].next = std::exchange(relay.from(source).queued, buffer);
}

template <>
void Buffers<sim::QueueIsForgotten>::release_queued(Pipe& pipe) noexcept {
  pipe.queued = uring::kNoBuffer;
}

// Of a reader that stands still only what is being sent is set aside.
template <>
void Buffers<sim::SpillForgetsTheQueue>::spill(Pipe& pipe) noexcept {
  if (pipe.buffer >= kFirstSplicePipe) return;
  const std::uint32_t left = pipe.length - pipe.sent;
  auto* memory = static_cast<std::byte*>(std::malloc(left));
  std::memcpy(memory, pipe.data + pipe.sent, left);
  release(pipe);
  release_queued(pipe);
  pipe.data = memory;
  pipe.length = left;
  spilled_bytes_ += left;
}

// A reset that comes while bytes are being sent is told once.
template <>
void Transfer<sim::ResetAheadForgotten>::received_ahead(
    Relay& relay, Side source, const uring::Completion& completion) noexcept {
  Pipe& pipe = relay.from(source);
  if (pipe.state != PipeState::kSending || completion.result <= 0) {
    if (completion.buffer != uring::kNoBuffer) buffers_.drop(completion.buffer);
    return;
  }
  buffers_.queue(relay, source, completion.buffer, static_cast<std::uint32_t>(completion.result));
  act(relay, source, pipe.received_ahead(completion.result), completion.result);
}

// A kernel pipe with what a reader did not take is given to the next stream.
template <>
void SplicePipes<sim::SplicePipeGoesOnFull>::give_back(uring::BufferId id) noexcept {
  held_[index_of(id)].bytes = 0;
  free_ |= std::uint64_t{1} << index_of(id);
}

// What a destination did not take is forgotten.
template <>
void Transfer<sim::RestOfASpliceForgotten>::splice_out(Relay& relay, Side source,
                                                       std::int32_t) noexcept {
  Pipe& pipe = relay.from(source);
  const std::int32_t result = buffers_.splice_out(relay, source);
  const PipeAction action = pipe.sent_some(static_cast<std::int32_t>(pipe.length - pipe.sent));
  buffers_.release(pipe);
  act(relay, source, action, result);
}

// A destination that has ended its own side is polled for room.
template <>
void Transfer<sim::PollsOnAndOn>::splice_out(Relay& relay, Side source, std::int32_t) noexcept {
  const Side destination = other(source);
  Pipe& pipe = relay.from(source);
  const std::int32_t result = buffers_.splice_out(relay, source);
  count(relay, source, result);
  const PipeAction action = pipe.sent_some(result);
  if (!pipe.holds_bytes()) {
    buffers_.release(pipe);
    return act(relay, source, action, result);
  }
  ++relay.socket(destination).in_flight;
  shard_.kernel.poll(relay.socket(destination).fd, POLLOUT,
                     shard_.tag(send_of(destination), relay));
}

// An end that a splice tells is believed, though bytes are left that it could not take.
template <>
void Transfer<sim::SplicedEndIsBelieved>::splice_in(Relay& relay, Side source) noexcept {
  Pipe& pipe = relay.from(source);
  pipe.waits_readable = false;
  const std::int32_t result = buffers_.splice_in(relay, source);
  if (result == -ENOBUFS) return receive_copy(relay, source);
  act(relay, source, pipe.received(true_end(relay, source, result)), result);
}

// A failure that a splice tells is taken for an end.
template <>
void Transfer<sim::SplicedFailureIsAnEnd>::splice_in(Relay& relay, Side source) noexcept {
  Pipe& pipe = relay.from(source);
  pipe.waits_readable = false;
  const std::int32_t result = buffers_.splice_in(relay, source);
  if (result == -ENOBUFS || result == -EAGAIN) return receive_copy(relay, source);
  act(relay, source, pipe.received(result > 0 ? result : 0), result);
}

template <>
bool HandOver<sim::StopWaitsForNoMessage>::settled() const noexcept {
  return true;
}

template <>
void Acceptor<sim::FailedMessageForgotten>::message_returned(
    const uring::Completion& completion) noexcept {
  static_cast<void>(hand_over_.returned(completion));
}

template <>
void Acceptor<sim::HandedOverAndKept>::place(traffic::ServiceId service, int fd) noexcept {
  static_cast<void>(hand_over_.pass_on(service, fd));
  admit(service, fd);
}

template <>
base::Instant Timeouts<sim::EndStartsNoTimeout>::silent_since(const Relay& relay) noexcept {
  return relay.progressed_at;
}

}  // namespace shunt::proxy

namespace shunt::sim {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// What shows only where several rare things meet.
constexpr std::uint64_t kSeedsMany = 20000;

// A fault may show in several ways; this looks for one of them. The violations of the first seed
// that shows it so, else of the last one that shows it at all.
template <class K>
std::vector<std::string> violations_with(std::string_view words, std::uint64_t seeds) {
  std::vector<std::string> found;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SimulationResult result = simulate<K>(seed);
    if (result.violations.empty()) continue;
    found = std::move(result.violations);
    for (const std::string& violation : found) {
      if (violation.find(words) != std::string::npos) return found;
    }
  }
  return found;
}

template <class K>
void expect_found(std::string_view words, std::uint64_t seeds = 2000) {
  EXPECT_THAT(violations_with<K>(words, seeds), Contains(HasSubstr(std::string(words))));
}

TEST(PlantedFault, DetachLeftOutIsFound) {
  expect_found<DetachLeftOut>("connect to a left pool");
}

TEST(PlantedFault, RetryThatKeepsAnOldTableIsFound) {
  expect_found<RetryKeepsTable>("connect to a left pool");
}

TEST(PlantedFault, ConnectsThatAreNotRePointedAreFound) {
  expect_found<ConnectsNotRePointed>("connect to a left pool");
}

TEST(PlantedFault, SecondWorkerThatRePointsNothingIsFound) {
  expect_found<SecondWorkerRePointsNot>("connect to a left pool");
}

TEST(PlantedFault, ResetThatOvertakesItsBytesIsFound) {
  expect_found<ResetNotHeldBack>("bytes were destroyed");
}

TEST(PlantedFault, DescriptorClosedWithOperationsInFlightIsFound) {
  expect_found<ClosedInFlight>("operations in flight");
}

TEST(PlantedFault, BufferThatIsNotGivenBackIsFound) {
  expect_found<BufferNotGivenBack>("buffers");
}

TEST(PlantedFault, LargeBufferThatIsLentTwiceIsFound) {
  expect_found<LargeBufferLentTwice>("receives into memory that another one uses");
}

TEST(PlantedFault, LargeBufferThatIsNotGivenBackIsFound) {
  expect_found<LargeBufferNotGivenBack>("large buffers leaked");
}

TEST(PlantedFault, MailThatIsLeftUnreadIsFound) {
  expect_found<MailLeftUnread>("mail left unread");
}

TEST(PlantedFault, EndThatIsAResetInDisguiseIsFound) {
  expect_found<EveryEndTrusted>("had not ended in order");
}

TEST(PlantedFault, RestOfAShortSendThatIsForgottenIsFound) {
  expect_found<FirstSendOnly>("wrong byte");
}

TEST(PlantedFault, ResetThatWasPeekedAtAndForgottenIsFound) {
  expect_found<PeekedResetForgotten>("had not ended in order");
}

TEST(PlantedFault, EndThatOvertakesItsBytesIsFound) {
  expect_found<EndOvertakesItsBytes>("");
}

TEST(PlantedFault, SourceThatIsNotHeldBackIsFound) {
  expect_found<ReceiveGoesOn>("a receive goes on while");
}

TEST(PlantedFault, EndThatAReceiveHasMissedIsFoundWhenNobodyLooksForIt) {
  expect_found<MissedEndNotLookedFor>("an end that a receive has missed");
}

TEST(PlantedFault, BytesThatOvertakeOthersInTheQueueAreFound) {
  expect_found<QueueIsAStack>("wrong byte");
}

TEST(PlantedFault, QueuedBuffersThatAreNotGivenBackAreFound) {
  expect_found<QueueIsForgotten>("buffers");
}

TEST(PlantedFault, QueuedBytesThatAreNotSetAsideWithTheOthersAreFound) {
  expect_found<SpillForgetsTheQueue>("wrong byte", kSeedsMany);
}

TEST(PlantedFault, KernelPipeThatGoesOnWithBytesInItIsFound) {
  expect_found<SplicePipeGoesOnFull>("a splice into a pipe that holds bytes", kSeedsMany);
}

TEST(PlantedFault, RestOfAShortSpliceThatIsForgottenIsFound) {
  expect_found<RestOfASpliceForgotten>("wrong byte");
}

TEST(PlantedFault, PollForRoomThatOnlyTellsOfAnEndIsFoundWhenRepeated) {
  expect_found<PollsOnAndOn>("a poll for room that only tells of an end", kSeedsMany);
}

TEST(PlantedFault, EndBeforeBytesThatASpliceLeftIsFoundWhenBelieved) {
  expect_found<SplicedEndIsBelieved>("");
}

TEST(PlantedFault, FailureThatASpliceTellsAndIsTakenForAnEndIsFound) {
  expect_found<SplicedFailureIsAnEnd>("had not ended in order");
}

TEST(PlantedFault, ResetBehindBytesThatIsForgottenIsFound) {
  expect_found<ResetAheadForgotten>("had not ended in order");
}

TEST(PlantedFault, TimeoutThatFiresBeforeItsTimeIsFound) {
  expect_found<TimeoutsAreHalved>("a timeout whose time had not passed");
}

TEST(PlantedFault, HalfClosedThatCountsFromTheLastByteIsFound) {
  expect_found<EndStartsNoTimeout>("no side had ended for long");
}

TEST(PlantedFault, ReaderThatIsGivenUpThoughItGoesOnIsFound) {
  expect_found<AnyReaderIsGivenUp>("given up for want of buffers, but its reader went on");
}

TEST(PlantedFault, StopThatDoesNotWaitForWhatIsUnderWayIsFound) {
  expect_found<StopWaitsForNoMessage>("sockets leaked", kSeedsMany);
}

TEST(PlantedFault, ConnectionThatBeginsAfterAcceptingHasStoppedIsFound) {
  expect_found<StopWaitsForNoMessage>("began after all workers said");
}

TEST(PlantedFault, ConnectionOfAMessageThatFailedIsFoundWhenForgotten) {
  expect_found<FailedMessageForgotten>("sockets are left behind");
}

TEST(PlantedFault, ConnectionThatIsHandedOverAndKeptIsFound) {
  expect_found<HandedOverAndKept>("is not open");
}

TEST(PlantedFault, ConnectionsThatStoppingToAcceptClosesAreFound) {
  expect_found<NoMoreAcceptsIsAStop>("closed by a shutdown that nobody asked for");
}

}  // namespace
}  // namespace shunt::sim
