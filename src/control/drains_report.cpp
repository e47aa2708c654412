// What drains and closings look like from outside: events, status, ages.
#include <algorithm>
#include <utility>

#include "src/control/drains.hpp"
#include "src/control/loads.hpp"
#include "src/control/phrases.hpp"
#include "src/control/relay_filters.hpp"

namespace shunt::control {
namespace {

using proxy::RelayFilter;

// Items that are remembered for the event after a crash.
constexpr std::size_t kEndingTold = 4;
constexpr base::Duration kAnswerBound = 5 * base::kSecond;

}  // namespace

std::string Drains::name_of(const RelayFilter& target) const {
  if (target.node != traffic::kNoSlot) return "node " + places_[target.node].node->name;
  return "pool " + model_.apps[target.app].pools[target.pool].name;
}

Event Drains::event_of(const Order& order, const char* type, std::string message,
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
  return event;
}

void Drains::announce(const Order& order, const char* type, std::string message,
                      std::vector<std::pair<std::string, std::string>> fields) const {
  events_.publish(event_of(order, type, std::move(message), std::move(fields)));
}

void Drains::tell() {
  for (Event& event : std::exchange(begun_, {})) events_.publish(std::move(event));
  for (const auto& [order, by] : std::exchange(cancelled_, {})) {
    const bool closing = order.closing();
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
    Surveyed about;
    about.app = app;
    about.settled = mail_.settled(app);
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      about.behind.push_back(mail_.behind(worker, app));
    }
    for (const Order& closing : orders_) {
      if (closing.target.app != app || !closing.closing() || closing.asked) continue;
      if (closing.over != 0) about.closings.push_back(closing.id);
      if (closing.target.connection != 0) about.wanted.push_back(closing.target.connection);
    }
    std::sort(about.wanted.begin(), about.wanted.end());
    ++surveys_running_;
    requests_.ask<proxy::Survey>(
        [&] {
          auto request = std::make_unique<proxy::Survey>();
          request->filter.app = app;
          request->oldest.assign(model_.slots, 0);
          request->marked.assign(model_.slots, 0);
          request->wanted = about.wanted;
          request->found.assign(about.wanted.size(), false);
          return request;
        },
        kAnswerBound,
        [this, about](const auto& surveys, bool complete) {
          --surveys_running_;
          take_survey(about, surveys, complete);
        });
  }
}

template <class Surveys>
void Drains::take_survey(const Surveyed& about, const Surveys& surveys, bool complete) {
  for (traffic::NodeSlot slot = 0; complete && slot < model_.slots; ++slot) {
    if (places_[slot].app != about.app) continue;
    base::Instant oldest = 0;
    for (const auto& survey : surveys) {
      const base::Instant accepted = survey->oldest[slot];
      if (accepted != 0 && (oldest == 0 || accepted < oldest)) oldest = accepted;
    }
    oldest_[slot] = oldest;
  }
  // Not to be looked at while the worker may still write it.
  std::vector<bool> answered;
  answered.reserve(surveys.size());
  for (const auto& survey : surveys) {
    answered.push_back(survey->done.load(std::memory_order_acquire));
  }
  for (Order& closing : orders_) {
    const auto& known = about.closings;
    if (std::find(known.begin(), known.end(), closing.id) == known.end()) continue;
    if (closing.target.connection == 0) {
      // A worker that lacks marks or is silent still has to end all that it holds. Marks of other
      // orders count with these: each connection has one, and goes by it.
      closing.marked = 0;
      for (std::uint32_t worker = 0; worker < surveys.size(); ++worker) {
        closing.marked += !answered[worker] || about.behind[worker]
                              ? held_by(worker, closing.target)
                              : sum_over(closing.target,
                                         [&](auto slot) { return surveys[worker]->marked[slot]; });
      }
    } else if (complete && about.settled) {
      const auto& ids = about.wanted;
      const auto at =
          std::lower_bound(ids.begin(), ids.end(), closing.target.connection) - ids.begin();
      const auto position = static_cast<std::size_t>(at);
      closing.marked = std::any_of(surveys.begin(), surveys.end(),
                                   [&](const auto& survey) { return survey->found[position]; });
    }
    // Where a worker has not taken all marks yet, one without a mark says nothing.
    closing.gone = complete && about.settled && closing.marked == 0;
  }
}

template <class Each>
std::uint64_t Drains::sum_over(const RelayFilter& target, const Each& each) const {
  if (target.node != traffic::kNoSlot) return each(target.node);
  std::uint64_t sum = 0;
  for (const traffic::Node& node : model_.apps[target.app].pools[target.pool].nodes) {
    sum += each(node.slot);
  }
  return sum;
}

std::uint64_t Drains::held_by(std::uint32_t worker, const RelayFilter& target) const {
  return sum_over(
      target, [&](traffic::NodeSlot slot) { return load_of(data_plane_, worker, slot).held(); });
}

// One at once is through where its worker has answered: the others still hold theirs, or may.
std::uint64_t Drains::left_of(const Order& closing) const {
  if (closing.over != 0) {
    if (closing.target.connection != 0) return closing.marked;
    // The survey is up to a second old, and some may have gone since.
    return std::min(closing.marked, held(closing.target));
  }
  const traffic::AppId app = closing.target.app;
  if (closing.target.connection != 0) return mail_.settled(app) ? 0 : 1;
  std::uint64_t left = 0;
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    if (!mail_.settled(worker, app)) left += held_by(worker, closing.target);
  }
  return left;
}

std::string Drains::ending(traffic::AppId app) const {
  std::vector<std::string> items;
  for (const Order& order : orders_) {
    if (order.target.app != app || (order.deadline == 0 && order.close_until == 0)) continue;
    items.push_back(ending_by(order));
  }
  return listed(items, kEndingTold);
}

std::string Drains::ending_by(const Order& order) const {
  return (order.target.connection != 0 ? "a connection" : name_of(order.target)) +
         (order.closing() ? " (shunt close)" : " (drain deadline)");
}

std::string Drains::closed_besides(const std::vector<traffic::NodeSlot>& slots) const {
  std::vector<std::string> items;
  for (const Order& order : orders_) {
    const RelayFilter& target = order.target;
    if (target.connection != 0 || (order.deadline == 0 && order.close_until == 0)) continue;
    const bool of_node = target.node != traffic::kNoSlot;
    if (of_node && !order.closing()) continue;  // another node's, or the one that is meant
    const bool covers = std::any_of(slots.begin(), slots.end(), [&](traffic::NodeSlot slot) {
      const NodePlace& place = places_[slot];
      return of_node ? target.node == slot : target.app == place.app && target.pool == place.pool;
    });
    if (!covers) continue;
    std::string item = ending_by(order);
    if (std::find(items.begin(), items.end(), item) == items.end())
      items.push_back(std::move(item));
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
  add_closing(status, filter_of_pool(app, pool), now);
  for (const traffic::Node& node : nodes.nodes) add_age(status, node.slot, now);
  return status;
}

DrainStatus Drains::status(traffic::NodeSlot slot, base::Instant now) const {
  DrainStatus status;
  status.remaining = load_of(data_plane_, slot).held();
  add_closing(status, filter_of_node(places_[slot].app, slot), now);
  add_age(status, slot, now);
  return status;
}

// Several closings of the same are one to whoever looks: the last to end counts.
std::vector<ClosingStatus> Drains::closings(traffic::AppId app, base::Instant now) const {
  std::vector<ClosingStatus> all;
  std::vector<const Order*> firsts;
  for (const Order& order : orders_) {
    if (!order.closing() || order.asked || order.target.app != app) continue;
    const auto known = std::find_if(firsts.begin(), firsts.end(), [&](const Order* first) {
      return same(first->target, order.target);
    });
    const auto position = static_cast<std::size_t>(known - firsts.begin());
    if (known == firsts.end()) {
      ClosingStatus status;
      const RelayFilter& target = order.target;
      if (target.node != traffic::kNoSlot) status.node = places_[target.node].node->name;
      if (target.pool != traffic::kNoPool) status.pool = model_.apps[app].pools[target.pool].name;
      status.connection = target.connection;
      all.push_back(std::move(status));
      firsts.push_back(&order);
    }
    ClosingStatus& status = all[position];
    const base::Duration left = order.close_until > now ? order.close_until - now : 0;
    status.remaining = std::max(status.remaining, left_of(order));
    if (left >= status.ends_in) status.over = order.over;
    status.ends_in = std::max(status.ends_in, left);
  }
  return all;
}

}  // namespace shunt::control
