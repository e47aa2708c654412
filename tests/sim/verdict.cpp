#include "tests/sim/verdict.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/sim/scripted_kernel.hpp"

namespace shunt::sim {
namespace {

using proxy::CloseCause;

// One accepted client, the node that it was coupled to if it came to that, and its record.
struct Couple {
  const Link* client = nullptr;
  const Link* node = nullptr;
  const proxy::ConnectionEnd* end = nullptr;
};

// Ends that shunt decides on by a rule or a command, not because of what a peer did.
bool is_by_own_rule(CloseCause cause) {
  switch (cause) {
    case CloseCause::kIdle:
    case CloseCause::kHalfClosed:
    case CloseCause::kStalled:
    case CloseCause::kNoBuffers:
    case CloseCause::kShutdown:
    case CloseCause::kDrainDeadline:
    case CloseCause::kClosed:
      return true;
    default:
      return false;
  }
}

bool is_refusal(CloseCause cause) {
  switch (cause) {
    case CloseCause::kConnectRefused:
    case CloseCause::kConnectTimeout:
    case CloseCause::kUnreachable:
    case CloseCause::kNoNode:
    case CloseCause::kNoPorts:
    case CloseCause::kNoSource:
    case CloseCause::kNoDescriptors:
    case CloseCause::kNoMemory:
    case CloseCause::kConnectionLimit:
      return true;
    default:
      return false;
  }
}

// The peer itself ended or may have ended reading before it had all.
bool gave_up(const Link& link) {
  return link.peer_reset() || link.script.end == PeerEnd::kClose ||
         link.script.end == PeerEnd::kReset;
}

// From what a decision to close rests on to the close: what is in flight is waited for, and what
// happens meanwhile comes too late for the decision.
constexpr base::Duration kClosingMax = 20 * base::kMillisecond;

class Judge {
 public:
  Judge(const Network& network, const Control& control, Violations& violations)
      : network_(network), control_(control), violations_(violations) {}

  void run() {
    std::map<std::uint16_t, const proxy::ConnectionEnd*> ends;  // by client port
    for (const proxy::ConnectionEnd& end : control_.ends()) {
      if (end.client.port == 0) continue;  // the client was gone before its address was asked
      if (!ends.emplace(end.client.port, &end).second) {
        violations_.add("two records of client port " + std::to_string(end.client.port));
      }
    }
    std::map<std::uint64_t, const Link*> nodes;  // by relay
    for (const Link& link : network_.links()) {
      if (link.kind != Link::Kind::kNode || link.relay == 0) continue;
      if (!nodes.emplace(link.relay, &link).second) {
        violations_.add(link.name() + ": a relay carried payload to two nodes");
      }
    }
    for (const Link& link : network_.links()) {
      if (link.kind != Link::Kind::kClient || link.relay == 0) continue;
      const auto node = nodes.find(link.relay);
      const auto end = ends.find(ScriptedKernel::port_of(link.id));
      judge({.client = &link,
             .node = node == nodes.end() ? nullptr : node->second,
             .end = end == ends.end() ? nullptr : end->second});
    }
    judge_replays();
  }

 private:
  void judge(const Couple& couple) {
    if (couple.end != nullptr) judge_record(couple);
    if (couple.node == nullptr) return judge_refused(couple);
    judge_direction(*couple.client, *couple.node, couple);
    judge_direction(*couple.node, *couple.client, couple);
  }

  void judge_record(const Couple& couple) {
    const proxy::ConnectionEnd& end = *couple.end;
    const std::uint64_t up = couple.node == nullptr ? 0 : couple.node->sent();
    expect(end.bytes_up == up, *couple.client, "its record has the wrong count of bytes up");
    expect(end.bytes_down == couple.client->sent(), *couple.client,
           "its record has the wrong count of bytes down");
    const traffic::Timeouts& timeouts = control_.model().apps[0].timeouts;
    const bool possible = (end.cause != CloseCause::kIdle || timeouts.idle != base::kOff) &&
                          (end.cause != CloseCause::kClosed || control_.closes_by_request()) &&
                          (end.cause != CloseCause::kNoBuffers || network_.temper().scarce) &&
                          (end.cause != CloseCause::kNoSource || control_.has_sources()) &&
                          end.cause != CloseCause::kDrainDeadline &&
                          end.cause != CloseCause::kInternal;
    expect(possible, *couple.client, "a cause that nothing gave rise to");
    if (couple.node == nullptr) return;
    judge_timeout(couple);
    if (end.cause == CloseCause::kNoBuffers) judge_surplus(couple);
    expect(end.node == couple.node->node && end.pool == couple.node->pool, *couple.client,
           "its record names another node than the one that served it");
    expect(!is_refusal(end.cause), *couple.client, "refused, but it was connected");
    // Nothing established is closed but for the peers' own doing or a named rule.
    if (!gave_up(*couple.client) && !gave_up(*couple.node) && !is_by_own_rule(end.cause)) {
      expect(end.cause == CloseCause::kDone, *couple.client, "ended for no reason");
    }
  }

  // A timeout closes once its time has passed with nothing that begins it anew, and not before.
  void judge_timeout(const Couple& couple) {
    const proxy::ConnectionEnd& end = *couple.end;
    const base::Duration timeout = timeout_of(end.cause);
    if (timeout <= kClosingMax) return;
    const Link& client = *couple.client;
    const Link& node = *couple.node;
    const base::Instant closed = client.closed_at;
    const base::Instant opened = closed - end.total + end.connected;
    const auto latest = [closed](const Moments& moments) {
      return moments.latest_until(closed - kClosingMax);
    };
    const auto way = [&](const Link& source, const Link& sink) {
      return std::max({opened, latest(source.received_at), latest(sink.sent_at)});
    };
    const base::Instant up = way(client, node);
    const base::Instant down = way(node, client);
    base::Instant since =
        end.cause == CloseCause::kStalled ? std::min(up, down) : std::max(up, down);
    if (end.cause == CloseCause::kHalfClosed) {
      const base::Instant ended = std::max(latest(client.ended_at), latest(node.ended_at));
      expect(ended != 0, client, "half-closed, but no side had ended for long");
      since = std::max(since, ended);
    }
    expect(since + timeout <= closed, client, "a timeout whose time had not passed");
  }
  // Given up for want of buffers: what it held stood still for a second.
  void judge_surplus(const Couple& couple) {
    const base::Instant closed = couple.client->closed_at;
    const auto stood_still = [closed](const Link& source, const Link& sink) {
      return sink.sent() < source.received() &&
             sink.sent_at.latest_until(closed - kClosingMax) + base::kSecond <= closed;
    };
    const Link& client = *couple.client;
    const Link& node = *couple.node;
    expect(stood_still(client, node) || stood_still(node, client), client,
           "given up for want of buffers, but its reader went on");
  }
  [[nodiscard]] base::Duration timeout_of(CloseCause cause) const {
    const traffic::Timeouts& timeouts = control_.model().apps[0].timeouts;
    switch (cause) {
      case CloseCause::kIdle:
        return timeouts.idle;
      case CloseCause::kHalfClosed:
        return timeouts.half_closed;
      case CloseCause::kStalled:
        return timeouts.stalled;
      default:
        return 0;
    }
  }

  // A client that never got a node learns it by a reset.
  void judge_refused(const Couple& couple) {
    expect(couple.client->sent() == 0, *couple.client, "bytes from nowhere");
    const bool by_rule = couple.end != nullptr && is_by_own_rule(couple.end->cause);
    if (gave_up(*couple.client) || by_rule) return;
    expect(couple.client->peer_saw_reset(), *couple.client, "refused without a reset");
    expect(!couple.client->peer_saw_end(), *couple.client, "refused with a clean end");
  }

  void judge_direction(const Link& source, const Link& sink, const Couple& couple) {
    const CloseCause cause = couple.end == nullptr ? CloseCause::kClosed : couple.end->cause;
    const bool by_rule = is_by_own_rule(cause);  // or unknown
    const bool source_whole = source.peer_ended() && source.received() == source.peer_written();
    expect(sink.source() == nullptr || sink.source() == &source, sink, "bytes of a stranger");
    if (sink.peer_saw_end() && !gave_up(sink)) {
      expect(sink.delivered() == sink.sent() && sink.sent() == source.received(), sink,
             "a clean end before the last byte that was read for it");
      expect(source_whole || by_rule, sink, "a clean end, but its source had not ended in order");
    }
    if (gave_up(sink) || by_rule) return;
    expect(sink.sent() == source.received(), sink, "bytes that were read did not go on");
    const bool stalls = sink.script.stall_at < sink.sent();
    expect(stalls || sink.delivered() == sink.sent(), sink, "sent bytes were destroyed");
    if (cause == CloseCause::kDone) {
      expect(source_whole, sink, "done, but its source had more");
      expect(sink.peer_saw_end(), sink, "done, but it saw no end");
    }
    if (source.peer_reset() && !source_whole) {
      expect(sink.peer_saw_reset(), sink, "its source reset, but it saw none");
    }
  }

  // What a client sent reaches one node only.
  void judge_replays() {
    std::set<const Link*> sources;
    for (const Link& link : network_.links()) {
      if (link.source() == nullptr) continue;
      expect(sources.insert(link.source()).second, link,
             "the same bytes were sent to another peer");
    }
  }

  void expect(bool holds, const Link& link, const char* what) {
    if (!holds) violations_.add(link.name() + ": " + what);
  }

  const Network& network_;
  const Control& control_;
  Violations& violations_;
};

}  // namespace

void judge_connections(const Network& network, const Control& control, Violations& violations) {
  Judge(network, control, violations).run();
}

}  // namespace shunt::sim
