// ControlPlane: the Controller as the daemon builds and drives it. In order:
//
//   auto store = StateStore::open({.dir = config.state.dir, .sync = config.state.sync});
//   auto restored = restore_state(config.model, store->loaded());
//   auto data_plane = DataPlane::start(options, config.model, sockets, initial_root(config.model,
//   *restored)); Persister persister(std::move(*store), io.get_executor()); auto control =
//   make_control_plane({io, config, **data_plane, persister, events, ...}, std::move(*restored));
//   control->start();                                  // then io.run()
//
// Stop order: begin_stop() (not ready any more), end_commands() when accepting ends, workers
// drained and ended, finish(), io stopped, control plane destroyed, then the data plane, then the
// persister. Everything runs on the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "shunt/control/controller.hpp"
#include "shunt/control/persister.hpp"
#include "shunt/control/prober.hpp"
#include "shunt/control/restored_state.hpp"

namespace shunt::control {

// Bounds of every wait. Tests shorten them.
struct ControlTiming {
  // A decision that is not on disk by then is refused; a stuck disk must not hold up what follows.
  base::Duration persist_wait = 5 * base::kSecond;
  // A worker that has not followed by then is named; the switch stands.
  base::Duration adoption_wait = 5 * base::kSecond;
  // Either wait, while a rollback is queued behind it.
  base::Duration hurried_wait = 250 * base::kMillisecond;
  base::Duration persist_retry = base::kSecond;
  // What went ahead without the disk (not_durable) goes to it with the acknowledgement, or after
  // this where a worker keeps that waiting.
  base::Duration unwritten_max = 50 * base::kMillisecond;
  base::Duration settle = base::kSecond;  // quiet time before a receipt goes to disk
  base::Duration rebuild_delay = 5 * base::kMillisecond;  // health changes add up for so long
  base::Duration heartbeat = 20 * base::kMillisecond;     // outcomes of connects are collected
  base::Duration ping_interval = base::kSecond;
  base::Duration ping_bound = 5 * base::kSecond;  // a worker that is silent for longer is stuck
  base::Duration limit_interval = 10 * base::kSecond;  // between events about one limit
};

// References must outlive the control plane.
struct ControlParts {
  boost::asio::io_context& io;
  const Config& config;
  proxy::DataPlane& data_plane;
  Persister& persister;
  EventSink& events;
  std::string version;
  std::uint32_t capacity = 0;  // connections, for status
  ControlTiming timing = {};
  // The last connection that a switch had left on a pool is gone, so long after the switch. May be
  // empty.
  std::function<void(traffic::AppId, traffic::PoolId, base::Duration)> drained = {};
  // A command that shunt gave itself (a trial that was not confirmed, a retiring pool that ran
  // empty) was done or refused. May be empty.
  std::function<void(Verb, const Outcome&)> commanded = {};
  // Makes the prober that feeds health; empty: the real one.
  std::function<std::unique_ptr<Prober>(std::function<void(const ProbeResult&)>)> prober = {};
};

class ControlPlane : public Controller {
 public:
  // Persists the state that was restored, starts health checks and timers (outcomes of connects,
  // pings, drains). From now on "ready". Once.
  virtual void start() = 0;
  // From now on not ready ("stopping"). Commands go on: while connections are taken, somebody may
  // have to roll back.
  virtual void begin_stop() = 0;
  // From now on changing commands are refused (kUnavailable); the running one finishes.
  virtual void end_commands() = 0;
  // Writes what is decided and not on disk yet; blocks until it is, at most
  // ControlTiming::persist_wait. Once, after the last answer.
  [[nodiscard]] virtual LastWords finish() = 0;
};

[[nodiscard]] std::unique_ptr<ControlPlane> make_control_plane(ControlParts parts,
                                                               RestoredState restored);

}  // namespace shunt::control
