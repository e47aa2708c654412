// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): the pure
// parser.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cli {

struct StreamedEvent {
  std::string id;    // last id seen so far, also where this event carries none
  std::string type;  // empty: "message"
  std::string data;
};

class EventStreamParser {
 public:
  // Takes the stream in pieces of any size; returns the events that are complete now. Events
  // without data are not dispatched. What is not an event (comments that keep the stream alive) is
  // skipped. A single event larger than a mebibyte is dropped: it is none of our daemon's.
  [[nodiscard]] std::vector<StreamedEvent> feed(std::string_view piece);

  [[nodiscard]] const std::string& last_id() const noexcept { return last_id_; }
  // Forgets a half-received event; the last id stays. To be called on a new connection.
  void restart();

 private:
  void take_line(std::string_view line, std::vector<StreamedEvent>& events);

  std::string rest_;  // the line that is not complete yet
  std::string type_;
  std::string data_;
  std::string
      pending_id_;  // counts when its event is complete, so that a cut one is asked for again
  std::string last_id_;
  bool has_data_ = false;
};

}  // namespace shunt::cli
