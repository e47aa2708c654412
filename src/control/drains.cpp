#include "src/control/drains.hpp"

#include <algorithm>
#include <utility>

#include "shunt/base/limits.hpp"
#include "shunt/base/units.hpp"
#include "src/control/loads.hpp"
#include "src/control/phrases.hpp"
#include "src/control/relay_filters.hpp"

namespace shunt::control {
namespace {

using proxy::CloseCause;
using proxy::RelayFilter;

constexpr base::Duration kSurveyInterval = base::kSecond;
// Connections that were still connecting when closing began are found by asking again.
constexpr base::Duration kCloseAgain = base::kSecond;
// The workers' timers may be late by this.
constexpr base::Duration kClosingSlack = base::kSecond;

}  // namespace

Drains::Drains(const traffic::Model& model, proxy::DataPlane& data_plane, WorkerRequests& requests,
               EventSink& events, Drained drained)
    : model_(model),
      data_plane_(data_plane),
      requests_(requests),
      events_(events),
      drained_(std::move(drained)),
      places_(places_of(model)),
      mail_(data_plane, model.apps.size(),
            [this](traffic::AppId app) { return going_on(app, nullptr, base::monotonic_now()); }),
      oldest_(model.slots, 0) {}

Drains::Order& Drains::add(Order order) {
  order.id = ++ids_;
  renew(order);
  orders_.push_back(std::move(order));
  return orders_.back();
}

void Drains::renew(Order& order) {
  if (order.withdrawn != nullptr) order.withdrawn->store(true, std::memory_order_relaxed);
  order.withdrawn = std::make_shared<std::atomic<bool>>(false);
}

// ---- Drains.

void Drains::begin_pool(traffic::AppId app, traffic::PoolId pool, base::Instant left,
                        base::Instant deadline, base::Duration over, base::Instant now) {
  Order drain;
  drain.target = filter_of_pool(app, pool);
  drain.deadline = deadline;
  drain.over = over;
  drain.left = left;
  begin(drain, false, now);
}

void Drains::begin_node(traffic::NodeSlot slot, std::optional<base::Instant> deadline,
                        base::Duration over, base::Instant now) {
  Order drain;
  drain.target = filter_of_node(places_[slot].app, slot);
  drain.deadline = deadline.value_or(0);
  drain.over = over;
  begin(drain, !deadline, now);
}

bool Drains::has_deadline(traffic::NodeSlot slot) const noexcept {
  const RelayFilter target = filter_of_node(places_[slot].app, slot);
  return std::any_of(orders_.begin(), orders_.end(), [&](const Order& order) {
    return order.deadline != 0 && same(order.target, target);
  });
}

void Drains::begin(const Order& drain, bool keeps_deadline, base::Instant now) {
  const auto known = std::find_if(orders_.begin(), orders_.end(), [&](const Order& order) {
    return order.cause == drain.cause && same(order.target, drain.target);
  });
  if (known == orders_.end()) {
    Order& added = add(drain);
    if (drain.deadline != 0 && drain.deadline <= now) close(added, drain.over, now, Tells::kLater);
    return;
  }
  if (keeps_deadline) return;  // nobody has asked for more time
  known->deadline = drain.deadline;
  known->over = drain.over;
  if (drain.deadline != 0 && drain.deadline <= now) {
    return close(*known, known->over, now, Tells::kLater);
  }
  // Closing runs, and there is more time now: what it has not reached yet stays until then.
  if (std::exchange(known->close_until, 0) == 0) return;
  renew(*known);
  take_back(known->target, known->cause, now);
}

void Drains::close(Order& drain, base::Duration over, base::Instant now, Tells tells) {
  const bool again = drain.close_until != 0;
  drain.close_until = now + std::max(over, kCloseAgain);
  mail_.send(drain.target.app, [&] {
    auto request = std::make_unique<proxy::CloseRelays>();
    request->order = request_of(drain, over);
    return request;
  });
  const std::uint64_t left = held(drain.target);
  if (again || left == 0) return;
  Event event = event_of(drain, "drain_deadline",
                         name_of(drain.target) + ": closing " + connections(left) + " over " +
                             base::format_duration_brief(over),
                         {});
  if (tells == Tells::kLater) return begun_.push_back(std::move(event));
  events_.publish(std::move(event));
}

// ---- Closings.

std::optional<Drains::Closing> Drains::begin_closing(const RelayFilter& target, base::Instant begun,
                                                     base::Duration over) {
  Order closing;
  closing.target = target;
  closing.target.accepted_before = begun;
  closing.cause = CloseCause::kClosed;
  closing.over = over;
  closing.close_until = begun + over;
  closing.asked = true;
  // Those at once are over with the workers' answers: only one that is silent makes them add up.
  const auto alike = std::count_if(orders_.begin(), orders_.end(), [&](const Order& order) {
    return order.closing() && (order.over == 0) == (over == 0);
  });
  if (static_cast<std::size_t>(alike) >= base::kClosingsMax) return std::nullopt;
  const Order& added = add(std::move(closing));
  return Closing{added.id, request_of(added, over)};
}

void Drains::closing_asked(const Closing& closing, std::uint64_t marked,
                           const std::vector<std::uint32_t>& missed) {
  const auto order = std::find_if(orders_.begin(), orders_.end(),
                                  [&](const Order& each) { return each.id == closing.id; });
  if (order == orders_.end()) return;  // it has been cancelled
  const bool one = order->target.connection != 0;
  if (missed.empty() ? order->over == 0 || marked == 0 : one && order->over == 0 && marked != 0) {
    orders_.erase(order);
    return;
  }
  order->asked = false;
  order->marked = marked;
  for (const std::uint32_t worker : missed) {
    mail_.missed(worker, order->target.app);
    if (!one) order->marked += held_by(worker, order->target);
  }
}

std::optional<std::uint64_t> Drains::closing_left(const RelayFilter& target) const {
  std::optional<std::uint64_t> left;
  for (const Order& order : orders_) {
    if (!order.closing() || !same(order.target, target)) continue;
    left = std::max(left.value_or(0), left_of(order));
  }
  return left;
}

void Drains::cancel_closing(const RelayFilter& target, base::Instant now) {
  std::erase_if(orders_, [&](Order& order) {
    if (!order.closing() || !same(order.target, target)) return false;
    renew(order);
    return true;
  });
  take_back(target, CloseCause::kClosed, now);
  bring_in_line();
}

// It has nothing left to end, or its time is over and every worker knows of it.
bool Drains::is_over(const Order& closing, base::Instant now) const {
  if (closing.asked) return false;
  if (closing.over == 0) return left_of(closing) == 0;
  if (closing.gone || (closing.target.connection == 0 && held(closing.target) == 0)) return true;
  return now >= closing.close_until + kClosingSlack && mail_.settled(closing.target.app);
}

std::optional<std::uint32_t> Drains::awaited(base::Instant now) const {
  for (const Order& order : orders_) {
    const base::Instant end = order.close_until + (order.over == 0 ? 0 : kClosingSlack);
    if (!order.closing() || order.asked || now < end) continue;
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      if (!mail_.settled(worker, order.target.app)) return worker;
    }
  }
  return std::nullopt;
}

// ---- The end of orders before they are through.

void Drains::cancel_pool(traffic::AppId app, traffic::PoolId pool, std::string_view by,
                         base::Instant now) {
  cancel(filter_of_pool(app, pool), true, by, now);
}

void Drains::cancel_node(traffic::NodeSlot slot, std::string_view by, base::Instant now) {
  cancel(filter_of_node(places_[slot].app, slot), false, by, now);
}

void Drains::cancel(const RelayFilter& target, bool closings, std::string_view by,
                    base::Instant now) {
  // All of them first: none of them may be marked anew when the marks of another are taken back.
  bool told[2] = {};
  bool marked[2] = {};
  std::erase_if(orders_, [&](Order& order) {
    const bool closing = order.closing();
    if ((closing && !closings) || !same(order.target, target)) return false;
    if (!std::exchange(told[closing], true)) cancelled_.emplace_back(order, by);
    marked[closing] = marked[closing] || order.close_until != 0;
    renew(order);
    return true;
  });
  if (marked[false]) take_back(target, CloseCause::kDrainDeadline, now);
  if (marked[true]) take_back(target, CloseCause::kClosed, now);
}

// The marks carry no name: a node's cancellation takes those of its pool with it, and the other way
// round, and it may have taken the place of a later one.
void Drains::take_back(const RelayFilter& target, CloseCause cause, base::Instant now) {
  const std::vector<proxy::CloseOrder> others = going_on(target.app, &target, now);
  mail_.send(target.app, [&] {
    auto request = std::make_unique<proxy::CancelClose>();
    request->filter = target;
    request->cause = cause;
    request->others = others;
    return request;
  });
  taken_back_ = true;
}

void Drains::bring_in_line() {
  if (std::exchange(taken_back_, false)) mail_.pump();
}

proxy::CloseOrder Drains::request_of(const Order& order, base::Duration over) {
  return {order.target, over, order.cause, order.withdrawn};
}

std::vector<proxy::CloseOrder> Drains::going_on(traffic::AppId app, const RelayFilter* target,
                                                base::Instant now) const {
  std::vector<proxy::CloseOrder> orders;
  for (const Order& order : orders_) {
    if (order.close_until == 0 || order.target.app != app) continue;
    if (target != nullptr) {
      if (!overlap(order.target, *target)) continue;
      // A closing that is over has nothing left to end but what was not its own.
      if (order.closing() && order.close_until <= now) continue;
    }
    orders.push_back(request_of(order, order.close_until > now ? order.close_until - now : 0));
  }
  return orders;
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
  mail_.pump();
  for (Order& order : orders_) {
    if (order.closing()) continue;
    const bool due = order.close_until == 0 ? order.deadline != 0 && now >= order.deadline
                                            : now >= order.close_until;
    if (due) close(order, order.close_until == 0 ? order.over : 0, now, Tells::kNow);
  }
  std::erase_if(orders_, [&](Order& order) {
    if (order.closing() ? !is_over(order, now) : held(order.target) != 0) return false;
    renew(order);  // a slow worker may find others there by the time it takes its mail
    if (order.closing()) return true;
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

}  // namespace shunt::control
