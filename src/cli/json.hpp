// Lenient reading of the daemon's JSON: a missing or mistyped field reads as nothing, never throws,
// so that the command line keeps working beside an older or newer daemon.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace shunt::cli {

namespace json = boost::json;

// Nothing where the text is not one JSON object.
[[nodiscard]] std::optional<json::object> parse_object(std::string_view text);

[[nodiscard]] const json::object& object_at(const json::object& object, std::string_view name);
[[nodiscard]] const json::array& array_at(const json::object& object, std::string_view name);
// Ready to print: passed through escaped().
[[nodiscard]] std::string text_at(const json::object& object, std::string_view name);
// As received, for comparing and for requests.
[[nodiscard]] std::string raw_at(const json::object& object, std::string_view name);
[[nodiscard]] std::uint64_t number_at(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<std::uint64_t> maybe_number_at(const json::object& object,
                                                           std::string_view name);
[[nodiscard]] bool flag_at(const json::object& object, std::string_view name);
[[nodiscard]] std::vector<std::string> texts_at(const json::object& object, std::string_view name);

}  // namespace shunt::cli
