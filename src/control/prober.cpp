#include "shunt/control/prober.hpp"

#include <cerrno>
#include <chrono>
#include <deque>
#include <utility>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shunt/base/units.hpp"
#include "src/control/probe_socket.hpp"
#include "src/control/prober_plan.hpp"

namespace shunt::control {
namespace {

namespace asio = boost::asio;

constexpr int kNoAnswer = -1;  // beside errno values: our own timeout, not the kernel's

// A target's check:
//
//   waiting ──due──► queued ──turn──► connecting ──result or timeout──► waiting (next time)
//      ▲ resumed: due at once            │
//   paused ◄─────── set_paused ──────────┘ (from any)
enum class ProbeState { kWaiting, kQueued, kConnecting, kPaused };

struct Probe {
  Probe(asio::io_context& io, ProbeTarget what) : target(std::move(what)), timer(io), socket(io) {}

  ProbeTarget target;
  ProbeState state = ProbeState::kWaiting;
  // Raised by every transition: a handler that was under way then knows that it is stale.
  std::uint64_t step = 0;
  base::Instant due = 0;
  base::Instant begun = 0;
  std::size_t next_source = 0;
  asio::steady_timer timer;  // until due, or until the check has failed
  asio::posix::stream_descriptor socket;
};

// Owned by the prober and by the handlers under way, which may run after the prober is gone.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(asio::io_context& io, const traffic::Model& model,
         std::function<void(const ProbeResult&)> on_result, ProberOptions options)
      : on_result_(std::move(on_result)), options_(options) {
    for (ProbeTarget& target : plan_probes(model)) {
      probes_.push_back(std::make_unique<Probe>(io, std::move(target)));
    }
  }

  void start() {
    running_ = true;
    const base::Instant now = base::monotonic_now();
    for (const auto& probe : probes_) {
      probe->due = now + probe->target.phase;
      if (probe->state != ProbeState::kPaused) wait(*probe);
    }
  }

  void stop() {
    running_ = false;
    queue_.clear();
    for (const auto& probe : probes_) {
      leave(*probe);
      probe->state = ProbeState::kWaiting;
    }
  }

  void set_paused(traffic::NodeSlot slot, bool paused) {
    for (const auto& probe : probes_) {
      if (probe->target.slot != slot || (probe->state == ProbeState::kPaused) == paused) continue;
      leave(*probe);
      probe->state = paused ? ProbeState::kPaused : ProbeState::kWaiting;
      if (paused || !running_) continue;
      probe->due = base::monotonic_now();  // the next one an interval after this one
      enqueue(*probe);
    }
    if (running_) take_turns();
  }

  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }

 private:
  // Calls then(*this, probe) unless the probe has moved on or the prober has stopped meanwhile.
  template <class Then>
  auto guarded(Probe& probe, Then then) {
    return [self = shared_from_this(), &probe, step = probe.step, then](
               const boost::system::error_code& error, auto...) {
      if (!error && self->running_ && probe.step == step) then(*self, probe);
    };
  }

  // Ends whatever the probe does. Its place in the queue, if any, turns stale by the step.
  void leave(Probe& probe) {
    ++probe.step;
    probe.timer.cancel();
    if (probe.state != ProbeState::kConnecting) return;
    close(probe);
  }

  void close(Probe& probe) {
    boost::system::error_code ignored;
    (void)probe.socket.close(ignored);
    --in_flight_;
  }

  void wait(Probe& probe) {
    probe.state = ProbeState::kWaiting;
    ++probe.step;
    const base::Instant now = base::monotonic_now();
    const base::Duration left = probe.due > now ? probe.due - now : 0;
    probe.timer.expires_after(std::chrono::nanoseconds(left));
    probe.timer.async_wait(guarded(probe, [](Engine& engine, Probe& due) {
      engine.enqueue(due);
      engine.take_turns();
    }));
  }

  void enqueue(Probe& probe) {
    probe.state = ProbeState::kQueued;
    ++probe.step;
    queue_.emplace_back(&probe, probe.step);
  }

  void take_turns() {
    while (in_flight_ < options_.in_flight_max && !queue_.empty()) {
      const auto [probe, step] = queue_.front();
      queue_.pop_front();
      if (probe->step == step) begin(*probe);
    }
  }

  void begin(Probe& probe) {
    probe.begun = base::monotonic_now();
    const std::vector<base::Endpoint>& sources = probe.target.sources;
    const base::Endpoint* source =
        sources.empty() ? nullptr : &sources[probe.next_source++ % sources.size()];
    ProbeSocket opened = open_probe(probe.target.address, source);
    ++probe.step;
    if (opened.under_way && watch(probe, opened.fd)) return;
    // Known at once. Told later, as everything is: the callback may pause or stop what is being
    // walked through here, and nodes that refuse at once must not keep the loop from its other
    // work.
    probe.state = ProbeState::kQueued;
    asio::post(probe.timer.get_executor(), [self = shared_from_this(), &probe, step = probe.step,
                                            error = opened.under_way ? ENOMEM : opened.error] {
      if (self->running_ && probe.step == step) self->finish(probe, error);
    });
  }

  // False where the socket cannot be watched (epoll's own limits).
  bool watch(Probe& probe, base::UniqueFd& fd) {
    boost::system::error_code refused;
    (void)probe.socket.assign(fd.get(), refused);
    if (refused) return false;
    (void)fd.release();
    probe.state = ProbeState::kConnecting;
    ++in_flight_;
    probe.socket.async_wait(asio::posix::stream_descriptor::wait_write,
                            guarded(probe, [](Engine& engine, Probe& ready) {
                              engine.finish(ready, probe_verdict(ready.socket.native_handle()));
                            }));
    probe.timer.expires_after(std::chrono::nanoseconds(probe.target.timeout));
    probe.timer.async_wait(guarded(probe, [](Engine& engine, Probe& late) {
      // The loop itself may have been late: what has come in meanwhile counts.
      const int fd_now = late.socket.native_handle();
      engine.finish(late, probe_settled(fd_now) ? probe_verdict(fd_now) : kNoAnswer);
    }));
    return true;
  }

  void finish(Probe& probe, int error_number) {
    const base::Instant now = base::monotonic_now();
    if (probe.state == ProbeState::kConnecting) close(probe);
    probe.due = next_due(probe.due, probe.target.interval, now);
    wait(probe);
    take_turns();
    if (is_own_shortage(error_number)) return;
    ProbeResult result;
    result.slot = probe.target.slot;
    result.position = probe.target.position;
    result.passed = error_number == 0;
    result.took = now - probe.begun;
    if (error_number == kNoAnswer) {
      result.failure = "no answer within " + base::format_duration(probe.target.timeout);
    } else if (!result.passed) {
      result.failure = describe_errno(error_number);
    }
    on_result_(result);  // last: it may stop or pause anything
  }

  std::function<void(const ProbeResult&)> on_result_;
  ProberOptions options_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::deque<std::pair<Probe*, std::uint64_t>> queue_;  // due, in order, with their step
  std::uint32_t in_flight_ = 0;
  bool running_ = false;
};

class TcpProber final : public Prober {
 public:
  explicit TcpProber(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~TcpProber() override { engine_->stop(); }
  TcpProber(const TcpProber&) = delete;
  TcpProber& operator=(const TcpProber&) = delete;

  void start() override { engine_->start(); }
  void stop() override { engine_->stop(); }
  void set_paused(traffic::NodeSlot slot, bool paused) override {
    engine_->set_paused(slot, paused);
  }
  [[nodiscard]] std::uint32_t in_flight() const noexcept override { return engine_->in_flight(); }

 private:
  std::shared_ptr<Engine> engine_;
};

}  // namespace

std::unique_ptr<Prober> make_prober(asio::io_context& io, const traffic::Model& model,
                                    std::function<void(const ProbeResult&)> on_result,
                                    ProberOptions options) {
  return std::make_unique<TcpProber>(
      std::make_shared<Engine>(io, model, std::move(on_result), options));
}

}  // namespace shunt::control
