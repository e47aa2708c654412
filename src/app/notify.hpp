// What the daemon tells its supervisor (sd_notify(3)). Without one (NOTIFY_SOCKET unset) every call
// does nothing. Control thread only.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "shunt/base/clock.hpp"

namespace shunt::app {

// "web: green is live; shop: blue is live; " for the line that `systemctl status` shows: of as many
// apps as fit into kBytesMax, and how many more there are.
class LiveLine {
 public:
  static constexpr std::size_t kBytesMax = 200;
  // pool: what is live now. Returns whether that is news.
  bool set(const std::string& app, const std::string& pool);
  [[nodiscard]] std::string text() const;

 private:
  std::map<std::string, std::string> live_;
};

class Notifier {
 public:
  // Reads WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)) once.
  Notifier();

  // The line that `systemctl status` shows; control characters in it become spaces.
  void status(std::string_view text);
  // Start-up is over: every worker accepts.
  void ready(std::string_view status_text);
  void stopping(std::string_view status_text);

  // How often feed_watchdog is to be called: half of what the supervisor allows. kOff: no watchdog.
  [[nodiscard]] base::Duration watchdog_interval() const noexcept { return watchdog_interval_; }
  // Tells the supervisor that all is well, and only then: alive is Controller::alive(). Left unfed,
  // systemd ends the process with SIGABRT and starts it anew.
  void feed_watchdog(bool alive);

 private:
  base::Duration watchdog_interval_ = base::kOff;
};

}  // namespace shunt::app
