#include "src/admin/request_fields.hpp"

#include <algorithm>
#include <charconv>

#include "shunt/base/limits.hpp"
#include "src/admin/text.hpp"

namespace shunt::admin {
namespace {

std::string no_name() {
  return "must not hold control characters or be longer than " +
         std::to_string(base::kNameBytesMax) + " bytes";
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  return text;
}

bool has_param(const Route& route, std::string_view name) {
  std::string_view rest = route.params;
  while (!rest.empty()) {
    const std::string_view param = rest.substr(0, rest.find(' '));
    if (param == name) return true;
    rest.remove_prefix(std::min(rest.size(), param.size() + 1));
  }
  return false;
}

}  // namespace

Faults check_query(const Query& query, const Route& route) {
  Faults faults;
  for (auto param = query.begin(); param != query.end(); ++param) {
    const auto same_name = [&](const auto& other) { return other.first == param->first; };
    if (!has_param(route, param->first)) {
      const std::string known = route.params.empty() ? "none" : std::string(route.params);
      faults.push_back(
          {excerpt(param->first, 64), "unknown query parameter; known here: " + known});
    } else if (std::any_of(query.begin(), param, same_name)) {
      faults.push_back({param->first, "given twice"});
    } else if (has_control_characters(param->second) ||
               param->second.size() > base::kNameBytesMax) {
      faults.push_back({param->first, no_name()});
    }
    if (faults.size() == 16) break;  // more help nobody
  }
  return faults;
}

void check_app(std::string_view app, Faults& faults) {
  if (has_control_characters(app) || app.size() > base::kNameBytesMax) {
    faults.push_back({"app", no_name()});
  }
}

std::string text_param(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::uint64_t> number_param(const Query& query, std::string_view name,
                                          std::uint64_t most, Faults& faults) {
  for (const auto& [key, value] : query) {
    if (key != name) continue;
    const std::optional<std::uint64_t> number = whole_number(value);
    if (number && *number <= most) return number;
    faults.push_back({key, "expected a whole number from 0 to " + std::to_string(most) +
                               ", got \"" + excerpt(value, 64) + "\""});
  }
  return std::nullopt;
}

std::string read_key(std::string_view header, Faults& faults) {
  const std::string_view key = without_quotes(header);
  const bool visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7F' && c != '"'; });
  if (key.empty() || key.size() > base::kKeyBytesMax || !visible) {
    faults.push_back({"Idempotency-Key", "expected 1 to " + std::to_string(base::kKeyBytesMax) +
                                             " visible ASCII characters without blanks or quotes"});
    return {};
  }
  return std::string(key);
}

traffic::Epoch read_epoch(std::string_view header, Faults& faults) {
  if (const auto epoch = whole_number(without_quotes(header))) return *epoch;
  faults.push_back(
      {"If-Match", "expected an epoch in quotes, like \"41\", got " + excerpt(header, 64)});
  return 0;
}

std::optional<std::uint64_t> read_event_id(std::string_view header) {
  return whole_number(header);
}

}  // namespace shunt::admin
