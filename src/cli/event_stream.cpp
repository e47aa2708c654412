#include "src/cli/event_stream.hpp"

namespace shunt::cli {
namespace {

constexpr std::size_t kEventBytesMax = 1024 * 1024;

}  // namespace

std::vector<StreamedEvent> EventStreamParser::feed(std::string_view piece) {
  std::vector<StreamedEvent> events;
  rest_ += piece;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = rest_.find('\n', begin);
    if (end == std::string::npos) break;
    std::string_view line(rest_.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    take_line(line, events);
    begin = end + 1;
  }
  rest_.erase(0, begin);
  if (rest_.size() + data_.size() > kEventBytesMax) restart();
  return events;
}

void EventStreamParser::take_line(std::string_view line, std::vector<StreamedEvent>& events) {
  if (line.empty()) {
    last_id_ = pending_id_;
    if (has_data_) events.push_back({.id = last_id_, .type = type_, .data = data_});
    type_.clear();
    data_.clear();
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    type_ = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    pending_id_ = value;
  }
}

void EventStreamParser::restart() {
  rest_.clear();
  type_.clear();
  data_.clear();
  has_data_ = false;
  pending_id_ = last_id_;
}

}  // namespace shunt::cli
