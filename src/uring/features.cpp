#include "shunt/uring/features.hpp"

#include <cstdlib>

namespace shunt::uring {

std::string Features::names() const {
  std::string out;
#define SHUNT_ROW(field, name) \
  if (field) out += (out.empty() ? "" : " ") + std::string(name);
  SHUNT_URING_FEATURES(SHUNT_ROW)
#undef SHUNT_ROW
  return out;
}

Features common_features(const Features& one, const Features& other) noexcept {
  Features both;
#define SHUNT_ROW(field, name) both.field = one.field && other.field;
  SHUNT_URING_FEATURES(SHUNT_ROW)
#undef SHUNT_ROW
  return both;
}

base::Result<Features> parse_disabled(std::string_view list) {
  Features features;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.empty()) continue;
    bool known = false;
#define SHUNT_ROW(field, name)          \
  if (item == std::string_view(name)) { \
    features.field = false;             \
    known = true;                       \
  }
    SHUNT_URING_FEATURES(SHUNT_ROW)
#undef SHUNT_ROW
    if (!known) {
      return base::fail(base::ErrorCode::kInvalid,
                        "SHUNT_URING_DISABLE: unknown feature \"" + std::string(item) + "\"",
                        "known: " + Features{}.names());
    }
  }
  return features;
}

base::Result<Features> wanted_features() {
  const char* list = std::getenv("SHUNT_URING_DISABLE");
  return parse_disabled(list == nullptr ? "" : list);
}

}  // namespace shunt::uring
