#include "shunt/control/control_plane.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "src/control/connection_list.hpp"
#include "src/control/drains.hpp"
#include "src/control/health_board.hpp"
#include "src/control/lifetime.hpp"
#include "src/control/limit_watch.hpp"
#include "src/control/loads.hpp"
#include "src/control/release_watch.hpp"
#include "src/control/status_report.hpp"
#include "src/control/switchboard.hpp"
#include "src/control/watchdog.hpp"
#include "src/control/worker_requests.hpp"

namespace shunt::control {
namespace {

std::vector<traffic::PoolId> active_pools(const RestoredState& restored) {
  std::vector<traffic::PoolId> active;
  active.reserve(restored.apps.size());
  for (const RestoredApp& app : restored.apps) active.push_back(app.release.active);
  return active;
}

// starting ──start──► ready ──begin_stop──► stopping; ready shows as degraded while something is
// wrong.
enum class Phase : std::uint8_t { kStarting, kReady, kStopping };

class ControlPlaneImpl final : public ControlPlane {
 public:
  ControlPlaneImpl(ControlParts parts, RestoredState restored)
      : parts_(std::move(parts)),
        started_wall_ms_(base::wall_now_ms()),
        recovered_(std::move(restored.events)),
        requests_(parts_.io, parts_.data_plane),
        health_(parts_.config.model, active_pools(restored), parts_.events, base::monotonic_now()),
        in_maint_(parts_.config.model.slots, false),
        drains_(parts_.config.model, parts_.data_plane, requests_, parts_.events, parts_.drained),
        switchboard_(parts_, std::move(restored), health_, drains_, requests_),
        releases_(parts_.config.model, parts_.data_plane, switchboard_, health_, parts_.events,
                  parts_.commanded),
        watchdog_(parts_.data_plane, requests_, parts_.timing.ping_interval,
                  parts_.timing.ping_bound),
        limits_(parts_.data_plane, parts_.events, parts_.timing.limit_interval),
        prober_(make_prober_from(parts_)),
        heartbeat_(parts_.io) {}

  void start() override {
    for (Event& event : std::exchange(recovered_, {})) parts_.events.publish(std::move(event));
    // So that `initial` counts only once, and marks of a restart are kept.
    switchboard_.ledger().flush();
    phase_ = Phase::kReady;
    switchboard_.on_admin(
        [this](traffic::NodeSlot slot, traffic::AdminState state) { admin_changed(slot, state); });
    prober_->start();
    beat();
  }

  void begin_stop() override {
    phase_ = Phase::kStopping;
    tell_ready();
  }
  void end_commands() override { switchboard_.stop(); }
  LastWords finish() override { return switchboard_.finish_up(); }

  void apply(Command command, std::function<void(Outcome)> done) override {
    switchboard_.apply(std::move(command), std::move(done));
  }

  void connections(const ConnectionsQuery& query,
                   std::function<void(base::Result<ConnectionsAnswer>)> done) override {
    list_connections(parts_.config.model, requests_, query, parts_.timing.adoption_wait,
                     std::move(done));
  }

  [[nodiscard]] StatusSnapshot status() const override {
    const base::Instant now = base::monotonic_now();
    StatusSnapshot snapshot;
    snapshot.process = process_status();
    const StatusSources sources{parts_.config, parts_.data_plane, switchboard_,
                                health_,       drains_,           releases_};
    for (traffic::AppId app = 0; app < parts_.config.model.apps.size(); ++app) {
      snapshot.apps.push_back(app_status(sources, app, now));
    }
    return snapshot;
  }

  [[nodiscard]] std::string not_ready_because() const override {
    switch (phase_) {
      case Phase::kStarting:
        return "starting";
      case Phase::kStopping:
        return "stopping";
      case Phase::kReady:
        break;
    }
    if (const auto worker = watchdog_.silent(base::monotonic_now())) {
      return "worker " + std::to_string(*worker) + " does not answer";
    }
    return {};
  }

  [[nodiscard]] std::string degraded_because() const override {
    const std::string& trouble = switchboard_.ledger().trouble();
    return trouble.empty() ? std::string() : "decisions cannot be persisted: " + trouble;
  }

  [[nodiscard]] bool alive() const override {
    return !watchdog_.silent(base::monotonic_now()).has_value();
  }
  [[nodiscard]] const Config& config() const override { return parts_.config; }
  [[nodiscard]] const proxy::DataPlane& data_plane() const override { return parts_.data_plane; }

 private:
  std::unique_ptr<Prober> make_prober_from(const ControlParts& parts) {
    auto on_result = [this](const ProbeResult& result) { checked(result); };
    if (parts.prober) return parts.prober(on_result);
    return make_prober(parts.io, parts.config.model, on_result);
  }

  void checked(const ProbeResult& result) {
    const bool usable_changes = health_.checked(result.slot, result.position, result.passed,
                                                result.failure, base::monotonic_now());
    if (usable_changes) usable_changed(result.slot);
  }

  [[nodiscard]] ProcessStatus process_status() const {
    ProcessStatus process;
    process.version = parts_.version;
    process.started_wall_ms = started_wall_ms_;
    process.pid = ::getpid();
    process.config_path = parts_.config.path;
    if (phase_ == Phase::kReady) process.phase_reason = not_ready_because();
    if (phase_ == Phase::kReady && process.phase_reason.empty()) {
      process.phase_reason = degraded_because();
    }
    switch (phase_) {
      case Phase::kStarting:
        process.phase = "starting";
        break;
      case Phase::kReady:
        process.phase = process.phase_reason.empty() ? "ready" : "degraded";
        break;
      case Phase::kStopping:
        process.phase = "stopping";
        break;
    }
    process.workers = parts_.data_plane.workers();
    process.capacity = parts_.capacity;
    process.features = parts_.data_plane.features();
    describe_busy_poll(parts_.config.busy_poll, parts_.data_plane, process);
    process.revision = switchboard_.revision();
    process.retained_roots = static_cast<std::uint32_t>(switchboard_.retained());
    process.durable = switchboard_.ledger().durable();
    process.connections = relays_of(parts_.data_plane);
    return process;
  }

  // A node in maintenance is somebody's work bench: it is left alone, and what comes back may be
  // another machine than the one that was checked before.
  void admin_changed(traffic::NodeSlot slot, traffic::AdminState state) {
    const bool maint = state == traffic::AdminState::kMaint;
    if (in_maint_[slot] && !maint) {
      health_.begin_anew(slot, state == traffic::AdminState::kReady && only_ready_of_active(slot),
                         base::monotonic_now());
    }
    in_maint_[slot] = maint;
    prober_->set_paused(slot, maint);
  }

  // Would the live pool have no ready node without this one?
  [[nodiscard]] bool only_ready_of_active(traffic::NodeSlot slot) const {
    const Decisions& decisions = switchboard_.decisions();
    const NodePlace& place = health_.place(slot);
    if (decisions.apps[place.app].release.active != place.pool) return false;
    const auto& nodes = parts_.config.model.apps[place.app].pools[place.pool].nodes;
    return std::none_of(nodes.begin(), nodes.end(), [&](const traffic::Node& node) {
      return node.slot != slot && decisions.admin[node.slot] == traffic::AdminState::kReady;
    });
  }

  void usable_changed(traffic::NodeSlot slot) {
    const NodePlace& place = health_.place(slot);
    if (traffic::takes_traffic(switchboard_.decisions().apps[place.app].release, place.pool)) {
      switchboard_.rebuild_soon(place.app);
    }
  }

  // Everything that has to be looked at now and then, on one timer.
  void beat() {
    const base::Instant now = base::monotonic_now();
    take_outcomes(now);
    for (const traffic::NodeSlot slot : health_.retry_due(now)) usable_changed(slot);
    if (++beats_ % kBeatsPerDrainTick == 0) {
      drains_.tick(now);
      for (traffic::AppId app = 0; app < parts_.config.model.apps.size(); ++app) {
        switchboard_.ledger().note_ending(parts_.config.model.apps[app].name, drains_.ending(app));
      }
      limits_.tick(now);
      releases_.tick(now);
    }
    if (beats_ % kBeatsPerCpuLook == 0) parts_.data_plane.watch_cpus();
    tell_ready();
    switchboard_.reclaim();
    watchdog_.tick(now);
    heartbeat_.expires_after(std::chrono::nanoseconds(parts_.timing.heartbeat));
    heartbeat_.async_wait(lifetime_.guard([this](const boost::system::error_code&) { beat(); }));
  }

  // What /ready says has changed.
  void tell_ready() {
    std::string why = not_ready_because();
    if (why.empty() == not_ready_told_.empty()) return;
    Event event;
    event.level =
        why.empty() || phase_ == Phase::kStopping ? EventLevel::kInfo : EventLevel::kError;
    event.type = "ready";
    event.message = why.empty() ? "ready" : "not ready any more: " + why;
    event.fields = {{"ready", why.empty() ? "true" : "false"}};
    not_ready_told_ = std::move(why);
    parts_.events.publish(std::move(event));
  }

  void take_outcomes(base::Instant now) {
    std::array<proxy::ConnectOutcome, 64> records;
    for (std::uint32_t worker = 0; worker < parts_.data_plane.workers(); ++worker) {
      // Bounded: an outbox holds so many, and what comes meanwhile waits for the next beat.
      for (std::uint32_t taken = 0; taken < base::kConnectFailureCapacity;) {
        const std::size_t count =
            parts_.data_plane.take_outcomes(worker, records.data(), records.size());
        if (count == 0) break;
        taken += static_cast<std::uint32_t>(count);
        for (std::size_t index = 0; index < count; ++index) {
          if (health_.connected(records[index], now)) usable_changed(records[index].node);
        }
      }
    }
  }

  static constexpr std::uint64_t kBeatsPerDrainTick = 5;
  static constexpr std::uint64_t kBeatsPerCpuLook = 50;

  const ControlParts parts_;
  const std::int64_t started_wall_ms_;
  std::vector<Event> recovered_;
  Phase phase_ = Phase::kStarting;
  WorkerRequests requests_;
  HealthBoard health_;
  std::vector<bool> in_maint_;  // by slot
  Drains drains_;
  Switchboard switchboard_;
  ReleaseWatch releases_;
  Watchdog watchdog_;
  LimitWatch limits_;
  std::unique_ptr<Prober> prober_;
  boost::asio::steady_timer heartbeat_;
  std::uint64_t beats_ = 0;
  std::string not_ready_told_ = "starting";  // as the last event about it said
  Lifetime lifetime_;
};

}  // namespace

std::unique_ptr<ControlPlane> make_control_plane(ControlParts parts, RestoredState restored) {
  return std::make_unique<ControlPlaneImpl>(std::move(parts), std::move(restored));
}

}  // namespace shunt::control
