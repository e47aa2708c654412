#include "src/observe/access_log_line.hpp"

#include <arpa/inet.h>

#include "shunt/base/units.hpp"
#include "shunt/proxy/close_cause.hpp"
#include "src/observe/text.hpp"

namespace shunt::observe {
namespace {

void append_value(std::string& out, std::string_view key, std::string_view value) {
  out += ' ';
  out += key;
  out += '=';
  if (value.empty()) {
    out += '-';
  } else {
    append_logfmt_value(out, value);
  }
}

void append_value(std::string& out, std::string_view key, std::uint64_t value) {
  out += ' ';
  out += key;
  out += '=';
  append_number(out, value);
}

void append_span(std::string& out, std::string_view key, base::Duration span) {
  out += ' ';
  out += key;
  out += '=';
  if (span == base::kOff) {
    out += '-';
  } else {
    append_seconds(out, span);
  }
}

void begin_member(std::string& out, std::string_view key) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += key;
  out += "\":";
}

void append_member(std::string& out, std::string_view key, std::string_view value) {
  begin_member(out, key);
  if (value.empty()) {
    out += "null";
  } else {
    append_json_string(out, value);
  }
}

void append_member(std::string& out, std::string_view key, std::uint64_t value) {
  begin_member(out, key);
  append_number(out, value);
}

void append_span_member(std::string& out, std::string_view key, base::Duration span) {
  begin_member(out, key);
  if (span == base::kOff) {
    out += "null";
  } else {
    append_seconds(out, span);
  }
}

}  // namespace

std::string client_text(const proxy::ClientAddress& client) {
  if (client.family != AF_INET && client.family != AF_INET6) return {};
  char host[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(client.family, client.bytes, host, sizeof(host));
  std::string text = client.family == AF_INET6 ? "[" + std::string(host) + "]" : host;
  text += ':';
  append_number(text, client.port);
  return text;
}

AccessLogLine::AccessLogLine(const traffic::Model& model, control::LogFormat format)
    : model_(model), format_(format), nodes_(model.slots) {
  for (const traffic::App& app : model.apps) {
    for (const traffic::Pool& pool : app.pools) {
      for (const traffic::Node& node : pool.nodes) nodes_[node.slot] = node.name;
    }
  }
}

AccessLogLine::Names AccessLogLine::names_of(const proxy::ConnectionEnd& end) const {
  const traffic::Service& service = model_.services[end.service];
  const traffic::App& app = model_.apps[service.app];
  Names names{.app = app.name, .service = service.name, .pool = {}, .node = {}};
  if (end.pool != traffic::kNoPool) names.pool = app.pools[end.pool].name;
  if (end.node != traffic::kNoSlot) names.node = nodes_[end.node];
  return names;
}

std::string_view AccessLogLine::time_text(std::int64_t wall_ms) {
  if (wall_ms != time_ms_) {
    time_text_ = base::format_wall_time(wall_ms);
    time_ms_ = wall_ms;
  }
  return time_text_;
}

void AccessLogLine::append(std::string& out, const proxy::ConnectionEnd& end) {
  const Names names = names_of(end);
  if (format_ == control::LogFormat::kJson) {
    append_json(out, end, names);
  } else {
    append_text(out, end, names);
  }
  out += '\n';
}

void AccessLogLine::append_text(std::string& out, const proxy::ConnectionEnd& end,
                                const Names& names) {
  const proxy::CloseCauseText& cause = proxy::text_of(end.cause);
  out += time_text(end.ended_wall_ms);
  append_value(out, "client", client_text(end.client));
  append_value(out, "app", names.app);
  append_value(out, "service", names.service);
  append_value(out, "pool", names.pool);
  append_value(out, "node", names.node);
  append_value(out, "epoch", end.epoch);
  append_value(out, "bytes_up", end.bytes_up);
  append_value(out, "bytes_down", end.bytes_down);
  append_span(out, "connected_s", end.connected);
  append_span(out, "connect_s", end.connect);
  append_span(out, "first_byte_s", end.first_byte);
  append_span(out, "total_s", end.total);
  append_value(out, "cause", cause.letters);
  append_value(out, "attempts", end.attempts);
  append_value(out, "repointed", end.repointed ? 1U : 0U);
  append_value(out, "id", end.id);
}

void AccessLogLine::append_json(std::string& out, const proxy::ConnectionEnd& end,
                                const Names& names) {
  const proxy::CloseCauseText& cause = proxy::text_of(end.cause);
  out += '{';
  append_member(out, "time", time_text(end.ended_wall_ms));
  append_member(out, "client", client_text(end.client));
  append_member(out, "app", names.app);
  append_member(out, "service", names.service);
  append_member(out, "pool", names.pool);
  append_member(out, "node", names.node);
  append_member(out, "epoch", end.epoch);
  append_member(out, "bytes_up", end.bytes_up);
  append_member(out, "bytes_down", end.bytes_down);
  append_span_member(out, "connected_s", end.connected);
  append_span_member(out, "connect_s", end.connect);
  append_span_member(out, "first_byte_s", end.first_byte);
  append_span_member(out, "total_s", end.total);
  append_member(out, "cause", cause.letters);
  append_member(out, "cause_name", cause.label);
  append_member(out, "attempts", end.attempts);
  begin_member(out, "repointed");
  out += end.repointed ? "true" : "false";
  // A string: ids have 64 bits, and many readers of JSON hold numbers as doubles (RFC 8259, 6).
  out += ",\"id\":\"";
  append_number(out, end.id);
  out += "\"}";
}

}  // namespace shunt::observe
