// Reads the parts of a request that are neither body nor path: query parameters and the headers
// that a command knows. What is wrong is added to `faults`. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shunt/control/command.hpp"
#include "shunt/traffic/ids.hpp"
#include "src/admin/routes.hpp"

namespace shunt::admin {

using Query = std::vector<std::pair<std::string, std::string>>;
using Faults = std::vector<control::Reason>;

// Parameters that the route does not have, or that are given twice.
[[nodiscard]] Faults check_query(const Query& query, const Route& route);
// An app's name, which reaches logs and messages.
void check_app(std::string_view app, Faults& faults);

// The parameter's value, or empty.
[[nodiscard]] std::string text_param(const Query& query, std::string_view name);
// A whole number up to `most`; empty where the parameter is not given.
[[nodiscard]] std::optional<std::uint64_t> number_param(const Query& query, std::string_view name,
                                                        std::uint64_t most, Faults& faults);

// Idempotency-Key: 1 to 128 visible ASCII characters, with or without the quotes of a structured
// field.
[[nodiscard]] std::string read_key(std::string_view header, Faults& faults);
// If-Match: an epoch, "41", with or without the quotes of an entity tag.
[[nodiscard]] traffic::Epoch read_epoch(std::string_view header, Faults& faults);
// Last-Event-ID: the id of an event; empty where it is none.
[[nodiscard]] std::optional<std::uint64_t> read_event_id(std::string_view header);

}  // namespace shunt::admin
