// WorkerRequests: asks every worker the same thing and calls back when all have answered. Requests
// stay in order for each worker, also where a mailbox is full for a while. Control thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shunt/base/clock.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "src/control/lifetime.hpp"

namespace shunt::control {

class WorkerRequests {
 public:
  WorkerRequests(boost::asio::io_context& io, proxy::DataPlane& data_plane)
      : data_plane_(data_plane), timer_(io) {}
  // What a live worker still has is left to it for good: a few hundred bytes at the end of the
  // process rather than a dangling pointer.
  ~WorkerRequests();
  WorkerRequests(const WorkerRequests&) = delete;
  WorkerRequests& operator=(const WorkerRequests&) = delete;

  // One request a worker, made by make(). `done(requests, complete)`; complete: every worker
  // answered within `bound`. The requests of those that did not must not be looked at. May be null.
  template <class R>
  using Done = std::function<void(const std::vector<std::unique_ptr<R>>&, bool complete)>;
  // Returns the number of the request, for give_up().
  template <class R, class Make>
  std::uint64_t ask(Make&& make, base::Duration bound, Done<R> done) {
    auto requests = std::make_shared<std::vector<std::unique_ptr<R>>>();
    auto batch = std::make_unique<Batch>();
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      requests->push_back(make());
      batch->requests.push_back({requests->back().get(), &requests->back()->done, false});
    }
    batch->deadline = base::monotonic_now() + bound;
    if (done) {
      batch->done = [requests = requests.get(), done = std::move(done)](bool complete) {
        done(*requests, complete);
      };
    }
    batch->owner = std::move(requests);
    const std::uint64_t number = batch->number = ++asked_;
    start(std::move(batch));
    return number;
  }
  // As if the bound were over: done is called soon, with whatever has been answered by then.
  void give_up(std::uint64_t number);

 private:
  struct Entry {
    proxy::Request request;
    const std::atomic<bool>* answered = nullptr;
    bool sent = false;
  };
  struct Batch {
    std::vector<Entry> requests;  // by worker
    std::shared_ptr<void> owner;
    std::uint64_t number = 0;
    base::Instant deadline = 0;
    std::function<void(bool complete)> done;  // empty once called
    bool given_up = false;
  };

  void start(std::unique_ptr<Batch> batch);
  void poll_soon();
  void pump();
  [[nodiscard]] bool settled(const Batch& batch, bool unsent_counts) const noexcept;
  void poll_later();
  void poll();

  proxy::DataPlane& data_plane_;
  boost::asio::steady_timer timer_;
  std::list<std::unique_ptr<Batch>> batches_;  // oldest first
  std::uint64_t asked_ = 0;
  base::Duration interval_ = 0;
  bool polling_ = false;
  Lifetime lifetime_;
};

}  // namespace shunt::control
