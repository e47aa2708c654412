// EventHub hands events to those who follow them: server-sent events (HTML Living Standard, section
// 9.2), each formatted once for all. Control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/admin/admin_server.hpp"

namespace shunt::admin {

class EventFollower {
 public:
  virtual ~EventFollower() = default;
  // One or more whole frames. May leave the hub.
  virtual void on_event_frames(std::string_view frames) = 0;
};

class EventHub {
 public:
  // The most followers on the Unix socket and over TCP, each with places of their own.
  EventHub(EventFeed& feed, std::uint32_t unix_max, std::uint32_t tcp_max)
      : feed_(feed), unix_max_(unix_max), tcp_max_(tcp_max) {}
  ~EventHub() { close(); }
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  [[nodiscard]] bool full(bool over_tcp) const noexcept;
  // From now on `follower` gets every event. Returns the frames of those after `last_seen` that are
  // kept; nothing where it is empty. Ids rise across restarts (EventLog::first_id_now); a
  // last_seen that lies in the future all the same is from before the clock was set back, and gives
  // all: rather twice than never.
  [[nodiscard]] std::string join(EventFollower& follower, bool over_tcp,
                                 std::optional<std::uint64_t> last_seen);
  void leave(EventFollower& follower) noexcept;
  // Lets go of the feed; followers get nothing more.
  void close() noexcept;

 private:
  struct Follower {
    EventFollower* follower;  // null: left while events were handed out
    bool over_tcp;
    std::uint64_t seen;  // events up to this id have been given
  };
  void on_event(const control::Event& event);

  EventFeed& feed_;
  const std::uint32_t unix_max_;
  const std::uint32_t tcp_max_;
  std::vector<Follower> followers_;
  std::optional<int> subscription_;  // while there are followers
  bool handing_out_ = false;
};

}  // namespace shunt::admin
