#include "shunt/control/restored_state.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "shunt/base/limits.hpp"
#include "src/control/operations.hpp"
#include "src/control/phrases.hpp"
#include "src/control/release_document.hpp"

namespace shunt::control {
namespace {

// Nodes that one event names.
constexpr std::size_t kNodesTold = 8;
constexpr const char* kForgotten = "forgotten, too many are gone";

traffic::NodeSlot find_slot(const traffic::App& app, const std::string& name) {
  for (const traffic::Pool& pool : app.pools) {
    for (const traffic::Node& node : pool.nodes) {
      if (node.name == name) return node.slot;
    }
  }
  return traffic::kNoSlot;
}

bool is_of(const traffic::Pool& pool, traffic::NodeSlot slot) {
  return std::any_of(pool.nodes.begin(), pool.nodes.end(),
                     [slot](const traffic::Node& node) { return node.slot == slot; });
}

Event recovered_event(const std::string& app, std::string message) {
  Event event;
  event.level = EventLevel::kWarn;
  event.type = "state_recovered";
  event.app = app;
  event.message = std::move(message);
  return event;
}

class Restorer {
 public:
  Restorer(const traffic::Model& model, const StateLoad& load, std::string_view file)
      : model_(model), load_(load), file_(file) {
    state_.document = load.document;
    bound_operations(state_.document);  // an earlier version counted them, not their bytes
    state_.admin.assign(model.slots, traffic::AdminState::kReady);
  }

  base::Result<RestoredState> run() {
    if (!load_.recovered.empty()) state_.events.push_back(recovered_event({}, load_.recovered));
    for (const traffic::App& app : model_.apps) {
      const auto found = state_.document.apps.find(app.name);
      if (found == state_.document.apps.end()) {
        begin_anew(app);
      } else if (auto restored = restore(app, found->second); !restored) {
        return tl::unexpected(restored.error());
      }
    }
    bound_absent_apps();
    return std::move(state_);
  }

 private:
  // Decisions of apps that the file lacks stay for their return, those of the last ones where there
  // are too many, and of their nodes' states as many as there is room for.
  void bound_absent_apps() {
    std::vector<std::string> absent;
    for (const auto& [name, document] : state_.document.apps) {
      if (model_.find_app(name) == nullptr) absent.push_back(name);
    }
    const auto decided_ms = [this](const std::string& name) {
      const auto& receipt = state_.document.apps.at(name).receipt;
      return receipt ? receipt->wall_ms : 0;
    };
    std::stable_sort(absent.begin(), absent.end(),
                     [&](const auto& a, const auto& b) { return decided_ms(a) > decided_ms(b); });
    for (std::size_t position = 0; position < absent.size(); ++position) {
      const std::string& name = absent[position];
      const bool kept = position < base::kAbsentAppsKept;
      if (kept) {
        bound_absent_nodes(name, state_.document.apps.at(name));
      } else {
        state_.document.apps.erase(name);
      }
      state_.events.push_back(recovered_event(
          name, "the state has app " + name + ", the file does not; its decision is " +
                    (kept ? "kept" : "forgotten, too many are gone")));
    }
  }

  void bound_absent_nodes(const std::string& app, AppDocument& document) {
    std::vector<std::string> dropped;
    std::erase_if(document.admin, [&](const auto& entry) {
      if (absent_kept_ != base::kAbsentNodesKept) {
        ++absent_kept_;
        return false;
      }
      dropped.push_back(with_state(entry));
      return true;
    });
    tell_absent(app, dropped, kForgotten);
  }

  static std::string with_state(const std::pair<const std::string, traffic::AdminState>& node) {
    return node.first + " (" + std::string(traffic::to_string(node.second)) + ")";
  }

  void tell_absent(const std::string& app, const std::vector<std::string>& nodes,
                   const char* what) {
    if (nodes.empty()) return;
    state_.events.push_back(recovered_event(
        app, "not in the file any more: " + listed(nodes, kNodesTold) + "; " + what));
  }

  void begin_anew(const traffic::App& app) {
    RestoredApp restored;
    restored.release = fresh_release(app);
    AppDocument document;
    write_release(app, restored.release, document);
    state_.document.apps[app.name] = std::move(document);
    state_.apps.push_back(std::move(restored));
  }

  base::Status restore(const traffic::App& app, AppDocument& document) {
    RestoredApp restored;
    restored.last_receipt = document.receipt;
    if (find_pool(app, document.active) == traffic::kNoPool) {
      return lacks_active_pool(app, document);
    }
    forget_pools(app, document);
    for (const std::string& name : document.kept) {
      if (find_pool(app, name) == traffic::kNoPool) return lacks_kept_pool(app, document, name);
    }
    auto release = read_release(app, document);
    if (!release) return tl::unexpected(std::move(release.error()));
    restored.release = std::move(*release);
    write_release(app, restored.release, document);
    restore_admin(app, document);
    if (restored.release.active != app.initial) {
      tell_initial_differs(app, document.active, way_to(app, restored.release));
    }
    if (document.pending && !load_.acknowledged) document.recovered = true;
    document.pending = false;
    restored.recovered_unacknowledged = document.recovered;
    if (document.recovered) {
      state_.events.push_back(recovered_event(
          app.name, document.active +
                        " is live by a decision that was in progress, or answered a moment before, "
                        "when the process ended: recovered, unacknowledged; to acknowledge it: "
                        "shunt switch " +
                        document.active + of_app(app)));
    }
    if (traffic::in_trial(restored.release)) {
      Event event = recovered_event(
          app.name, document.active + " is in trial, as before the start: it goes back to " +
                        document.previous + " unless shunt confirm " + document.active +
                        of_app(app) + " comes in time");
      event.type = "trial";
      state_.events.push_back(std::move(event));
    }
    restore_nodes_in_progress(app, document);
    if (!document.ending.empty()) {
      Event event = recovered_event(
          app.name, "the process ended while connections were being ended: " + document.ending +
                        "; they ended with it, so nothing of that is left to do");
      event.level = EventLevel::kInfo;
      state_.events.push_back(std::move(event));
      document.ending.clear();
    }
    state_.apps.push_back(std::move(restored));
    return {};
  }

  // Nothing is established on a pool any more that retired until the process ended, so a file that
  // lacks it drops a retired one. Of others that it lacks but those that lead back, only the
  // generation is lost.
  void forget_pools(const traffic::App& app, AppDocument& document) {
    std::erase_if(document.pools, [&](const auto& entry) {
      const auto& [name, record] = entry;
      if (find_pool(app, name) != traffic::kNoPool) return false;
      if (record.state == traffic::PoolState::kKept) return false;  // lacks_kept_pool()
      if (record.state == traffic::PoolState::kRetired) return true;
      std::erase(document.kept, name);
      if (document.previous == name) document.previous.clear();
      state_.events.push_back(recovered_event(
          app.name, "pool " + name + " was " + std::string(traffic::to_string(record.state)) +
                        " and is not in the file any more: forgotten"));
      return true;
    });
  }

  // Whoever edits `initial` most likely wants a switch, and has not made one.
  void tell_initial_differs(const traffic::App& app, const std::string& active,
                            const std::string& way) {
    const std::string& initial = app.pools[app.initial].name;
    Event event;
    event.level = EventLevel::kWarn;
    event.type = "initial_differs";
    event.app = app.name;
    event.message = "initial is " + initial + " in " + file_ + ", but " + active +
                    " is live by the stored decision, which counts; " + way +
                    "; to forget all decisions and begin with initial: shunt serve --reset-state";
    event.fields = {{"initial", initial}, {"active", active}};
    state_.events.push_back(std::move(event));
  }

  // To `initial`.
  [[nodiscard]] std::string way_to(const traffic::App& app,
                                   const traffic::ReleaseState& release) const {
    if (traffic::in_trial(release)) return "to go back: shunt rollback" + of_app(app);
    const std::string& pool = app.pools[app.initial].name;
    const traffic::PoolState state = traffic::state_of(release, app.initial);
    std::string to_switch = "to switch: shunt switch " + pool + of_app(app);
    if (state == traffic::PoolState::kRetiring) {
      return pool + " is retiring; " + to_switch + " after shunt retire " + pool + " --undo" +
             of_app(app);
    }
    if (state == traffic::PoolState::kRetired || state == traffic::PoolState::kRejected) {
      return pool + (state == traffic::PoolState::kRetired ? " is retired; " : " was rejected; ") +
             to_switch + " after shunt prepare " + pool + of_app(app);
    }
    return to_switch;
  }

  // Only a rollback leaves a pool that is not kept; after a switch the file could not drop it.
  [[nodiscard]] base::Status lacks_active_pool(const traffic::App& app,
                                               const AppDocument& document) const {
    std::string hint = "put the pool back into the file and start; ";
    // Documents of builds before pools had states do not have it.
    const bool has_states = !document.pools.empty();
    const std::string back =
        has_states || document.kept.empty() ? document.previous : document.kept.back();
    const bool can_roll_back = document.last == traffic::DecisionKind::kSwitch && !back.empty() &&
                               is_kept(document, back) && find_pool(app, back) != traffic::kNoPool;
    if (can_roll_back) {
      hint += "shunt rollback" + of_app(app) + " then makes " + back +
              " live, and the file may drop " + document.active + "; or ";
    }
    return base::fail(
        base::ErrorCode::kConflict,
        "app " + app.name + ": pool " + document.active + " is active, but " + file_ +
            " does not define it",
        hint + "to do without it, start once with --reset-state: " +
            forgets("begins with its `initial`, here " + app.pools[app.initial].name));
  }

  static bool is_kept(const AppDocument& document, const std::string& pool) {
    const auto found = document.pools.find(pool);
    return found == document.pools.end() || found->second.state == traffic::PoolState::kKept;
  }

  // --reset-state knows no apps.
  [[nodiscard]] std::string forgets(const std::string& what_then) const {
    return model_.apps.size() > 1 ? "all decisions of all apps are forgotten, and each " + what_then
                                  : "all decisions are forgotten, and the app " + what_then;
  }

  // For a command line, which needs the name where there are several.
  [[nodiscard]] std::string of_app(const traffic::App& app) const {
    return model_.apps.size() > 1 ? " --app " + app.name : "";
  }

  // Left out of the stack it would turn the next rollback into one to an older pool.
  [[nodiscard]] base::Status lacks_kept_pool(const traffic::App& app, const AppDocument& document,
                                             const std::string& pool) const {
    return base::fail(base::ErrorCode::kConflict,
                      "app " + app.name + ": pool " + pool + " is kept for a rollback, but " +
                          file_ + " does not define it",
                      "put the pool back into the file and start; " +
                          (document.confirm_by != 0 ? "shunt confirm " + document.active +
                                                          of_app(app) + " ends the trial, and "
                                                    : std::string()) +
                          "shunt retire " + pool + of_app(app) +
                          " then gives up the rollback to it, and once it is retired the file may "
                          "drop it; or to do without it, " +
                          (app.pools[app.initial].name == document.active
                               ? std::string()
                               : "make " + document.active + " the app's `initial` and ") +
                          "start once with --reset-state: " + forgets("begins with its `initial`"));
  }

  void restore_nodes_in_progress(const traffic::App& app, AppDocument& document) {
    std::string pending = std::exchange(document.pending_nodes, {});
    if (!pending.empty() && !load_.acknowledged) document.recovered_nodes = std::move(pending);
    if (document.recovered_nodes.empty()) return;
    state_.events.push_back(recovered_event(
        app.name, document.recovered_nodes +
                      " by a command that was in progress, or answered a moment before, when the "
                      "process ended: recovered, unacknowledged; to acknowledge it, repeat it"));
  }

  // States of nodes that the file lacks stay in the document: a node that comes back, perhaps by
  // an edit undone, must not take traffic because of that.
  void restore_admin(const traffic::App& app, AppDocument& document) {
    std::vector<std::string> absent;
    std::vector<std::string> found;
    std::vector<std::string> dropped;
    std::erase_if(document.admin, [&](const auto& entry) {
      const traffic::NodeSlot slot = find_slot(app, entry.first);
      if (slot != traffic::kNoSlot) {
        state_.admin[slot] = entry.second;
        found.push_back(with_state(entry));
        return false;
      }
      const bool full = absent_kept_ == base::kAbsentNodesKept;
      (full ? dropped : absent).push_back(with_state(entry));
      absent_kept_ += full ? 0 : 1;
      return full;
    });
    if (!found.empty()) {
      Event event;
      event.type = "node_admin";
      event.app = app.name;
      event.message = "as before the start: " + listed(found, kNodesTold);
      state_.events.push_back(std::move(event));
    }
    tell_absent(app.name, absent, "kept for their return");
    tell_absent(app.name, dropped, kForgotten);
  }

  const traffic::Model& model_;
  const StateLoad& load_;
  const std::string file_;
  RestoredState state_;
  std::size_t absent_kept_ = 0;  // of all apps; those of the file come first
};

}  // namespace

base::Result<RestoredState> restore_state(const traffic::Model& model, const StateLoad& load,
                                          std::string_view file) {
  return Restorer(model, load, file).run();
}

base::Duration trial_left(const RestoredApp& app, std::int64_t wall_ms) noexcept {
  const std::int64_t left = app.release.confirm_by - wall_ms;
  if (left <= 0) return 0;
  // A clock that was set back must not prolong it.
  const std::int64_t begun = app.last_receipt ? app.last_receipt->wall_ms : wall_ms;
  const std::int64_t most = std::max<std::int64_t>(app.release.confirm_by - begun, 0);
  return static_cast<base::Duration>(std::min(left, most)) * base::kMillisecond;
}

std::unique_ptr<const traffic::RoutingRoot> initial_root(const traffic::Model& model,
                                                         const RestoredState& state) {
  std::vector<std::shared_ptr<const traffic::RoutingTable>> tables;
  for (traffic::AppId app = 0; app < model.apps.size(); ++app) {
    const traffic::ReleaseState& release = state.apps[app].release;
    tables.push_back(traffic::build_table(
        model, app, {release.active, release.epoch, split_of(model.apps[app], release)},
        [&](traffic::NodeSlot slot, std::uint32_t) {
          const bool assumed = model.apps[app].health.type == traffic::HealthCheck::kOff ||
                               is_of(model.apps[app].pools[release.active], slot);
          return assumed ? traffic::Health::kAssumed : traffic::Health::kUnproven;
        },
        [&](traffic::NodeSlot slot) { return state.admin[slot]; }));
  }
  return traffic::build_root(1, std::move(tables),
                             static_cast<std::uint32_t>(model.services.size()));
}

}  // namespace shunt::control
