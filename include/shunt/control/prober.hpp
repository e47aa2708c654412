// Prober: active health checks. Every node is checked for every service of its app whose health
// type is tcp: a connection is opened and, once it stands, reset at once. Results go to one
// callback; counting them (rise, fall) is HealthMachine's matter, not the prober's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "shunt/base/clock.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/traffic/ids.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::control {

struct ProbeResult {
  traffic::NodeSlot slot = traffic::kNoSlot;
  std::uint32_t position = 0;  // of the service in App::services
  bool passed = false;
  std::string failure;      // "connection refused", "no answer within 1s"; empty when it passed
  base::Duration took = 0;  // from the attempt to its end
};

// Control thread only; nothing blocks, and nothing is called back before start() or after stop().
class Prober {
 public:
  virtual ~Prober() = default;  // like stop(); not from within the callback

  // Begins to check. The checks of one interval are spread over it (a few nodes over less, so that
  // they are known soon); from then on each keeps its time. Once.
  virtual void start() = 0;
  // Ends everything at once, running checks too. May be called from within the callback.
  virtual void stop() = 0;
  // A paused node is not checked (maint): a running check ends without a result. Resumed, it is
  // checked at once and then at its usual times. May be called before start() and from the
  // callback.
  virtual void set_paused(traffic::NodeSlot slot, bool paused) = 0;
  // Connections open for checks now.
  [[nodiscard]] virtual std::uint32_t in_flight() const noexcept = 0;
};

struct ProberOptions {
  // Checks open at a time, in all. Where more are due (hundreds of nodes that swallow packets), the
  // others wait their turn: intervals stretch, none is left out.
  std::uint32_t in_flight_max = base::kProbesAtOnceMax;
};

// model must outlive the prober. A check that fails for want of something of our own (descriptors,
// memory) says nothing about the node: it gives no result.
[[nodiscard]] std::unique_ptr<Prober> make_prober(boost::asio::io_context& io,
                                                  const traffic::Model& model,
                                                  std::function<void(const ProbeResult&)> on_result,
                                                  ProberOptions options = {});

}  // namespace shunt::control
