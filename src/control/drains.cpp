#include "src/control/drains.hpp"

#include <algorithm>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/control/loads.hpp"
#include "src/control/phrases.hpp"

namespace shunt::control {
namespace {

using proxy::CloseCause;
using proxy::RelayFilter;

// Closings that run at a time: whoever ends hundreds of connections one by one means the pool.
constexpr std::size_t kClosingsMax = 256;
// Items that are remembered for the event after a crash.
constexpr std::size_t kEndingTold = 4;
constexpr base::Duration kSurveyInterval = base::kSecond;
constexpr base::Duration kAnswerBound = 5 * base::kSecond;
// Connections that were still connecting when closing began are found by asking again.
constexpr base::Duration kCloseAgain = base::kSecond;
// The workers' timers may be late by this.
constexpr base::Duration kClosingSlack = base::kSecond;

RelayFilter of_pool(traffic::AppId app, traffic::PoolId pool) {
  RelayFilter target;
  target.app = app;
  target.pool = pool;
  return target;
}

RelayFilter of_node(traffic::AppId app, traffic::NodeSlot slot) {
  RelayFilter target;
  target.app = app;
  target.node = slot;
  return target;
}

bool same(const RelayFilter& a, const RelayFilter& b) {
  return a.app == b.app && a.pool == b.pool && a.node == b.node && a.connection == b.connection;
}

std::string connections(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " connection" : " connections");
}

}  // namespace

Drains::Drains(const traffic::Model& model, proxy::DataPlane& data_plane, WorkerRequests& requests,
               EventSink& events, Drained drained)
    : model_(model),
      data_plane_(data_plane),
      requests_(requests),
      events_(events),
      drained_(std::move(drained)),
      places_(places_of(model)),
      oldest_(model.slots, 0) {}

void Drains::begin_pool(traffic::AppId app, traffic::PoolId pool, base::Instant left,
                        base::Instant deadline, base::Duration over, base::Instant now) {
  begin({of_pool(app, pool), CloseCause::kDrainDeadline, deadline, over, 0, left}, false, now);
}

void Drains::begin_node(traffic::NodeSlot slot, std::optional<base::Instant> deadline,
                        base::Duration over, base::Instant now) {
  begin({of_node(places_[slot].app, slot), CloseCause::kDrainDeadline, deadline.value_or(0), over,
         0, 0},
        !deadline, now);
}

bool Drains::has_deadline(traffic::NodeSlot slot) const noexcept {
  const RelayFilter target = of_node(places_[slot].app, slot);
  return std::any_of(orders_.begin(), orders_.end(), [&](const Order& order) {
    return order.deadline != 0 && same(order.target, target);
  });
}

void Drains::cancel_pool(traffic::AppId app, traffic::PoolId pool, std::string_view by,
                         base::Instant now) {
  cancel(of_pool(app, pool), true, by, now);
}

void Drains::cancel_node(traffic::NodeSlot slot, std::string_view by, base::Instant now) {
  cancel(of_node(places_[slot].app, slot), false, by, now);
}

void Drains::begin(const Order& drain, bool keeps_deadline, base::Instant now) {
  const auto known = std::find_if(orders_.begin(), orders_.end(), [&](const Order& order) {
    return order.cause == drain.cause && same(order.target, drain.target);
  });
  if (known == orders_.end()) {
    orders_.push_back(drain);
    if (drain.deadline != 0 && drain.deadline <= now) close(orders_.back(), drain.over, now);
    return;
  }
  if (keeps_deadline) return;  // nobody has asked for more time
  known->deadline = drain.deadline;
  known->over = drain.over;
  if (drain.deadline != 0 && drain.deadline <= now) return close(*known, known->over, now);
  // Closing runs, and there is more time now: what it has not reached yet stays until then.
  if (std::exchange(known->close_until, 0) != 0) take_back(known->target, known->cause, now);
}

void Drains::note_closing(const RelayFilter& target, base::Instant begun, base::Duration over) {
  Order closing{target, CloseCause::kClosed, 0, over, begun + over, 0};
  closing.target.accepted_before = begun;  // marked anew, it must not reach those that came later
  orders_.push_back(closing);
}

bool Drains::full() const noexcept {
  const auto closings = std::count_if(orders_.begin(), orders_.end(), [](const Order& order) {
    return order.cause == CloseCause::kClosed;
  });
  return static_cast<std::size_t>(closings) >= kClosingsMax;
}

void Drains::cancel(const RelayFilter& target, bool closings, std::string_view by,
                    base::Instant now) {
  // All of them first: none of them may be marked anew when the marks of another are taken back.
  bool told[2] = {};
  bool marked[2] = {};
  std::erase_if(orders_, [&](const Order& order) {
    const bool closing = order.cause == CloseCause::kClosed;
    if ((closing && !closings) || !same(order.target, target)) return false;
    if (!std::exchange(told[closing], true)) cancelled_.emplace_back(order, by);
    marked[closing] = marked[closing] || order.close_until != 0;
    return true;
  });
  if (marked[false]) take_back(target, CloseCause::kDrainDeadline, now);
  if (marked[true]) take_back(target, CloseCause::kClosed, now);
}

void Drains::take_back(const RelayFilter& target, CloseCause cause, base::Instant now) {
  requests_.ask<proxy::CancelClose>(
      [&] {
        auto request = std::make_unique<proxy::CancelClose>();
        request->filter = target;
        request->cause = cause;
        return request;
      },
      kAnswerBound, nullptr);
  // The marks carry no name: a node's cancellation takes those of its pool with it, and the other
  // way round, and it may have taken the place of a later one.
  for (const Order& other : orders_) {
    if (other.close_until == 0 || !overlap(other.target, target)) continue;
    // A closing that is over has nothing left to end but what was not its own.
    if (other.cause == CloseCause::kClosed && other.close_until <= now) continue;
    mark(other, other.close_until > now ? other.close_until - now : 0, true);
  }
}

void Drains::mark(const Order& order, base::Duration over, bool only_unmarked) {
  requests_.ask<proxy::CloseRelays>(
      [&] {
        auto request = std::make_unique<proxy::CloseRelays>();
        request->filter = order.target;
        request->over = over;
        request->cause = order.cause;
        request->only_unmarked = only_unmarked;
        return request;
      },
      kAnswerBound, nullptr);
}

void Drains::close(Order& drain, base::Duration over, base::Instant now) {
  const bool again = drain.close_until != 0;
  drain.close_until = now + std::max(over, kCloseAgain);
  mark(drain, over, false);
  const std::uint64_t left = held(drain.target);
  if (again || left == 0) return;
  announce(drain, "drain_deadline",
           name_of(drain.target) + ": closing " + connections(left) + " over " +
               base::format_duration_brief(over));
}

// A connection's pool and node are the worker's knowledge: it may be any.
bool Drains::overlap(const RelayFilter& a, const RelayFilter& b) const noexcept {
  if (a.app != b.app) return false;
  if (a.connection != 0 || b.connection != 0) return true;
  if (a.node != traffic::kNoSlot && b.node != traffic::kNoSlot) return a.node == b.node;
  const auto pool_of = [&](const RelayFilter& target) {
    return target.node != traffic::kNoSlot ? places_[target.node].pool : target.pool;
  };
  return pool_of(a) == pool_of(b);
}

std::uint64_t Drains::held(const RelayFilter& target) const {
  if (target.node != traffic::kNoSlot) return load_of(data_plane_, target.node).held();
  return load_of(data_plane_, model_.apps[target.app].pools[target.pool]).held();
}

void Drains::tick(base::Instant now) {
  for (Order& order : orders_) {
    if (order.cause == CloseCause::kClosed) continue;
    const bool due = order.close_until == 0 ? order.deadline != 0 && now >= order.deadline
                                            : now >= order.close_until;
    if (due) close(order, order.close_until == 0 ? order.over : 0, now);
  }
  std::erase_if(orders_, [&](const Order& order) {
    if (order.cause == CloseCause::kClosed) {
      return now >= order.close_until + kClosingSlack ||
             (order.target.connection == 0 && held(order.target) == 0);
    }
    if (held(order.target) != 0) return false;
    announce(order, "drained", name_of(order.target) + " is drained");
    if (order.left != 0 && drained_) {
      drained_(order.target.app, order.target.pool, now - order.left);
    }
    return true;
  });
  if (!orders_.empty() && surveys_running_ == 0 && now - surveyed_ >= kSurveyInterval) {
    surveyed_ = now;
    survey();
  }
}

std::string Drains::name_of(const RelayFilter& target) const {
  if (target.node != traffic::kNoSlot) return "node " + places_[target.node].node->name;
  return "pool " + model_.apps[target.app].pools[target.pool].name;
}

void Drains::announce(const Order& order, const char* type, std::string message,
                      std::vector<std::pair<std::string, std::string>> fields) const {
  const traffic::App& app = model_.apps[order.target.app];
  const traffic::NodeSlot node = order.target.node;
  Event event;
  event.type = type;
  event.app = app.name;
  event.message = std::move(message);
  if (node != traffic::kNoSlot) {
    event.fields = {{"node", places_[node].node->name}};
  } else {
    event.fields = {{"pool", app.pools[order.target.pool].name}};
  }
  for (auto& field : fields) event.fields.push_back(std::move(field));
  events_.publish(std::move(event));
}

void Drains::tell_cancelled() {
  for (const auto& [order, by] : std::exchange(cancelled_, {})) {
    const bool closing = order.cause == CloseCause::kClosed;
    const std::uint64_t left = held(order.target);
    if (left == 0) continue;  // there was nothing any more that could have been ended
    announce(order, closing ? "close_cancelled" : "drain_cancelled",
             (closing ? "closing of " : "drain of ") + name_of(order.target) + " cancelled by " +
                 by + ": " + connections(left) + (left == 1 ? " remains" : " remain"),
             {{"by", by}, {"remaining", std::to_string(left)}});
  }
}

void Drains::survey() {
  std::vector<bool> asked(model_.apps.size(), false);
  for (const Order& order : orders_) {
    const traffic::AppId app = order.target.app;
    if (asked[app]) continue;
    asked[app] = true;
    ++surveys_running_;
    requests_.ask<proxy::Survey>(
        [&] {
          auto request = std::make_unique<proxy::Survey>();
          request->filter.app = app;
          request->oldest.assign(model_.slots, 0);
          return request;
        },
        kAnswerBound,
        [this, app](const auto& surveys, bool complete) {
          --surveys_running_;
          if (!complete) return;
          for (traffic::NodeSlot slot = 0; slot < model_.slots; ++slot) {
            if (places_[slot].app != app) continue;
            base::Instant oldest = 0;
            for (const auto& survey : surveys) {
              const base::Instant accepted = survey->oldest[slot];
              if (accepted != 0 && (oldest == 0 || accepted < oldest)) oldest = accepted;
            }
            oldest_[slot] = oldest;
          }
        });
  }
}

std::string Drains::ending(traffic::AppId app) const {
  std::vector<std::string> items;
  for (const Order& order : orders_) {
    if (order.target.app != app || (order.deadline == 0 && order.close_until == 0)) continue;
    const bool closing = order.cause == CloseCause::kClosed;
    items.push_back((order.target.connection != 0 ? "a connection" : name_of(order.target)) +
                    (closing ? " (shunt close)" : " (drain deadline)"));
  }
  return listed(items, kEndingTold);
}

void Drains::add_closing(DrainStatus& status, const RelayFilter& target, base::Instant now) const {
  for (const Order& order : orders_) {
    if (!same(order.target, target)) continue;
    if (order.deadline != 0) {
      status.deadline_in = order.deadline > now ? order.deadline - now : 0;
    }
    if (order.close_until != 0) {
      const base::Duration left = order.close_until > now ? order.close_until - now : 0;
      // The last one counts: until then there is something left to end.
      status.ends_in = std::max(status.ends_in.value_or(0), left);
      status.closing = true;
    }
    if (order.deadline != 0 || order.close_until != 0) status.over = order.over;
  }
}

void Drains::add_age(DrainStatus& status, traffic::NodeSlot slot, base::Instant now) const {
  if (status.remaining == 0) return;  // the last survey is older than that
  const base::Instant oldest = oldest_[slot];
  if (oldest != 0 && oldest < now) status.oldest = std::max(status.oldest, now - oldest);
}

DrainStatus Drains::status(traffic::AppId app, traffic::PoolId pool, base::Instant now) const {
  DrainStatus status;
  const traffic::Pool& nodes = model_.apps[app].pools[pool];
  status.remaining = load_of(data_plane_, nodes).held();
  add_closing(status, of_pool(app, pool), now);
  for (const traffic::Node& node : nodes.nodes) add_age(status, node.slot, now);
  return status;
}

DrainStatus Drains::status(traffic::NodeSlot slot, base::Instant now) const {
  DrainStatus status;
  status.remaining = load_of(data_plane_, slot).held();
  add_closing(status, of_node(places_[slot].app, slot), now);
  add_age(status, slot, now);
  return status;
}

}  // namespace shunt::control
