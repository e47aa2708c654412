// The form of an access log line. docs/access-log.md has the table of fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/control/config.hpp"
#include "shunt/proxy/records.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::observe {

class AccessLogLine {
 public:
  // The model's names are read, never copied: it outlives the object.
  AccessLogLine(const traffic::Model& model, control::LogFormat format);

  // Appends the line of one connection, with its newline.
  void append(std::string& out, const proxy::ConnectionEnd& end);

 private:
  struct Names {
    std::string_view app, service, pool, node;  // empty where it did not come to that
  };
  [[nodiscard]] Names names_of(const proxy::ConnectionEnd& end) const;
  void append_text(std::string& out, const proxy::ConnectionEnd& end, const Names& names);
  void append_json(std::string& out, const proxy::ConnectionEnd& end, const Names& names);
  [[nodiscard]] std::string_view time_text(std::int64_t wall_ms);

  const traffic::Model& model_;
  const control::LogFormat format_;
  std::vector<std::string_view> nodes_;  // names by slot
  // Connections end in bursts within a millisecond: the last time's text serves many lines.
  std::int64_t time_ms_ = -1;
  std::string time_text_;
};

// "127.0.0.1:40000", "[::1]:40000"; empty for an unknown family.
[[nodiscard]] std::string client_text(const proxy::ClientAddress& client);

}  // namespace shunt::observe
