#include "src/admin/event_hub.hpp"

#include <algorithm>

#include "shunt/base/limits.hpp"
#include "src/admin/json.hpp"

namespace shunt::admin {
namespace {

// The type is in the data and not in an `event:` line, so that a browser's onmessage sees every
// event.
void append_frame(std::string& out, const control::Event& event) {
  out += "id: ";
  out += std::to_string(event.id);
  out += "\ndata: ";
  JsonWriter json(out);
  write_json(json, event);
  out += "\n\n";
}

}  // namespace

bool EventHub::full(bool over_tcp) const noexcept {
  const auto count =
      std::count_if(followers_.begin(), followers_.end(), [&](const Follower& entry) {
        return entry.follower != nullptr && entry.over_tcp == over_tcp;
      });
  return static_cast<std::size_t>(count) >= (over_tcp ? tcp_max_ : unix_max_);
}

std::string EventHub::join(EventFollower& follower, bool over_tcp,
                           std::optional<std::uint64_t> last_seen) {
  if (!subscription_) {
    subscription_ = feed_.subscribe([this](const control::Event& event) { on_event(event); });
  }
  std::vector<control::Event> kept = feed_.after(0, base::kEventsKept);
  const std::uint64_t newest = kept.empty() ? 0 : kept.back().id;
  std::string frames;
  if (last_seen) {
    const std::uint64_t after = *last_seen <= newest ? *last_seen : 0;
    for (const control::Event& event : kept) {
      if (event.id > after) append_frame(frames, event);
    }
  }
  followers_.push_back({&follower, over_tcp, newest});
  return frames;
}

void EventHub::leave(EventFollower& follower) noexcept {
  const auto found = std::find_if(followers_.begin(), followers_.end(), [&](const Follower& entry) {
    return entry.follower == &follower;
  });
  if (found == followers_.end()) return;
  if (handing_out_) {
    found->follower = nullptr;
  } else {
    followers_.erase(found);
  }
}

void EventHub::close() noexcept {
  if (subscription_) feed_.unsubscribe(*subscription_);
  subscription_.reset();
}

void EventHub::on_event(const control::Event& event) {
  if (followers_.empty()) return;
  std::string frame;
  append_frame(frame, event);
  handing_out_ = true;
  for (std::size_t i = 0; i < followers_.size(); ++i) {
    // An event can be kept before it is handed out, and then came with the backlog already.
    if (followers_[i].follower == nullptr || event.id <= followers_[i].seen) continue;
    followers_[i].seen = event.id;
    followers_[i].follower->on_event_frames(frame);
  }
  handing_out_ = false;
  std::erase_if(followers_, [](const Follower& entry) { return entry.follower == nullptr; });
}

}  // namespace shunt::admin
