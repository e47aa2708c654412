#include "src/app/shutdown.hpp"

#include <chrono>
#include <utility>

namespace shunt::app {
namespace {

// How often the stop looks whether connections and workers have ended.
constexpr base::Duration kLook = 10 * base::kMillisecond;

}  // namespace

Shutdown::Shutdown(boost::asio::io_context& io, proxy::DataPlane& data_plane,
                   const Options& options, std::function<void(StopPhase)> entered)
    : timer_(io), data_plane_(data_plane), options_(options), entered_(std::move(entered)) {}

void Shutdown::signalled() {
  switch (phase_) {
    case StopPhase::kRunning:
      enter(StopPhase::kDelaying);
      after(options_.delay, &Shutdown::stop_accepting);
      break;
    case StopPhase::kDelaying:
    case StopPhase::kLingering:
      close();
      break;
    case StopPhase::kClosing:
      abandon();
      break;
    case StopPhase::kEnded:
    case StopPhase::kAbandoned:
      break;
  }
}

void Shutdown::abandon() {
  timer_.cancel();
  enter(StopPhase::kAbandoned);
}

void Shutdown::enter(StopPhase phase) {
  phase_ = phase;
  entered_(phase);
}

void Shutdown::after(base::Duration span, void (Shutdown::*step)()) {
  timer_.expires_after(std::chrono::nanoseconds(span));
  // A wait that had already ended when close() cancelled it must not run on: hence the phase.
  timer_.async_wait([this, step, phase = phase_](const boost::system::error_code& error) {
    if (!error && phase == phase_) (this->*step)();
  });
}

void Shutdown::stop_accepting() {
  enter(StopPhase::kLingering);
  grace_ends_ = base::monotonic_now() + options_.grace;
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    unsent_.emplace_back(worker, &stops_.emplace_back());
  }
  linger();
}

void Shutdown::linger() {
  send_to_all();
  bool accepting = !unsent_.empty();
  for (const proxy::StopAccepting& stop : stops_) {
    accepting = accepting || !stop.done.load(std::memory_order_acquire);
  }
  const bool idle = !accepting && relays() == 0;
  if (idle || base::monotonic_now() >= grace_ends_) return close();
  after(kLook, &Shutdown::linger);
}

void Shutdown::close() {
  timer_.cancel();
  enter(StopPhase::kClosing);
  closing_ends_ = base::monotonic_now() + options_.close_within;
  unsent_.clear();
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    unsent_.emplace_back(worker, proxy::StopWorker{});
  }
  wait_for_workers();
}

void Shutdown::wait_for_workers() {
  send_to_all();
  bool ended = unsent_.empty();
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    ended = ended && data_plane_.ended(worker);
  }
  if (ended) return enter(StopPhase::kEnded);
  if (base::monotonic_now() >= closing_ends_) return abandon();
  after(kLook, &Shutdown::wait_for_workers);
}

void Shutdown::send_to_all() {
  const std::size_t count = unsent_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto [worker, request] = unsent_.front();
    unsent_.pop_front();
    if (!data_plane_.send(worker, request)) unsent_.emplace_back(worker, request);
  }
}

std::uint64_t Shutdown::relays() const {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    sum += data_plane_.counters(worker).relays.get();
  }
  return sum;
}

}  // namespace shunt::app
