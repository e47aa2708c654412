// Controller: the whole control side behind one door, as the admin API sees it. Everything runs on
// the control thread (the thread that runs the io_context); nothing here is thread-safe, and
// nothing blocks: answers that take time arrive through callbacks on the same thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shunt/base/result.hpp"
#include "shunt/control/command.hpp"
#include "shunt/control/config.hpp"
#include "shunt/control/event.hpp"
#include "shunt/control/status.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "shunt/proxy/mailbox.hpp"

namespace shunt::control {

struct ConnectionsQuery {
  std::string app;            // empty: the only app
  std::string pool;           // empty: any
  std::string node;           // empty: any
  std::uint32_t limit = 100;  // entries listed; at most 10,000
};

struct ConnectionRow {
  std::uint64_t id = 0;
  std::string client, service, pool, node;
  traffic::Epoch epoch = 0;
  bool established = false;
  base::Duration age = 0, idle = 0;
  std::uint64_t bytes_up = 0, bytes_down = 0;
};

struct ConnectionsAnswer {
  std::uint64_t matched = 0;  // in all
  std::vector<ConnectionRow> rows;
};

class Controller {
 public:
  virtual ~Controller() = default;

  // Applies one command; commands run one after the other in the order of arrival. `done` is called
  // exactly once, possibly before apply returns.
  virtual void apply(Command command, std::function<void(Outcome)> done) = 0;
  [[nodiscard]] virtual StatusSnapshot status() const = 0;
  // Walks the workers (bounded work a turn). An error when app, pool or node is unknown.
  virtual void connections(const ConnectionsQuery& query,
                           std::function<void(base::Result<ConnectionsAnswer>)> done) = 0;
  // Own fitness for traffic: started, workers answer, not stopping. Empty: ready.
  [[nodiscard]] virtual std::string not_ready_because() const = 0;
  // What is wrong while traffic flows all the same: decisions cannot be persisted. Empty: nothing.
  [[nodiscard]] virtual std::string degraded_because() const = 0;
  // Every worker answered its last ping (asleep counts: it wakes and answers).
  [[nodiscard]] virtual bool alive() const = 0;
  [[nodiscard]] virtual const Config& config() const = 0;
  [[nodiscard]] virtual const proxy::DataPlane& data_plane() const = 0;
};

}  // namespace shunt::control
