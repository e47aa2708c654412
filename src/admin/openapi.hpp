// docs/openapi.json, compiled in.
#pragma once

#include <string_view>

namespace shunt::admin {

[[nodiscard]] std::string_view openapi_document() noexcept;

}  // namespace shunt::admin
