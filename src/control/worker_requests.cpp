#include "src/control/worker_requests.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace shunt::control {
namespace {

// How often answers are looked for: at once often, since most take one turn of a worker's loop.
constexpr base::Duration kIntervalMin = 200 * base::kMicrosecond;
constexpr base::Duration kIntervalMax = 10 * base::kMillisecond;

}  // namespace

WorkerRequests::~WorkerRequests() {
  for (auto& batch : batches_) {
    if (!settled(*batch, false)) (void)batch.release();
  }
}

void WorkerRequests::start(std::unique_ptr<Batch> batch) {
  batches_.push_back(std::move(batch));
  pump();
  poll_soon();
}

void WorkerRequests::give_up(std::uint64_t number) {
  for (auto& batch : batches_) {
    if (batch->number != number) continue;
    batch->deadline = 0;
    poll_soon();
  }
}

void WorkerRequests::poll_soon() {
  interval_ = kIntervalMin;
  if (polling_) timer_.cancel();  // its handler polls again, soon
  poll_later();
}

// True when no worker can touch the batch any more. unsent_counts: a request that is still to be
// sent counts as open.
bool WorkerRequests::settled(const Batch& batch, bool unsent_counts) const noexcept {
  for (std::uint32_t worker = 0; worker < batch.requests.size(); ++worker) {
    const Entry& entry = batch.requests[worker];
    if (data_plane_.ended(worker)) continue;
    if (!entry.sent) {
      if (unsent_counts) return false;
      continue;
    }
    if (!entry.answered->load(std::memory_order_acquire)) return false;
  }
  return true;
}

void WorkerRequests::pump() {
  std::vector<bool> full(data_plane_.workers(), false);
  for (auto& batch : batches_) {
    if (batch->given_up) continue;
    for (std::uint32_t worker = 0; worker < batch->requests.size(); ++worker) {
      Entry& entry = batch->requests[worker];
      if (entry.sent || full[worker]) continue;
      entry.sent = data_plane_.send(worker, entry.request);
      full[worker] = !entry.sent;
    }
  }
}

void WorkerRequests::poll_later() {
  if (polling_ || batches_.empty()) return;
  polling_ = true;
  timer_.expires_after(std::chrono::nanoseconds(interval_));
  // Cancelled by start(), it polls at once and goes on with the shorter interval.
  timer_.async_wait(lifetime_.guard([this](const boost::system::error_code&) { poll(); }));
}

void WorkerRequests::poll() {
  polling_ = false;
  pump();
  const base::Instant now = base::monotonic_now();
  std::vector<std::unique_ptr<Batch>> answered;
  std::vector<std::function<void(bool)>> given_up;
  for (auto it = batches_.begin(); it != batches_.end();) {
    Batch& batch = **it;
    if (settled(batch, !batch.given_up)) {
      answered.push_back(std::move(*it));
      it = batches_.erase(it);
      continue;
    }
    if (!batch.given_up && now >= batch.deadline) {
      batch.given_up = true;
      given_up.push_back(std::exchange(batch.done, {}));
    }
    ++it;
  }
  interval_ = std::min(interval_ * 2, kIntervalMax);
  poll_later();
  // Last: they may ask again.
  for (auto& batch : answered) {
    if (batch->done) batch->done(true);
  }
  for (auto& done : given_up) {
    if (done) done(false);
  }
}

}  // namespace shunt::control
