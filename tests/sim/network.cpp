#include "tests/sim/network.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

namespace shunt::sim {

// ---- Clients.

bool Network::arrive() {
  const auto due = std::find_if(arrivals_.begin(), arrivals_.end(),
                                [&](const Arrival& arrival) { return arrival.at <= now_; });
  if (due == arrivals_.end()) return false;
  if (!is_open(due->service)) {
    violations_.note("a client is refused by service " + std::to_string(due->service));
    arrivals_.erase(due);
    return true;
  }
  Link& link = add_link(Link::Kind::kClient);
  link.service = due->service;
  link.establish();
  arrivals_.erase(due);
  accept_queue_.push_back(&link);
  violations_.note(link.name() + " arrives at service " + std::to_string(link.service));
  return true;
}

bool Network::can_accept(traffic::ServiceId service) const {
  return std::any_of(accept_queue_.begin(), accept_queue_.end(),
                     [&](const Link* link) { return link->service == service; });
}

Link* Network::accept(traffic::ServiceId service) {
  const auto found = std::find_if(accept_queue_.begin(), accept_queue_.end(),
                                  [&](const Link* link) { return link->service == service; });
  if (found == accept_queue_.end()) return nullptr;
  Link* link = *found;
  accept_queue_.erase(found);
  return link;
}

bool Network::is_open(traffic::ServiceId service) const {
  return std::find(listeners_.begin(), listeners_.end(), service) != listeners_.end();
}

void Network::close_service(traffic::ServiceId service) {
  const auto last = std::find(listeners_.begin(), listeners_.end(), service);
  if (last != listeners_.end()) listeners_.erase(last);
  if (is_open(service)) return;
  while (Link* link = accept(service)) link->reset();
}

// ---- Nodes.

Network::Connect Network::connect(const base::Endpoint& to) {
  const auto node = std::find_if(nodes_.begin(), nodes_.end(),
                                 [&](const SimNode& known) { return known.address == to; });
  if (node == nodes_.end()) {
    violations_.add("connect to " + to.to_string() + ", which no table ever held");
    return {-ECONNREFUSED, nullptr};
  }
  if (!is_allowed(node->pool)) {
    violations_.add("a connect to a left pool began after its worker had adopted");
  }
  if (random_.one_in(200)) return {-EADDRNOTAVAIL, nullptr};
  const bool local = node->address.is_unix();
  if (local && random_.one_in(20)) return {-EAGAIN, nullptr};
  if (node->mood == NodeMood::kRefusing && (local || random_.one_in(10))) {
    return {-ECONNREFUSED, nullptr};
  }
  Link& link = add_link(Link::Kind::kNode);
  link.pool = node->pool;
  link.node = node->slot;
  if (local || (node->mood == NodeMood::kHealthy && random_.one_in(20))) {
    link.establish();
    link.success_seen = true;
    return {0, &link};
  }
  switch (node->mood) {
    case NodeMood::kHealthy:
      link.establish_at = now_ + random_.between(0, base::kMillisecond);
      break;
    case NodeMood::kSlow:
      link.establish_at = now_ + random_.between(0, temper_.delay_max);
      break;
    case NodeMood::kRefusing:
      link.fail_at = now_ + random_.between(0, base::kMillisecond);
      link.fail_errno = random_.one_in(4) ? EHOSTUNREACH : ECONNREFUSED;
      break;
    case NodeMood::kBlackHole:
      link.fail_at = now_ + 127 * base::kSecond;  // tcp_syn_retries of 6
      link.fail_errno = ETIMEDOUT;
      break;
  }
  return {-EINPROGRESS, &link};
}

bool Network::establish(Link& link) {
  if (link.state() != Link::State::kConnecting || now_ < link.establish_at) return false;
  link.establish();
  violations_.note(link.name() + " is established with node " + std::to_string(link.node));
  if (!is_allowed(link.pool)) {
    violations_.add(link.name() +
                    ": a connect to a left pool succeeded after its worker had adopted");
  }
  return true;
}

void Network::change_a_mood() {
  if (nodes_.empty() || hurried_) return;
  SimNode& node = nodes_[random_.below(static_cast<std::uint32_t>(nodes_.size()))];
  constexpr NodeMood kMoods[] = {NodeMood::kHealthy, NodeMood::kHealthy, NodeMood::kSlow,
                                 NodeMood::kRefusing, NodeMood::kBlackHole};
  node.mood = kMoods[random_.below(5)];
}

// ---- Links.

Link& Network::add_link(Link::Kind kind) {
  const auto buffer = [&] { return random_.between(16, temper_.socket_buffer); };
  Link& link = links_.emplace_back(static_cast<LinkId>(links_.size()), kind, make_script(kind),
                                   buffer(), buffer());
  if (hurried_) link.hurry();
  return link;
}

PeerScript Network::make_script(Link::Kind kind) {
  PeerScript script;
  const auto bytes = [&]() -> std::uint64_t {
    if (random_.one_in(8)) return 0;
    const bool many = temper_.scarce || random_.one_in(3);
    return random_.between(kHeaderBytes, many ? temper_.bytes_max : 256);
  };
  script.to_send = bytes();
  script.chunk_max = random_.between(1, temper_.socket_buffer);
  script.pause_one_in = random_.below(4) * 8;
  script.pause = random_.between(0, temper_.pause_max);
  if (random_.one_in(4)) {  // one message after the other
    script.chunk_max = 64;
    script.to_send = std::min<std::uint64_t>(script.to_send, 1024);
    script.pause_one_in = 1;
    script.pause = base::kMillisecond;
  }
  if (kind == Link::Kind::kNode && random_.one_in(2)) script.answer_after = bytes();
  if (random_.one_in(temper_.stall_one_in)) {
    script.stall_at = random_.between(0, temper_.scarce ? 1024 : temper_.bytes_max);
    script.stall = random_.between(0, temper_.stall_max);
  }
  constexpr PeerEnd kEnds[] = {PeerEnd::kHalfClose,  PeerEnd::kHalfClose,  PeerEnd::kHalfClose,
                               PeerEnd::kAfterShunt, PeerEnd::kAfterShunt, PeerEnd::kAfterShunt,
                               PeerEnd::kClose,      PeerEnd::kReset};
  script.end = kEnds[random_.below(8)];
  script.reset_when_sent = random_.between(0, script.to_send);
  script.reset_when_read = random_.one_in(2) ? 0 : bytes();
  script.receive_buffer = random_.between(16, temper_.socket_buffer);
  return script;
}

// ---- Time.

bool Network::step() {
  if (random_.one_in(temper_.mood_change_one_in)) change_a_mood();
  if (random_.one_in(4) && arrive()) return true;
  if (!links_.empty()) {
    const auto count = static_cast<std::uint32_t>(links_.size());
    const std::uint32_t first = random_.below(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      Link& link = links_[(first + i) % count];
      if (link.state() == Link::State::kGone && link.peer_closed()) continue;
      if (establish(link) || link.step(now_, random_)) return true;
    }
  }
  return arrive();
}

base::Instant Network::next_time() const {
  base::Instant next = kNever;
  for (const Arrival& arrival : arrivals_) {
    if (arrival.at > now_) next = std::min(next, arrival.at);
  }
  for (const Link& link : links_) {
    if (link.state() != Link::State::kGone) next = std::min(next, link.next_time(now_));
  }
  return next;
}

void Network::hurry() {
  hurried_ = true;
  for (Arrival& arrival : arrivals_) arrival.at = now_;
  for (SimNode& node : nodes_) {
    if (node.mood == NodeMood::kSlow) node.mood = NodeMood::kHealthy;
  }
  for (Link& link : links_) link.hurry();
}

// ---- The clean cut.

bool Network::is_allowed(traffic::PoolId pool) const {
  return allowed_.empty() || std::find(allowed_.begin(), allowed_.end(), pool) != allowed_.end();
}

void Network::allow_only(const std::vector<traffic::PoolId>& pools) {
  allowed_ = pools;
  for (const Link& link : links_) {
    if (link.kind != Link::Kind::kNode || is_allowed(link.pool)) continue;
    const bool alive =
        link.state() == Link::State::kConnecting || link.state() == Link::State::kEstablished;
    if (alive && !link.success_seen && link.sent() == 0) {
      violations_.add(link.name() + ": adopted with a connect to a left pool under way");
    }
  }
}

}  // namespace shunt::sim
