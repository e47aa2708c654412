// MarkMail: orders to close connections, and what takes them back, on their way to the workers.
//
// Nothing waits here for a worker whose mailbox is full. It is behind then and gets no more of that
// app, until there is room: then it gets one request with all orders that hold by then. So no mark
// is lost, none is sent that was called off meanwhile, and what waits for a worker that does not
// answer is bounded by its mailbox. Control thread only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "shunt/proxy/data_plane.hpp"

namespace shunt::control {

class MarkMail {
 public:
  // The orders of an app that hold now.
  using Whole = std::function<std::vector<proxy::CloseOrder>(traffic::AppId)>;

  MarkMail(proxy::DataPlane& data_plane, std::size_t apps, Whole whole);
  // What a live worker still has is left to it for good, as by WorkerRequests.
  ~MarkMail();
  MarkMail(const MarkMail&) = delete;
  MarkMail& operator=(const MarkMail&) = delete;

  // Asks every worker. make() gives a std::unique_ptr of a CloseRelays or CancelClose about the
  // app.
  template <class Make>
  void send(traffic::AppId app, const Make& make) {
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      if (behind(worker, app)) continue;
      auto request = make();
      if (!post(worker, app, request)) missed(worker, app);
    }
  }
  // The worker has not got, or may not have, what it was asked by other means.
  void missed(std::uint32_t worker, traffic::AppId app) noexcept {
    behind_[worker * apps_ + app] = true;
  }
  // Brings those in line that are behind and have room, and frees what was answered. All orders of
  // an app are put together for that even where none has room, so this is for once a command.
  void pump();
  // Every worker has answered all that there was for it about the app.
  [[nodiscard]] bool settled(traffic::AppId app) const noexcept;
  // As much of one worker.
  [[nodiscard]] bool settled(std::uint32_t worker, traffic::AppId app) const noexcept;
  // The worker has not been sent all that there is for it about the app.
  [[nodiscard]] bool behind(std::uint32_t worker, traffic::AppId app) const noexcept {
    return behind_[worker * apps_ + app];
  }

 private:
  using Owner = std::unique_ptr<void, void (*)(void*)>;
  struct Sent {
    std::uint32_t worker = 0;
    traffic::AppId app = 0;
    const std::atomic<bool>* done = nullptr;
    Owner request;
  };

  // Takes the request where there is room for it, or nobody to take it.
  template <class R>
  bool post(std::uint32_t worker, traffic::AppId app, std::unique_ptr<R>& request) {
    if (data_plane_.ended(worker)) return true;  // it has nothing left that could be marked
    if (!data_plane_.send(worker, request.get())) return false;
    const std::atomic<bool>* done = &request->done;
    sent_.push_back({worker, app, done,
                     Owner(request.release(), [](void* gone) { delete static_cast<R*>(gone); })});
    return true;
  }
  [[nodiscard]] bool open(const Sent& sent) const noexcept {
    return !data_plane_.ended(sent.worker) && !sent.done->load(std::memory_order_acquire);
  }

  proxy::DataPlane& data_plane_;
  const std::size_t apps_;
  const Whole whole_;
  std::vector<Sent> sent_;
  std::vector<bool> behind_;  // by worker and app
};

}  // namespace shunt::control
