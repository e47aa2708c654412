// Every fixed bound of the process in one place, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shunt::base {

// Nodes of all apps together. A node's slot indexes arrays of padded counters (64 bytes a slot and
// worker, 128 a slot for all of them, touched only when used), so the bound keeps them under 256
// KiB a worker.
inline constexpr std::uint32_t kNodeSlotsMax = 4096;
inline constexpr std::uint32_t kServicesMax = 256;
inline constexpr std::uint32_t kAppsMax = 64;
inline constexpr std::uint32_t kPoolsPerAppMax = 16;
inline constexpr std::uint32_t kWorkersMax = 256;

// Connection attempts for one client, on different nodes where there are several. Three covers a
// dead node and its neighbour; more only prolongs a client's wait when a whole zone is gone.
inline constexpr std::uint32_t kConnectAttemptsMax = 3;

// Requests waiting in a worker's mailbox. Control sends a handful a command and waits for answers;
// marks that find it full are sent as one, whole, when there is room again.
inline constexpr std::uint32_t kMailboxCapacity = 64;
// Closings spread over a time that run at once (`shunt close --over`): whoever ends hundreds of
// connections one by one means the pool. Each is one order that relays are held against when
// another ends. Drains need no bound of their own: one a pool and one a node at most.
inline constexpr std::size_t kClosingsMax = 256;
// Records waiting for the access log, a worker: 100 ms at 80,000 connections/s.
inline constexpr std::uint32_t kConnectionEndCapacity = 8192;
// Records of failed connects waiting for passive health, a worker.
inline constexpr std::uint32_t kConnectFailureCapacity = 1024;

// Work of one loop turn, so that a published table is adopted within a bounded time (rule 16 of the
// data path): completions handled, relays detached or re-picked, relays walked for control.
inline constexpr std::uint32_t kCompletionsPerTurn = 256;
inline constexpr std::uint32_t kDetachesPerTurn = 64;
inline constexpr std::uint32_t kWalkPerTurn = 256;

// Health checks open at a time: with the default timeout and interval, enough for 128 nodes that
// all swallow packets; with more such nodes their checks (and only those that wait) come later.
inline constexpr std::uint32_t kProbesAtOnceMax = 64;

// Connections that a process may hold, whatever descriptors allow: reserves the address space of
// the relays (a third of a GiB a worker, used as far as connections come).
inline constexpr std::uint32_t kConnectionsMax = 1U << 20;
// Bytes for readers that stopped reading, a worker, beyond its receive buffers: a buffer of 32 KiB
// each, three at most, so for 2,730 to 8,192 of them. Beyond, those that came last are closed while
// others starve. An eighth of it may go to readers of streams that have ended their own side, 256
// KiB at most each (buffers.hpp, pour()).
inline constexpr std::size_t kSpilledBytesMax = 256U * 1024 * 1024;
// Large buffers of a worker, for streams; beyond, they go on with the receive buffers. Their memory
// is taken as far as streams come, at most 32 MiB, and goes back.
inline constexpr std::uint32_t kLargeBuffers = 32;
inline constexpr std::uint32_t kLargeBufferBytes = 1024 * 1024;
// Of which a receive takes so much in a crowd, so that nobody waits long for a stream: where one of
// the latest turns had more to do than a few streams have.
inline constexpr std::uint32_t kLargeReceiveInCrowd = 256 * 1024;
inline constexpr std::uint32_t kCrowdedTurn = 16;  // completions
inline constexpr std::uint32_t kCrowdLasts = 64;   // turns
// Kernel pipes of a worker, for streams that go on without a copy; beyond, they go on with large
// buffers. What one holds, and so a stream moves at a time: from 64 KiB to 1 MiB, this was the
// fastest (docs/performance.md). A user without privileges may have 256 such pipes in all (pipe(7):
// pipe-user-pages-soft).
inline constexpr std::uint32_t kSplicePipes = 16;
inline constexpr std::uint32_t kSplicePipeBytes = 256 * 1024;
// Connections that may wait in a listener's queue (the kernel bounds it by net.core.somaxconn).
inline constexpr int kListenBacklog = 4096;
// Clients of a listener that were accepted by TCP Fast Open and whose handshake is not over yet: a
// round trip each, so 256 are 2,500 a second at 100 ms. Beyond, handshakes come first again. Each
// may be from a forged address (RFC 7413, 5.1), and holds a relay and a node's connection.
inline constexpr int kFastOpensPending = 256;

// busy_poll: auto. How long a worker watches its ring before it sleeps: longer than a node on the
// same machine takes to answer, and about what a sleep and a wake-up cost. The share of its CPU
// that watching takes at most; how many relays may talk in a millisecond or two for it to pay.
inline constexpr std::uint64_t kBusyPollSpan = 50'000;  // ns
inline constexpr std::uint64_t kBusyPollSharePercent = 50;
inline constexpr std::uint32_t kBusyPollRelays = 8;
// busy_poll: DURATION at most, in ns: a longer watch delays nothing, but it is a whole CPU.
inline constexpr std::uint64_t kBusyPollSpanMax = 10'000'000;

// After a turn with so many completions, a new connection among them, a worker sleeps until there
// are some more than what it hands over gives at once, or for so long: who opens many connections
// pays for each time that it wakes somebody (measured: docs/performance.md).
inline constexpr std::uint32_t kGatherAfter = 4;
inline constexpr std::uint32_t kGatherMore = 8;
inline constexpr std::uint64_t kGatherSpan = 50'000;  // ns

// Completions that wait for a worker. A multishot accept ends when the queue is full, so this is
// also the most connections of a worker that are accepted and not admitted or refused yet.
inline constexpr std::uint32_t kCompletionsQueued = 8192;
// Connections taken from a listener's queue after a completion where each accept takes one.
inline constexpr std::uint32_t kAcceptsAtOnce = 64;

// Connections under way from other workers to one that has fewer (src/proxy/hand_over.hpp): what
// one that is stuck may hold. A worker that turns takes them several times as fast as others
// accept.
inline constexpr std::uint32_t kHandedOverMax = 32;
// How many more connections than another worker's one must have to hand over to it. What a hash
// does to few connections by itself is no reason to wake another thread for each.
inline constexpr std::uint32_t kHandOverMargin = 8;

// Descriptors kept for admin clients, health checks, logs and state. Those of workers come on top.
inline constexpr std::uint32_t kReservedDescriptors = 192;
// A worker's own: its ring and its eventfd, and for each listen address the listener and one
// connection that was accepted and not admitted or refused yet. Those that are under way to it come
// on top where there are several.
inline constexpr std::uint32_t kDescriptorsPerWorker = 2;
inline constexpr std::uint32_t kDescriptorsPerListener = 2;

// Admin HTTP.
inline constexpr std::size_t kAdminHeaderBytesMax = 16 * 1024;
inline constexpr std::size_t kAdminBodyBytesMax = 64 * 1024;
inline constexpr std::uint32_t kAdminConnectionsMax = 64;
static_assert(kReservedDescriptors >= kProbesAtOnceMax + kAdminConnectionsMax + 64,
              "64 for logs, state, the process's own loop and what libraries open");
inline constexpr std::uint32_t kAdminSubscribersMax = 16;
inline constexpr std::uint32_t kEventsKept = 1024;
// Lines of the process's own log that wait for standard error: a burst of events, about 0.5 MiB.
inline constexpr std::size_t kLogQueueLines = 1024;
// Bytes of the access log that wait for a full or slow disk before lines are dropped.
inline constexpr std::size_t kAccessLogBufferBytes = 1024 * 1024;
// A name that a request or a file gives (app, pool, node, label), in bytes: a DNS name.
inline constexpr std::size_t kNameBytesMax = 253;
// A duration of a request, in nanoseconds: beyond a year it is a slip of the unit, and sums with
// "now" stay far from overflowing.
inline constexpr std::uint64_t kRequestDurationMax = std::uint64_t{366} * 24 * 3600 * 1'000'000'000;
// The reason (--reason) of a command, in bytes.
inline constexpr std::size_t kReasonBytesMax = 1024;
// An operation id (--key), in bytes: the URL of a CI job.
inline constexpr std::size_t kKeyBytesMax = 128;
// Operation ids (--key) remembered; each for 24 h, the oldest leave first. Bytes of all of them as
// they are stored: they share a slot with the decisions, which must never wait for room.
inline constexpr std::uint32_t kOperationsKept = 1024;
inline constexpr std::size_t kOperationBytesKept = 256 * 1024;
// What one of them stores of a list of nodes and of a message, which may name thousands.
inline constexpr std::size_t kOperationNodesKept = 16;
inline constexpr std::size_t kOperationMessageBytesKept = 512;

// Admin states kept for nodes that the file lacks, until they are back: half as many as there may
// be nodes. They share the slot with those of the file. The same for decisions of apps that it
// lacks; those that were decided last stay.
inline constexpr std::size_t kAbsentNodesKept = kNodeSlotsMax / 2;
inline constexpr std::size_t kAbsentAppsKept = kAppsMax / 2;

// Networks of a split (--sources): each new connection is held against them, one by one.
inline constexpr std::size_t kSplitSourcesMax = 64;
// The version of a release (--version), in bytes: like a name's.
inline constexpr std::size_t kVersionBytesMax = 63;
// The decision's slot on disk; a document larger than this is our own bug.
inline constexpr std::size_t kStateSlotBytes = 2 * 1024 * 1024;

static_assert(kConnectionEndCapacity % 2 == 0 && kConnectFailureCapacity % 2 == 0,
              "outbox rings use a power of two");

}  // namespace shunt::base
