#include "src/control/mark_mail.hpp"

#include <algorithm>

namespace shunt::control {

MarkMail::MarkMail(proxy::DataPlane& data_plane, std::size_t apps, Whole whole)
    : data_plane_(data_plane),
      apps_(apps),
      whole_(std::move(whole)),
      behind_(data_plane.workers() * apps, false) {}

MarkMail::~MarkMail() {
  for (Sent& sent : sent_) {
    if (!open(sent)) continue;
    [[maybe_unused]] void* const left = sent.request.release();
  }
}

void MarkMail::pump() {
  std::erase_if(sent_, [this](const Sent& sent) { return !open(sent); });
  std::vector<bool> full(data_plane_.workers(), false);
  for (traffic::AppId app = 0; app < apps_; ++app) {
    std::unique_ptr<proxy::CancelClose> request;  // what one had no room for is the next one's
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      if (!behind(worker, app) || full[worker]) continue;
      if (request == nullptr) {
        request = std::make_unique<proxy::CancelClose>();
        request->filter.app = app;
        request->others = whole_(app);
        request->all = true;
      }
      full[worker] = !post(worker, app, request);
      if (full[worker]) continue;
      behind_[worker * apps_ + app] = false;
      request.reset();  // also where the worker has ended, which takes none
    }
  }
}

bool MarkMail::settled(traffic::AppId app) const noexcept {
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    if (!settled(worker, app)) return false;
  }
  return true;
}

bool MarkMail::settled(std::uint32_t worker, traffic::AppId app) const noexcept {
  if (data_plane_.ended(worker)) return true;
  return !behind(worker, app) && std::none_of(sent_.begin(), sent_.end(), [&](const Sent& sent) {
    return sent.worker == worker && sent.app == app && open(sent);
  });
}

}  // namespace shunt::control
