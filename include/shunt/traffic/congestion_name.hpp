// The name of a congestion control algorithm, by value: tables carry it without an allocation.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "shunt/base/check.hpp"

namespace shunt::traffic {

class CongestionName {
 public:
  // TCP_CA_NAME_MAX less the 0 at its end (linux/include/net/tcp.h).
  static constexpr std::size_t kBytesMax = 15;

  constexpr CongestionName() = default;  // empty: the machine's default
  // At most kBytesMax bytes, none of them 0.
  explicit CongestionName(std::string_view name) {
    SHUNT_CHECK(name.size() <= kBytesMax);
    name.copy(bytes_.data(), name.size());
  }

  [[nodiscard]] constexpr bool empty() const noexcept { return bytes_[0] == 0; }
  // Ends with a 0; belongs to this object.
  [[nodiscard]] constexpr const char* c_str() const noexcept { return bytes_.data(); }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return bytes_.data(); }

  friend constexpr bool operator==(const CongestionName&, const CongestionName&) = default;

 private:
  std::array<char, kBytesMax + 1> bytes_{};
};

}  // namespace shunt::traffic
