#include "shunt/base/network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace shunt::base {
namespace {

constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// Without a prefix length. An IPv4-mapped one stays IPv6: its length counts from there.
std::optional<Address> parse_address(const std::string& text) {
  Address address;
  if (::inet_pton(AF_INET, text.c_str(), address.bytes) == 1) return address;
  address.v6 = true;
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes) == 1) return address;
  return std::nullopt;
}

void clear_beyond(Address& address, std::uint32_t bits) {
  for (std::uint32_t byte = 0; byte < sizeof(address.bytes); ++byte) {
    const std::uint32_t begin = byte * 8;
    if (bits >= begin + 8) continue;
    const std::uint32_t kept = bits > begin ? bits - begin : 0;
    address.bytes[byte] &= static_cast<std::uint8_t>(0xFF00U >> kept);
  }
}

std::string words(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes, text, sizeof(text));
  return text;
}

}  // namespace

Address address_from(bool v6, const std::uint8_t* bytes) noexcept {
  Address address;
  if (v6 && std::memcmp(bytes, kMapped, sizeof(kMapped)) == 0) {
    std::memcpy(address.bytes, bytes + sizeof(kMapped), 4);
    return address;
  }
  address.v6 = v6;
  std::memcpy(address.bytes, bytes, v6 ? 16 : 4);
  return address;
}

Result<Network> Network::parse(std::string_view text) {
  const auto wrong = [&text](std::string hint) {
    return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' is not a network",
                std::move(hint));
  };
  constexpr const char* kExample = "write an address and a length: 10.0.0.0/8, 2001:db8::/32";
  const std::size_t slash = text.find('/');
  const auto address = parse_address(std::string(text.substr(0, slash)));
  if (!address) return wrong(kExample);
  const std::uint32_t most = address->v6 ? 128 : 32;
  std::uint32_t bits = most;
  if (slash != std::string_view::npos) {
    const std::string digits(text.substr(slash + 1));
    const char* const end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, bits);
    if (read.ec != std::errc() || read.ptr != end || bits > most) {
      return wrong("its length is 0 to " + std::to_string(most));
    }
  }
  Network network;
  network.address_ = *address;
  network.bits_ = static_cast<std::uint8_t>(bits);
  // Its clients stand as IPv4, so it does as well.
  if (address->v6 && bits >= 96 && std::memcmp(address->bytes, kMapped, sizeof(kMapped)) == 0) {
    return wrong("it is IPv4-mapped: write it as IPv4");
  }
  clear_beyond(network.address_, bits);
  if (network.address_ != *address) {
    return wrong("it has bits beyond its length; the network is " + network.to_string() +
                 ", the address alone " + words(*address));
  }
  return network;
}

bool Network::contains(const Address& address) const noexcept {
  if (address.v6 != address_.v6) return false;
  const std::uint32_t whole = bits_ / 8;
  if (std::memcmp(address.bytes, address_.bytes, whole) != 0) return false;
  const std::uint32_t rest = bits_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF00U >> rest);
  return (address.bytes[whole] & mask) == address_.bytes[whole];
}

std::string Network::to_string() const {
  const bool one = bits_ == (address_.v6 ? 128 : 32);
  return words(address_) + (one ? "" : "/" + std::to_string(bits_));
}

}  // namespace shunt::base
