// Drains: what a pool that was switched away from, or a node that was drained, still holds; closes
// it at a deadline where one is set. Control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "shunt/control/event.hpp"
#include "shunt/control/status.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "src/control/health_board.hpp"
#include "src/control/worker_requests.hpp"

namespace shunt::control {

class Drains {
 public:
  Drains(const traffic::Model& model, proxy::DataPlane& data_plane, WorkerRequests& requests,
         EventSink& events);

  // deadline: when closing begins; 0: never. over: closing is spread over this. Begun again for the
  // same thing it takes the new deadline; closing that runs stops until then
  // (and goes on where there is none: nobody has asked for more time).
  void begin_pool(traffic::AppId app, traffic::PoolId pool, base::Instant deadline,
                  base::Duration over, base::Instant now);
  void begin_node(traffic::NodeSlot slot, base::Instant deadline, base::Duration over,
                  base::Instant now);
  // The pool is active again, the node is ready again: nothing of it is closed any more.
  void cancel_pool(traffic::AppId app, traffic::PoolId pool, base::Instant now);
  void cancel_node(traffic::NodeSlot slot, base::Instant now);

  // Begins to close at deadlines, ends drains that are empty ("drained"), surveys ages once a
  // second while something drains. Called every 100 ms or so.
  void tick(base::Instant now);

  [[nodiscard]] DrainStatus status(traffic::AppId app, traffic::PoolId pool,
                                   base::Instant now) const;
  [[nodiscard]] bool empty() const noexcept { return drains_.empty(); }

 private:
  struct Drain {
    traffic::AppId app = 0;
    traffic::PoolId pool = traffic::kNoPool;    // of a pool, or
    traffic::NodeSlot node = traffic::kNoSlot;  // of a node
    base::Instant deadline = 0;
    base::Duration over = 0;
    base::Instant close_until = 0;  // closing runs; 0: it does not
  };
  void begin(Drain drain, base::Instant now);
  void cancel(const Drain& drain, base::Instant now);
  // Takes the workers' marks back; `drain` itself closes no more.
  void take_back(const Drain& drain, base::Instant now);
  void close(Drain& drain, base::Duration over, base::Instant now);
  [[nodiscard]] std::uint64_t held(const Drain& drain) const;
  [[nodiscard]] Drain* find(const Drain& like) noexcept;
  void announce(const Drain& drain, const char* type, const std::string& what) const;
  void survey();

  const traffic::Model& model_;
  proxy::DataPlane& data_plane_;
  WorkerRequests& requests_;
  EventSink& events_;
  const std::vector<NodePlace> places_;
  std::vector<Drain> drains_;
  std::vector<base::Instant>
      oldest_;  // by slot: accept of the oldest connection; 0: none or unknown
  base::Instant surveyed_ = 0;
  std::uint32_t surveys_running_ = 0;
};

}  // namespace shunt::control
