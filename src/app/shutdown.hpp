// Shutdown: the order in which the daemon stops taking traffic.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shunt/base/clock.hpp"
#include "shunt/proxy/data_plane.hpp"

namespace shunt::app {

//   running ──signal──► delaying ──delay──► lingering ──grace, or all ended──► closing ──► ended
//                          └────────────────────┴──────second signal────────────►┘ │
//                        a worker does not end within the bound, or another signal ▼
//                                                                            abandoned
enum class StopPhase : std::uint8_t {
  kRunning,
  kDelaying,   // /ready fails, so that whoever stands in front looks elsewhere; the rest goes on
  kLingering,  // nothing is accepted, commands are refused; what is established has its grace
  kClosing,    // what is left is closed (cause: shutdown), the workers end
  kEnded,
  kAbandoned,  // a worker is stuck: the process has to end without it
};

// Lives on the control thread.
class Shutdown {
 public:
  struct Options {
    base::Duration delay = 0;
    base::Duration grace = 0;
    // For closing what is left: thousands of connections take a fraction of a second.
    base::Duration close_within = 10 * base::kSecond;
  };
  // entered: told of each phase as it begins; kEnded or kAbandoned comes last, once.
  Shutdown(boost::asio::io_context& io, proxy::DataPlane& data_plane, const Options& options,
           std::function<void(StopPhase)> entered);

  // The first call begins, the second closes at once, a third does not wait for that either.
  void signalled();
  [[nodiscard]] StopPhase phase() const noexcept { return phase_; }

 private:
  void enter(StopPhase phase);
  void after(base::Duration span, void (Shutdown::*step)());
  void stop_accepting();
  void linger();
  void close();
  void wait_for_workers();
  void abandon();
  void send_to_all();
  [[nodiscard]] std::uint64_t relays() const;

  boost::asio::steady_timer timer_;
  proxy::DataPlane& data_plane_;
  const Options options_;
  const std::function<void(StopPhase)> entered_;
  StopPhase phase_ = StopPhase::kRunning;
  base::Instant grace_ends_ = 0;
  base::Instant closing_ends_ = 0;
  std::deque<proxy::StopAccepting> stops_;                       // one a worker; stay put
  std::deque<std::pair<std::uint32_t, proxy::Request>> unsent_;  // a full mailbox is tried again
};

}  // namespace shunt::app
