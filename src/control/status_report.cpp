#include "src/control/status_report.hpp"

#include <array>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/control/gates.hpp"
#include "src/control/loads.hpp"
#include "src/control/phrases.hpp"
#include "src/control/release_watch.hpp"

namespace shunt::control {
namespace {

class AppReport {
 public:
  AppReport(const StatusSources& sources, traffic::AppId id, base::Instant now)
      : sources_(sources),
        id_(id),
        now_(now),
        model_(sources.config.model),
        app_(model_.apps[id]),
        restored_(sources.switchboard.decisions().apps[id]),
        release_(restored_.release) {}

  AppStatus run() {
    AppStatus status;
    status.name = app_.name;
    status.active = app_.pools[release_.active].name;
    status.epoch = release_.epoch;
    status.adopted = sources_.switchboard.adopted();
    status.last = release_.last;
    status.last_receipt = restored_.last_receipt;
    const AppDocument& document = sources_.switchboard.ledger().document().apps.at(app_.name);
    status.recovered_unacknowledged =
        restored_.recovered_unacknowledged || !document.recovered_nodes.empty();
    if (traffic::in_trial(release_)) {
      status.trial_ends_in = restored_.trial_ends > now_ ? restored_.trial_ends - now_ : 0;
      status.trial_stays_because = sources_.releases.why_it_stays(id_);
    }
    if (const traffic::PoolId canary = traffic::canary_of(release_); canary != traffic::kNoPool) {
      status.split = split(canary);
    }
    status.balance = app_.balance;
    add_rollback(status);
    for (std::uint32_t position = 0; position < app_.services.size(); ++position) {
      status.services.push_back(service(position));
    }
    for (traffic::PoolId pool_id = 0; pool_id < app_.pools.size(); ++pool_id) {
      status.pools.push_back(pool(pool_id));
    }
    status.closings = sources_.drains.closings(id_, now_);
    add_drift(status);
    return status;
  }

 private:
  void add_rollback(AppStatus& status) const {
    const traffic::PoolId target = traffic::rollback_target(release_);
    if (target != traffic::kNoPool) {
      status.rollback_to = app_.pools[target].name;
    } else if (const traffic::PoolId canary = traffic::canary_of(release_);
               canary != traffic::kNoPool) {
      status.rollback_why_not = "a rollback ends the split of " + app_.pools[canary].name;
    } else if (release_.last == traffic::DecisionKind::kRollback) {
      status.rollback_why_not = "what was moved last is rolled back already";
    } else if (release_.last == traffic::DecisionKind::kInitial) {
      status.rollback_why_not = "no switch yet";
    } else if (release_.previous != traffic::kNoPool) {
      status.rollback_why_not = app_.pools[release_.previous].name + " is retiring";
    } else {
      status.rollback_why_not = "what the last switch left was retired or prepared anew";
    }
  }

  [[nodiscard]] SplitStatus split(traffic::PoolId canary) const {
    SplitStatus split;
    split.pool = app_.pools[canary].name;
    split.share = release_.split.share;
    split.sticky = release_.split.sticky;
    split.sources = release_.split.sources;
    for (const traffic::ServiceTable& service : sources_.switchboard.table(id_).services) {
      if (service.split == nullptr) split.returned.push_back(model_.services[service.service].name);
    }
    return split;
  }

  [[nodiscard]] ServiceStatus service(std::uint32_t position) const {
    const traffic::ServiceId id = app_.services[position];
    const ServiceLoad load = service_load(sources_.data_plane, id);
    ServiceStatus status;
    status.name = model_.services[id].name;
    status.listen = sources_.data_plane.listening()[id];
    status.accepted = load.accepted;
    status.open = load.open;
    status.refused = load.refused;
    status.panic = sources_.switchboard.table(id_).services[position].panic;
    return status;
  }

  [[nodiscard]] PoolStatus pool(traffic::PoolId pool_id) const {
    const traffic::Pool& pool = app_.pools[pool_id];
    const PoolFitness fitness =
        fitness_of(model_, sources_.switchboard.decisions(), sources_.health, id_, pool_id);
    PoolStatus status;
    status.name = pool.name;
    status.state = traffic::state_of(release_, pool_id);
    status.generation = release_.pools[pool_id].generation;
    status.version = release_.pools[pool_id].version;
    status.rollback_target = traffic::rollback_target(release_) == pool_id;
    status.nodes = fitness.nodes;
    status.ready = fitness.ready;
    status.healthy = fitness.healthy;
    status.usable = fitness.usable;
    for (const traffic::Node& each : pool.nodes) {
      status.node_list.push_back(node(each));
      status.established += status.node_list.back().established;
      status.connecting += status.node_list.back().connecting;
    }
    if (!traffic::takes_traffic(release_, pool_id))
      status.drain = sources_.drains.status(id_, pool_id, now_);
    return status;
  }

  [[nodiscard]] NodeStatus node(const traffic::Node& node) const {
    const NodeLoad load = load_of(sources_.data_plane, node.slot);
    NodeStatus status;
    status.name = node.name;
    status.labels = node.labels;
    status.weight = node.weight;
    status.admin = sources_.switchboard.decisions().admin[node.slot];
    status.health = sources_.health.worst(node.slot);
    status.last_failure = sources_.health.last_failure(node.slot);
    const base::Instant since = sources_.health.since(node.slot);
    status.since = now_ > since ? now_ - since : 0;
    status.established = load.established;
    status.connecting = load.connecting;
    status.connections = load.connections;
    status.connect_errors = load.connect_errors;
    status.addresses = node.addresses;
    if (status.admin != traffic::AdminState::kReady) {
      status.drain = sources_.drains.status(node.slot, now_);
    }
    return status;
  }

  // After a switch away from `initial`, or a rollback, nobody has to be told how to undo it. What
  // else makes the two differ is an edit of `initial`, by somebody who most likely wants a switch.
  [[nodiscard]] bool was_decided() const {
    switch (release_.last) {
      case traffic::DecisionKind::kInitial:
        return false;
      case traffic::DecisionKind::kSwitch:
        return traffic::state_of(release_, app_.initial) == traffic::PoolState::kKept;
      case traffic::DecisionKind::kRollback:
        return true;
    }
    return false;
  }

  [[nodiscard]] std::string what_of_initial(const std::string& of_app) const {
    const std::string& initial = app_.pools[app_.initial].name;
    const traffic::PoolState state = traffic::state_of(release_, app_.initial);
    if (traffic::in_trial(release_)) return "; to go back: shunt rollback" + of_app;
    if (state == traffic::PoolState::kRetired || state == traffic::PoolState::kRetiring ||
        state == traffic::PoolState::kRejected) {
      return "; " + initial + " is " + std::string(traffic::to_string(state)) +
             ": let initial be " + app_.pools[release_.active].name;
    }
    return "; to switch: shunt switch " + initial + of_app;
  }

  void add_drift(AppStatus& status) const {
    const std::string of_app = model_.apps.size() > 1 ? " --app " + app_.name : "";
    if (release_.active != app_.initial) {
      const std::string& initial = app_.pools[app_.initial].name;
      status.drift.push_back(
          "initial is " + initial + ", active is " + status.active +
          (was_decided()
               ? std::string(" by the last ") + std::string(traffic::to_string(release_.last)) +
                     ", which counts: initial is where an app without decisions begins"
               : what_of_initial(of_app)));
    }
    for (const traffic::Pool& pool : app_.pools) {
      for (const traffic::Node& node : pool.nodes) {
        const traffic::AdminState admin = sources_.switchboard.decisions().admin[node.slot];
        if (admin == traffic::AdminState::kReady) continue;
        status.drift.push_back("node " + node.name + " (" + pool.name + ") is " +
                               std::string(traffic::to_string(admin)) +
                               "; to take it back: shunt ready " + node.name + of_app);
      }
    }
  }

  const StatusSources& sources_;
  const traffic::AppId id_;
  const base::Instant now_;
  const traffic::Model& model_;
  const traffic::App& app_;
  const RestoredApp& restored_;
  const traffic::ReleaseState& release_;
};

std::string text_of(const proxy::BusyPollSetting& setting) {
  switch (setting.mode) {
    case proxy::BusyPollMode::kOff:
      return "off";
    case proxy::BusyPollMode::kAuto:
      return "auto";
    case proxy::BusyPollMode::kAlways:
      return base::format_duration(setting.span);
  }
  return {};
}

}  // namespace

AppStatus app_status(const StatusSources& sources, traffic::AppId app, base::Instant now) {
  return AppReport(sources, app, now).run();
}

void describe_busy_poll(const proxy::BusyPollSetting& setting, const proxy::DataPlane& data_plane,
                        ProcessStatus& process) {
  const std::uint32_t workers = data_plane.workers();
  std::array<std::uint32_t, proxy::kBusyPollHolds> held{};  // workers, by what holds them off
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    ++held[static_cast<std::size_t>(data_plane.busy_poll_hold(worker))];
  }
  std::vector<std::string> reasons;
  for (std::size_t hold = 1; hold < held.size(); ++hold) {
    if (held[hold] == 0) continue;
    reasons.emplace_back(proxy::kBusyPollHoldTexts[hold].words);
    if (held[hold] == workers) continue;
    reasons.back() +=
        " (" + std::to_string(held[hold]) + " of " + std::to_string(workers) + " workers)";
  }
  process.busy_poll = text_of(setting);
  process.busy_poll_held = listed(reasons);
}

}  // namespace shunt::control
