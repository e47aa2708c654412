// Acceptor: a worker's listeners. Accepts with one request for many connections where descriptors
// are kept for a burst, arms it again whenever it ends, backs off when the process is out of
// descriptors, hands connections to a worker that has clearly fewer, and refuses at the limit.
#pragma once

#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "shunt/base/own_lines.hpp"
#include "src/proxy/connector.hpp"
#include "src/proxy/hand_over.hpp"
#include "src/proxy/shard.hpp"
#include "src/proxy/transfer.hpp"

namespace shunt::proxy {

template <uring::Kernel K>
class Acceptor {
 public:
  Acceptor(Shard<K>& shard, Connector<K>& connector, Transfer<K>& transfer)
      : shard_(shard), connector_(connector), transfer_(transfer), hand_over_(shard) {
    for (const ListenerSocket& socket : shard.setup.listeners) {
      listeners_.push_back({.fd = socket.fd, .service = socket.service});
    }
  }

  void start() noexcept {
    hand_over_.open();
    for (Listener& listener : listeners_) arm(listener);
  }

  void accepted(std::uint32_t index, const uring::Completion& completion) noexcept {
    Listener& listener = listeners_[index];
    if (completion.result >= 0) {
      place(listener.service, completion.result);
    } else if (completion.result != -ECANCELED) {
      shard_.counters.accept_errors.add();
    }
    if (completion.more) return;
    // It is over, whatever the reason.
    listener.armed = false;
    if (stopping_) return;
    if (completion.result >= 0 || completion.result == -ECONNABORTED ||
        completion.result == -EINTR || completion.result == -EAGAIN) {
      if (completion.result >= 0) take_more(listener);
      arm(listener);
    } else {
      // Out of descriptors or memory: connections wait in the queue meanwhile.
      listener.retry_at = shard_.now + kBackOff;
      backing_off_ = true;
    }
  }
  // From another worker.
  void handed_over(traffic::ServiceId service, int fd) noexcept {
    hand_over_.arrived();
    admit(service, fd);
  }
  void message_returned(const uring::Completion& completion) noexcept {
    const auto returned = hand_over_.returned(completion);
    if (returned.failed) admit(returned.service, returned.fd);
  }
  void cancel_returned(std::uint32_t index) noexcept { listeners_[index].cancelling = false; }

  // Stops: cancels, takes what is queued, closes. What other workers have handed over still comes.
  void stop() noexcept {
    if (stopping_) return;
    stopping_ = true;
    hand_over_.close();
    backing_off_ = false;
    draining_ = true;  // no completion comes for a listener that was backing off
    for (Listener& listener : listeners_) {
      if (!listener.armed) continue;
      listener.cancelling = true;
      shard_.kernel.cancel_fd(listener.fd, tag(Operation::kCancelAccept, listener));
    }
  }
  // From now on accepted connections are reset at once: the worker ends.
  void turn_away() noexcept { turning_away_ = true; }

  // Once a turn: what was put off.
  void step() noexcept {
    if (backing_off_) retry();
    draining_ = false;
    if (stopping_ && !stopped()) {
      for (Listener& listener : listeners_) drain(listener);
    }
  }

  // After stop(): every listener is closed, nothing of it is in flight, and nothing is under way to
  // or from another worker. No connection comes any more.
  [[nodiscard]] bool stopped() const noexcept {
    return closed_ == listeners_.size() && hand_over_.settled();
  }
  // step() has more to do at once.
  [[nodiscard]] bool busy() const noexcept { return draining_; }
  [[nodiscard]] base::Duration until_next() const noexcept {
    base::Duration wait = uring::kForever;
    if (!backing_off_) return wait;
    for (const Listener& listener : listeners_) {
      if (listener.retry_at == 0) continue;
      wait = std::min(wait, listener.retry_at > shard_.now ? listener.retry_at - shard_.now : 0);
    }
    return wait;
  }

 private:
  static constexpr base::Duration kBackOff = 100 * base::kMillisecond;

  struct Listener {
    int fd = -1;
    traffic::ServiceId service = 0;
    bool armed = false;
    bool cancelling = false;
    int drained = 0;             // connections taken from the queue while stopping
    base::Instant retry_at = 0;  // 0: no back-off
  };

  [[nodiscard]] uring::Tag tag(Operation operation, const Listener& listener) const noexcept {
    return {static_cast<std::uint8_t>(operation),
            static_cast<std::uint32_t>(&listener - listeners_.data()), 0};
  }
  void arm(Listener& listener) noexcept {
    listener.armed = true;
    shard_.kernel.accept_multishot(listener.fd, tag(Operation::kAccept, listener));
  }
  // Where a request accepts one connection, one a turn would be few. Each is admitted or refused
  // before the next is taken, so that a burst holds no descriptors.
  void take_more(const Listener& listener) noexcept {
    for (std::uint32_t taken = 0; taken < base::kAcceptsAtOnce; ++taken) {
      const int fd = shard_.kernel.accept_now(listener.fd);
      if (fd < 0) return;  // whatever it is, the next request tells
      place(listener.service, fd);
    }
  }
  void retry() noexcept {
    backing_off_ = false;
    for (Listener& listener : listeners_) {
      if (listener.retry_at == 0) continue;
      if (listener.retry_at <= shard_.now) {
        listener.retry_at = 0;
        arm(listener);
      } else {
        backing_off_ = true;
      }
    }
  }

  // Closing one socket of a SO_REUSEPORT group resets what its queue holds, so the queue is emptied
  // first. A handshake that ends between the last accept and the close is lost all the same.
  void drain(Listener& listener) noexcept {
    if (listener.fd < 0 || listener.armed || listener.cancelling) return;
    for (std::uint32_t taken = 0; taken < base::kCompletionsPerTurn; ++taken) {
      const int fd =
          listener.drained < base::kListenBacklog ? shard_.kernel.accept_now(listener.fd) : -EAGAIN;
      if (fd < 0 && fd != -ECONNABORTED && fd != -EINTR) {
        shard_.kernel.close(std::exchange(listener.fd, -1));
        ++closed_;
        return;
      }
      ++listener.drained;
      if (fd >= 0) admit(listener.service, fd);
    }
    draining_ = true;
  }

  void place(traffic::ServiceId service, int fd) noexcept {
    if (!hand_over_.pass_on(service, fd)) admit(service, fd);
  }

  void admit(traffic::ServiceId service, int fd) noexcept {
    ServiceCounters& counters = shard_.counters.services[service];
    counters.accepted.add();
    std::atomic<std::uint32_t>& open = shard_.setup.open->count;
    const bool room = open.fetch_add(1, std::memory_order_relaxed) < shard_.setup.connections_max;
    const std::uint32_t slot =
        room && !turning_away_ ? shard_.relays.acquire() : RelaySlab::kNobody;
    const ClientAddress client = address_of(shard_.kernel.peer_address(fd));
    const std::uint64_t id = std::uint64_t{shard_.setup.index} << 48 | ++count_;
    if (slot == RelaySlab::kNobody) {
      open.fetch_sub(1, std::memory_order_relaxed);
      counters.refused.add();
      return refuse(service, fd, client, id);
    }
    Relay& relay = shard_.relays.at(slot);
    counters.open.add();
    shard_.counters.relays.add();
    relay.id = id;
    relay.client = client;
    relay.service = service;
    relay.accepted_at = shard_.now;
    relay.socket(Side::kClient).fd = fd;
    relay.state = RelayState::kRetreating;
    transfer_.start_client(relay);
    connector_.begin(relay);
  }

  void refuse(traffic::ServiceId service, int fd, const ClientAddress& client,
              std::uint64_t id) noexcept {
    shard_.kernel.reset(fd);
    ConnectionEnd end;
    end.id = id;
    end.client = client;
    end.cause = turning_away_ ? CloseCause::kShutdown : CloseCause::kConnectionLimit;
    end.service = service;
    end.ended_wall_ms = shard_.kernel.wall_ms();
    shard_.counters.closed[static_cast<std::size_t>(end.cause)].add();
    shard_.setup.outbox->leave(end);
  }

  static ClientAddress address_of(const base::Endpoint& endpoint) noexcept {
    ClientAddress address;
    address.family = static_cast<std::uint8_t>(endpoint.family());
    address.port = endpoint.port();
    if (endpoint.family() == AF_INET) {
      sockaddr_in v4;
      std::memcpy(&v4, endpoint.address(), sizeof(v4));
      std::memcpy(address.bytes, &v4.sin_addr, sizeof(v4.sin_addr));
    } else if (endpoint.family() == AF_INET6) {
      sockaddr_in6 v6;
      std::memcpy(&v6, endpoint.address(), sizeof(v6));
      std::memcpy(address.bytes, &v6.sin6_addr, sizeof(v6.sin6_addr));
    }
    return address;
  }

  Shard<K>& shard_;
  Connector<K>& connector_;
  Transfer<K>& transfer_;
  HandOver<K> hand_over_;
  base::OwnLinesVector<Listener> listeners_;
  std::size_t closed_ = 0;
  std::uint64_t count_ = 0;
  bool backing_off_ = false;
  bool stopping_ = false;
  bool draining_ = false;
  bool turning_away_ = false;
};

}  // namespace shunt::proxy
