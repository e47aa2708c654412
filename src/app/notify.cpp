#include "src/app/notify.hpp"

#include <systemd/sd-daemon.h>

#include <utility>

namespace shunt::app {
namespace {

// A notification is lines of NAME=VALUE: a newline in the text would begin another.
std::string status_line(std::string_view text) {
  std::string line = "STATUS=";
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  return line;
}

// The environment stays as it is (first argument 0): more notifications follow.
void notify(const std::string& message) {
  ::sd_notify(0, message.c_str());
}

}  // namespace

bool LiveLine::set(const std::string& app, const std::string& pool) {
  return std::exchange(live_[app], pool) != pool;
}

std::string LiveLine::text() const {
  std::string text;
  std::size_t shown = 0;
  for (const auto& [app, pool] : live_) {
    const std::string part = app + ": " + pool + " is live; ";
    if (text.size() + part.size() > kBytesMax) break;
    text += part;
    ++shown;
  }
  if (shown < live_.size()) text += std::to_string(live_.size() - shown) + " more apps; ";
  return text;
}

Notifier::Notifier() {
  std::uint64_t allowed_us = 0;
  if (::sd_watchdog_enabled(0, &allowed_us) > 0) {
    watchdog_interval_ = allowed_us * base::kMicrosecond / 2;
  }
}

void Notifier::status(std::string_view text) {
  notify(status_line(text));
}

void Notifier::ready(std::string_view status_text) {
  notify("READY=1\n" + status_line(status_text));
}

void Notifier::stopping(std::string_view status_text) {
  notify("STOPPING=1\n" + status_line(status_text));
}

void Notifier::feed_watchdog(bool alive) {
  if (alive && watchdog_interval_ != base::kOff) notify("WATCHDOG=1");
}

}  // namespace shunt::app
