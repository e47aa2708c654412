#include "src/cli/json.hpp"

#include "src/cli/text.hpp"

namespace shunt::cli {

std::optional<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object empty;
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_object() ? value->get_object() : empty;
}

const json::array& array_at(const json::object& object, std::string_view name) {
  static const json::array empty;
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_array() ? value->get_array() : empty;
}

std::string raw_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::string text_at(const json::object& object, std::string_view name) {
  return escaped(raw_at(object, name));
}

std::optional<std::uint64_t> maybe_number_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr) return std::nullopt;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() >= 0) {
    return static_cast<std::uint64_t>(value->get_int64());
  }
  return std::nullopt;
}

std::uint64_t number_at(const json::object& object, std::string_view name) {
  return maybe_number_at(object, name).value_or(0);
}

bool flag_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::vector<std::string> texts_at(const json::object& object, std::string_view name) {
  std::vector<std::string> result;
  for (const json::value& value : array_at(object, name)) {
    if (value.is_string()) {
      result.push_back(escaped({value.get_string().data(), value.get_string().size()}));
    }
  }
  return result;
}

}  // namespace shunt::cli
