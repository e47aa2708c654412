// Drains: what a pool that was switched away from, or a node that was drained, still holds, and
// what `shunt close` ends over a time. Control thread only.
//
// Several orders may cover one connection: the deadline of its pool, that of its node, closings of
// the pool, the node, the connection itself. The rule: the earliest counts. A connection has one
// mark, with the cause of the order that set it, and only an earlier one takes its place. So a
// later order never gives a connection more time than it had, and one with less time has it. Time
// comes back only where an order ends before it is through:
//
//   node's drain    given anew with another deadline, later or none; the node is ready again
//   pool's drain    the pool is live again
//   pool's closing  the pool is live again: its connections are the production's
//   any closing     an operator cancels it (`shunt close --cancel`)
//
// The closing of a node or connection outlives a switch: whoever named it meant it, whatever is
// live.
//
// Then its marks are taken back, and the orders that go on mark what has lost its mark by that. An
// order that ends is withdrawn, too: a worker that has not taken it by then leaves it. A closing is
// an order from when the workers are asked, and stays one until all of them have answered, so that
// what ends it reaches those that are slow.
//
// There is one drain a pool and a node at most, and base::kClosingsMax closings.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shunt/control/event.hpp"
#include "shunt/control/status.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "src/control/health_board.hpp"
#include "src/control/mark_mail.hpp"
#include "src/control/worker_requests.hpp"

namespace shunt::control {

class Drains {
 public:
  // A pool's last connection is gone, so long after it was left.
  using Drained = std::function<void(traffic::AppId, traffic::PoolId, base::Duration)>;

  // drained: may be empty.
  Drains(const traffic::Model& model, proxy::DataPlane& data_plane, WorkerRequests& requests,
         EventSink& events, Drained drained);

  // left: when new connections ended. deadline: when closing begins; 0: never. over: closing is
  // spread over this.
  void begin_pool(traffic::AppId app, traffic::PoolId pool, base::Instant left,
                  base::Instant deadline, base::Duration over, base::Instant now);
  // Begun again for the same node it takes the new deadline, earlier, later or none (0), and
  // closing that runs stops until then. Without one (empty) it keeps the one that it has.
  void begin_node(traffic::NodeSlot slot, std::optional<base::Instant> deadline,
                  base::Duration over, base::Instant now);
  // The node's drain closes what is left, now or later.
  [[nodiscard]] bool has_deadline(traffic::NodeSlot slot) const noexcept;
  // What else than their own drains closes connections of these nodes, now or later: "pool blue
  // (drain deadline), node b1 (shunt close)". Closings of single connections are not among them.
  [[nodiscard]] std::string closed_besides(const std::vector<traffic::NodeSlot>& slots) const;
  // `shunt close` is about to ask every worker to close these, spread over `over` (0: at once):
  // what it is to ask them. Only connections that are there at `begun`, so that one that takes it
  // late does not reach those that came after. Empty: too many run.
  struct Closing {
    std::uint64_t id = 0;
    proxy::CloseOrder order;
  };
  [[nodiscard]] std::optional<Closing> begin_closing(const proxy::RelayFilter& target,
                                                     base::Instant begun, base::Duration over);
  // The first worker for whose answer closings stay that are through elsewhere; empty: none does.
  [[nodiscard]] std::optional<std::uint32_t> awaited(base::Instant now) const;
  // So many were marked. missed: the workers that have not answered in time.
  void closing_asked(const Closing& closing, std::uint64_t marked,
                     const std::vector<std::uint32_t>& missed);
  // How many connections the closings of exactly these still have to end; empty: none runs.
  [[nodiscard]] std::optional<std::uint64_t> closing_left(const proxy::RelayFilter& target) const;
  // Ends them.
  void cancel_closing(const proxy::RelayFilter& target, base::Instant now);

  // The pool is live again: its drain and its closings end. The node is ready again: its drain
  // ends. by: the verb that did it, for the event, which waits for tell().
  void cancel_pool(traffic::AppId app, traffic::PoolId pool, std::string_view by,
                   base::Instant now);
  void cancel_node(traffic::NodeSlot slot, std::string_view by, base::Instant now);

  // After any number of these and of begin_node(), where marks were taken back: a worker that is
  // behind has as much of a hurry as the others, and costs as much as all orders together.
  void bring_in_line();

  // Publishes what was cancelled since, apart, since a rollback must not wait for that, and what
  // began to close at once: after the event of the command that made it.
  void tell();

  // Begins to close at deadlines, ends drains that are empty ("drained"), surveys ages once a
  // second while something drains. Called every 100 ms or so.
  void tick(base::Instant now);

  // "pool blue (drain deadline), node b1 (shunt close)": whose connections are being ended or will
  // be.
  [[nodiscard]] std::string ending(traffic::AppId app) const;
  [[nodiscard]] DrainStatus status(traffic::AppId app, traffic::PoolId pool,
                                   base::Instant now) const;
  [[nodiscard]] DrainStatus status(traffic::NodeSlot slot, base::Instant now) const;
  [[nodiscard]] std::vector<ClosingStatus> closings(traffic::AppId app, base::Instant now) const;

 private:
  struct Order {
    proxy::RelayFilter target;  // a pool, a node, or (closings) a connection
    proxy::CloseCause cause = proxy::CloseCause::kDrainDeadline;  // kClosed: a closing
    base::Instant deadline = 0;                                   // of a drain
    base::Duration over = 0;
    base::Instant close_until = 0;  // closing runs; 0: it does not
    base::Instant left = 0;         // of a pool's drain: when it was left
    std::uint64_t id = 0;
    std::shared_ptr<std::atomic<bool>> withdrawn;
    // Of a closing:
    bool asked = false;        // the answer of closing_asked() is still to come
    std::uint64_t marked = 0;  // connections that it still has to end, by the last survey
    bool gone = false;         // there are none any more
    [[nodiscard]] bool closing() const noexcept { return cause == proxy::CloseCause::kClosed; }
  };
  // A survey of an app, and which closings it counts.
  struct Surveyed {
    traffic::AppId app = 0;
    std::vector<std::uint64_t> closings;  // ids of orders
    std::vector<std::uint64_t> wanted;    // ids of connections, rising
    std::vector<bool> behind;             // by worker: it may lack marks
    bool settled = false;                 // no worker lacks marks
  };
  Order& add(Order order);
  void begin(const Order& drain, bool keeps_deadline, base::Instant now);
  void cancel(const proxy::RelayFilter& target, bool closings, std::string_view by,
              base::Instant now);
  // Takes the workers' marks with this cause back and restores those of orders that go on.
  void take_back(const proxy::RelayFilter& target, proxy::CloseCause cause, base::Instant now);
  static void renew(Order& order);  // its requests that are not taken yet are withdrawn
  [[nodiscard]] static proxy::CloseOrder request_of(const Order& order, base::Duration over);
  // What the workers are to do by the orders that go on, and that concern these where target is not
  // null.
  [[nodiscard]] std::vector<proxy::CloseOrder> going_on(traffic::AppId app,
                                                        const proxy::RelayFilter* target,
                                                        base::Instant now) const;
  enum class Tells { kNow, kLater };  // later: with tell()
  void close(Order& drain, base::Duration over, base::Instant now, Tells tells);
  [[nodiscard]] bool overlap(const proxy::RelayFilter& a,
                             const proxy::RelayFilter& b) const noexcept;
  [[nodiscard]] std::uint64_t held(const proxy::RelayFilter& target) const;
  [[nodiscard]] std::string name_of(const proxy::RelayFilter& target) const;
  [[nodiscard]] std::string ending_by(const Order& order) const;
  [[nodiscard]] Event event_of(const Order& order, const char* type, std::string message,
                               std::vector<std::pair<std::string, std::string>> fields) const;
  void announce(const Order& order, const char* type, std::string message,
                std::vector<std::pair<std::string, std::string>> fields = {}) const;
  void add_closing(DrainStatus& status, const proxy::RelayFilter& target, base::Instant now) const;
  void add_age(DrainStatus& status, traffic::NodeSlot slot, base::Instant now) const;
  void survey();
  template <class Surveys>
  void take_survey(const Surveyed& about, const Surveys& surveys, bool complete);
  template <class Each>
  [[nodiscard]] std::uint64_t sum_over(const proxy::RelayFilter& target, const Each& each) const;
  [[nodiscard]] std::uint64_t held_by(std::uint32_t worker, const proxy::RelayFilter& target) const;
  [[nodiscard]] std::uint64_t left_of(const Order& closing) const;
  [[nodiscard]] bool is_over(const Order& closing, base::Instant now) const;

  const traffic::Model& model_;
  proxy::DataPlane& data_plane_;
  WorkerRequests& requests_;
  EventSink& events_;
  const Drained drained_;
  const std::vector<NodePlace> places_;
  std::vector<Order> orders_;
  std::uint64_t ids_ = 0;
  MarkMail mail_;
  bool taken_back_ = false;                               // since the last bring_in_line()
  std::vector<std::pair<Order, std::string>> cancelled_;  // and by what, not told yet
  std::vector<Event> begun_;                              // not told yet
  std::vector<base::Instant>
      oldest_;  // by slot: accept of the oldest connection; 0: none or unknown
  base::Instant surveyed_ = 0;
  std::uint32_t surveys_running_ = 0;
};

}  // namespace shunt::control
