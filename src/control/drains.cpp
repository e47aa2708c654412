#include "src/control/drains.hpp"

#include <algorithm>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/control/loads.hpp"

namespace shunt::control {
namespace {

constexpr base::Duration kSurveyInterval = base::kSecond;
constexpr base::Duration kAnswerBound = 5 * base::kSecond;
// Connections that were still connecting when closing began are found by asking again.
constexpr base::Duration kCloseAgain = base::kSecond;

}  // namespace

Drains::Drains(const traffic::Model& model, proxy::DataPlane& data_plane, WorkerRequests& requests,
               EventSink& events)
    : model_(model),
      data_plane_(data_plane),
      requests_(requests),
      events_(events),
      places_(places_of(model)),
      oldest_(model.slots, 0) {}

void Drains::begin_pool(traffic::AppId app, traffic::PoolId pool, base::Instant deadline,
                        base::Duration over, base::Instant now) {
  begin({app, pool, traffic::kNoSlot, deadline, over, 0}, now);
}

void Drains::begin_node(traffic::NodeSlot slot, base::Instant deadline, base::Duration over,
                        base::Instant now) {
  begin({places_[slot].app, traffic::kNoPool, slot, deadline, over, 0}, now);
}

void Drains::cancel_pool(traffic::AppId app, traffic::PoolId pool, base::Instant now) {
  cancel({app, pool, traffic::kNoSlot, 0, 0, 0}, now);
}

void Drains::cancel_node(traffic::NodeSlot slot, base::Instant now) {
  cancel({places_[slot].app, traffic::kNoPool, slot, 0, 0, 0}, now);
}

Drains::Drain* Drains::find(const Drain& like) noexcept {
  for (Drain& drain : drains_) {
    if (drain.app == like.app && drain.pool == like.pool && drain.node == like.node) return &drain;
  }
  return nullptr;
}

void Drains::begin(Drain drain, base::Instant now) {
  Drain* known = find(drain);
  if (known == nullptr) {
    drains_.push_back(drain);
    known = &drains_.back();
  } else {
    known->deadline = drain.deadline;
    known->over = drain.over;
    // Closing runs, and there is more time now: what it has not reached yet stays until then.
    if (known->close_until != 0 && drain.deadline > now) {
      known->close_until = 0;
      take_back(*known, now);
    }
  }
  if (known->deadline != 0 && known->deadline <= now) close(*known, known->over, now);
}

void Drains::cancel(const Drain& like, base::Instant now) {
  Drain* known = find(like);
  if (known == nullptr) return;
  const Drain drain = *known;
  drains_.erase(drains_.begin() + (known - drains_.data()));
  if (drain.close_until != 0) take_back(drain, now);
}

void Drains::take_back(const Drain& drain, base::Instant now) {
  requests_.ask<proxy::CancelClose>(
      [&] {
        auto request = std::make_unique<proxy::CancelClose>();
        request->filter = {.app = drain.app, .pool = drain.pool, .node = drain.node};
        request->cause = proxy::CloseCause::kDrainDeadline;
        return request;
      },
      kAnswerBound, nullptr);
  // The marks carry no name: a node's cancellation takes those of its pool with it, and the other
  // way round. What goes on closing marks anew, with the time that it has left.
  for (Drain& other : drains_) {
    if (other.app != drain.app || other.close_until == 0) continue;
    close(other, other.close_until > now ? other.close_until - now : 0, now);
  }
}

void Drains::close(Drain& drain, base::Duration over, base::Instant now) {
  const bool again = drain.close_until != 0;
  drain.close_until = now + std::max(over, kCloseAgain);
  requests_.ask<proxy::CloseRelays>(
      [&] {
        auto request = std::make_unique<proxy::CloseRelays>();
        request->filter = {.app = drain.app, .pool = drain.pool, .node = drain.node};
        request->over = over;
        request->cause = proxy::CloseCause::kDrainDeadline;
        return request;
      },
      kAnswerBound, nullptr);
  if (!again && held(drain) != 0) {
    announce(drain, "drain_deadline",
             ": closing " + std::to_string(held(drain)) + " connections over " +
                 base::format_duration_brief(over));
  }
}

std::uint64_t Drains::held(const Drain& drain) const {
  if (drain.node != traffic::kNoSlot) return load_of(data_plane_, drain.node).held();
  return load_of(data_plane_, model_.apps[drain.app].pools[drain.pool]).held();
}

void Drains::tick(base::Instant now) {
  for (Drain& drain : drains_) {
    const bool due = drain.close_until == 0 ? drain.deadline != 0 && now >= drain.deadline
                                            : now >= drain.close_until;
    if (due) close(drain, drain.close_until == 0 ? drain.over : 0, now);
  }
  std::erase_if(drains_, [&](const Drain& drain) {
    if (held(drain) != 0) return false;
    announce(drain, "drained", " is drained");
    return true;
  });
  if (!drains_.empty() && surveys_running_ == 0 && now - surveyed_ >= kSurveyInterval) {
    surveyed_ = now;
    survey();
  }
}

void Drains::announce(const Drain& drain, const char* type, const std::string& what) const {
  const traffic::App& app = model_.apps[drain.app];
  const bool of_node = drain.node != traffic::kNoSlot;
  const std::string name = of_node ? places_[drain.node].node->name : app.pools[drain.pool].name;
  Event event;
  event.type = type;
  event.app = app.name;
  event.message = (of_node ? "node " : "pool ") + name + what;
  event.fields = {{of_node ? "node" : "pool", name}};
  events_.publish(std::move(event));
}

void Drains::survey() {
  std::vector<bool> asked(model_.apps.size(), false);
  for (const Drain& drain : drains_) {
    if (asked[drain.app]) continue;
    asked[drain.app] = true;
    ++surveys_running_;
    const traffic::AppId app = drain.app;
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

DrainStatus Drains::status(traffic::AppId app, traffic::PoolId pool, base::Instant now) const {
  DrainStatus status;
  const traffic::Pool& nodes = model_.apps[app].pools[pool];
  status.remaining = load_of(data_plane_, nodes).held();
  for (const Drain& drain : drains_) {
    if (drain.app != app || drain.pool != pool) continue;
    status.closing = drain.close_until != 0;
    if (drain.deadline != 0) {
      status.deadline_in = drain.deadline > now ? drain.deadline - now : 0;
    }
  }
  if (status.remaining == 0) return status;  // the last survey is older than that
  for (const traffic::Node& node : nodes.nodes) {
    const base::Instant oldest = oldest_[node.slot];
    if (oldest != 0 && oldest < now) status.oldest = std::max(status.oldest, now - oldest);
  }
  return status;
}

}  // namespace shunt::control
