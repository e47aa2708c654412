#pragma once

#include "shunt/traffic/model.hpp"
#include "shunt/uring/kernel.hpp"

namespace shunt::proxy {

// Whole seconds, as the kernel takes them; a part of a second counts as one.
[[nodiscard]] inline uring::KeepaliveOptions keepalive_options(
    const traffic::Keepalive& keepalive) noexcept {
  const auto seconds = [](base::Duration span) {
    return static_cast<std::uint32_t>((span + base::kSecond - 1) / base::kSecond);
  };
  return {seconds(keepalive.idle), seconds(keepalive.interval), keepalive.count};
}

}  // namespace shunt::proxy
