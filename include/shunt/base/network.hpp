// Network: an address range, "10.0.0.0/8" or "2001:db8::/32" (RFC 4632, RFC 4291 section 2.3), by
// value. One address alone is a network of its whole length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/base/result.hpp"

namespace shunt::base {

// A client's address alone. An IPv4-mapped one (::ffff:10.0.0.1, as a listener for both families
// sees IPv4 clients) stands as the IPv4 address that it is.
struct Address {
  bool v6 = false;
  std::uint8_t bytes[16] = {};  // network order; IPv4: the first four

  friend bool operator==(const Address&, const Address&) = default;
};

class Network {
 public:
  // An address with bits beyond the prefix is an error of kInvalid, which names the network that
  // was most likely meant: who writes 10.0.0.7/8 may mean either.
  [[nodiscard]] static Result<Network> parse(std::string_view text);

  [[nodiscard]] bool contains(const Address& address) const noexcept;
  // "10.0.0.0/8"; one address without its length.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Network&, const Network&) = default;

 private:
  Address address_;
  std::uint8_t bits_ = 0;
};

// bytes: 4 or 16 in network order.
[[nodiscard]] Address address_from(bool v6, const std::uint8_t* bytes) noexcept;

}  // namespace shunt::base
