// ControlPlane: the Controller as the daemon builds and drives it. In order:
//
//   auto store = StateStore::open({.dir = config.state.dir, .sync = config.state.sync});
//   auto restored = restore_state(config.model, store->loaded());
//   auto data_plane = DataPlane::start(options, config.model, sockets, initial_root(config.model,
//   *restored)); Persister persister(std::move(*store), io.get_executor()); auto control =
//   make_control_plane({io, config, **data_plane, persister, events, ...}, std::move(*restored));
//   control->start();                                  // then io.run()
//
// Stop order: begin_stop() (not ready any more), workers drained and ended, io stopped, control
// plane destroyed, then the data plane, then the persister. Everything runs on the control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "shunt/control/controller.hpp"
#include "shunt/control/persister.hpp"
#include "shunt/control/restored_state.hpp"

namespace shunt::control {

// References must outlive the control plane.
struct ControlParts {
  boost::asio::io_context& io;
  const Config& config;
  proxy::DataPlane& data_plane;
  Persister& persister;
  EventSink& events;
  std::string version;
  std::uint32_t capacity = 0;  // connections, for status
};

class ControlPlane : public Controller {
 public:
  // Persists the state that was restored, starts timers (outcomes, pings, drains); phase is
  // "ready".
  virtual void start() = 0;
  // One result of the prober: node `slot`, service at `position` in its App::services. failure:
  // what went wrong ("connection refused"), empty when it passed.
  virtual void health_checked(traffic::NodeSlot slot, std::uint32_t position, bool passed,
                              std::string_view failure) = 0;
  // From now on not ready ("stopping") and changing commands are refused; running ones finish.
  virtual void begin_stop() = 0;
};

[[nodiscard]] std::unique_ptr<ControlPlane> make_control_plane(ControlParts parts,
                                                               RestoredState restored);

}  // namespace shunt::control
