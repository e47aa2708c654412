// Shard: what the parts of one worker share. Nothing in it is shared with another worker but the
// padded atomics (live counts, the total of open connections, the peers' seats).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/proxy/busy_poll_setting.hpp"
#include "shunt/proxy/counters.hpp"
#include "shunt/proxy/mailbox.hpp"
#include "shunt/proxy/publication.hpp"
#include "shunt/traffic/live_counts.hpp"
#include "shunt/traffic/table.hpp"
#include "shunt/uring/kernel.hpp"
#include "src/proxy/connecting_list.hpp"
#include "src/proxy/large_buffers.hpp"
#include "src/proxy/outbox.hpp"
#include "src/proxy/peers.hpp"
#include "src/proxy/relay_slab.hpp"
#include "src/proxy/spsc_ring.hpp"
#include "src/proxy/timer_wheel.hpp"

namespace shunt::proxy {

// What an operation is, in its tag. Those of a relay come in pairs by Side.
enum class Operation : std::uint8_t {
  kWake,
  kAccept,        // slot: the listener
  kCancelAccept,  // slot: the listener
  kCancelWake,
  kHandOver,    // a message to another worker; slot: the descriptor, generation: to whom, of what
  kHandedOver,  // one from another worker; slot: the service
  kReceiveClient,  // from here on slot: the relay
  kReceiveNode,
  kSendClient,
  kSendNode,
  kPollNode,  // the connect's POLLOUT
  kCancelClient,
  kCancelNode,
};
[[nodiscard]] constexpr Operation receive_of(Side side) noexcept {
  return side == Side::kClient ? Operation::kReceiveClient : Operation::kReceiveNode;
}
[[nodiscard]] constexpr Operation send_of(Side side) noexcept {
  return side == Side::kClient ? Operation::kSendClient : Operation::kSendNode;
}
[[nodiscard]] constexpr Operation cancel_of(Side side) noexcept {
  return side == Side::kClient ? Operation::kCancelClient : Operation::kCancelNode;
}

// Open connections of all workers, for the limit.
struct alignas(base::kLinePair) OpenConnections {
  std::atomic<std::uint32_t> count{0};
};

struct ListenerSocket {
  int fd = -1;  // the worker's from now on; closed through the kernel
  traffic::ServiceId service = 0;
};

// A worker's surroundings; all must outlive it.
struct WorkerSetup {
  std::uint32_t index = 0;
  std::uint32_t connections_max = 0;  // of all workers together, and so of this one too
  std::size_t spilled_bytes_max = base::kSpilledBytesMax;
  LargeBufferLimits large_buffers;
  std::uint32_t splice_pipes = base::kSplicePipes;  // kernel pipes, at most kSplicePipesMax
  BusyPollSetting busy_poll{.mode = BusyPollMode::kOff};
  const std::atomic<bool>* cpu_is_shared = nullptr;  // others use the worker's CPU; null: unknown
  std::vector<ListenerSocket> listeners;
  std::vector<traffic::AppId> app_of;  // by ServiceId
  int wake_fd = -1;                    // an eventfd; not owned
  int adoption_fd = -1;  // an eventfd, written when a new root is followed; not owned; -1: nobody's
  Publication* publication = nullptr;
  SpscRing<Request>* mailbox = nullptr;
  Outbox* outbox = nullptr;
  WorkerCounters* counters = nullptr;
  traffic::LiveCounts* live = nullptr;
  OpenConnections* open = nullptr;
  Peers* peers = nullptr;  // null: there are no other workers
  std::uint32_t hand_over_margin = base::kHandOverMargin;
};

template <uring::Kernel K>
struct Shard {
  Shard(K& kernel_in, const WorkerSetup& setup_in)
      : kernel(kernel_in),
        setup(setup_in),
        counters(*setup_in.counters),
        now(kernel_in.now()),
        relays(setup_in.connections_max),
        connecting(relays),
        timers(relays, now) {}

  K& kernel;
  const WorkerSetup& setup;
  WorkerCounters& counters;
  base::Instant now;                           // stands still within a turn
  std::uint32_t crowded_turns = 0;             // for which it counts as crowded (limits.hpp)
  const traffic::RoutingRoot* root = nullptr;  // of this turn; null outside of one
  RelaySlab relays;
  ConnectingList connecting;
  TimerWheel<RelaySlab> timers;

  [[nodiscard]] uring::Tag tag(Operation operation, const Relay& relay) const noexcept {
    return {static_cast<std::uint8_t>(operation), relays.slot_of(relay), relay.generation};
  }
  // Cancels the relay's operation on that side, which completes all the same, as the cancel does.
  // By tag and not by descriptor, which looks at every operation that is armed on the ring: 0.2 ms
  // with 10,000 of them and 27 ms with 100,000, measured on 6.18, where this takes 0.6 us. Apart
  // from its callers, which seldom come to it.
  [[gnu::noinline]] void cancel(Relay& relay, Side side, Operation operation) noexcept {
    ++relay.socket(side).in_flight;
    kernel.cancel_tag(tag(operation, relay), tag(cancel_of(side), relay));
  }
  // Of a multishot receive. The source is received from again when the cancel is through and all
  // was sent.
  void stop_receiving(Relay& relay, Side source) noexcept {
    relay.from(source).multishot = Multishot::kStopping;
    cancel(relay, source, receive_of(source));
  }
  // Of the live pool, or of the one that takes a share where the connection is among those. A
  // connect to that one that failed goes on with the live pool: its client must not pay for a
  // canary.
  [[nodiscard]] const traffic::ServiceTable& table_of(const Relay& relay) const noexcept {
    const traffic::ServiceTable& table = *root->services[relay.service];
    if (table.split == nullptr) [[likely]]
      return table;
    return takes_share(relay, *table.split) ? table.split->table : table;
  }
  [[nodiscard, gnu::noinline]] static bool takes_share(const Relay& relay,
                                                       const traffic::Split& split) noexcept {
    if (relay.share_failed) return false;
    const bool v6 = relay.client.family == AF_INET6;
    // By a Unix socket: it has no address, so chance decides.
    if (!v6 && relay.client.family != AF_INET)
      return traffic::takes_by_chance(split.terms, relay.id);
    return traffic::takes(split.terms, relay.id, base::address_from(v6, relay.client.bytes));
  }
  [[nodiscard]] NodeCounters& node_of(const Relay& relay) const noexcept {
    return counters.nodes[relay.node];
  }
  [[nodiscard]] ServiceCounters& service_of(const Relay& relay) const noexcept {
    return counters.services[relay.service];
  }
};

}  // namespace shunt::proxy
