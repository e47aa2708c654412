// What is wrong with an address for its use, in words: the value is named by whoever reports it.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/result.hpp"
#include "src/control/config_address.hpp"

namespace shunt::control {

struct AddressFault {
  std::string message;  // goes on after the quoted value: " has no port"
  std::string hint;     // the way out
};

// A number without sign, at least one digit.
[[nodiscard]] bool all_digits(std::string_view text);

// Of an address that can be read; nothing where it is fine.
[[nodiscard]] std::optional<AddressFault> fault_of(std::string_view text,
                                                   const base::Endpoint& address, AddressUse use);
// Of text that is no address: Endpoint::parse() gave this error.
[[nodiscard]] std::optional<AddressFault> fault_of(std::string_view text, const base::Error& error,
                                                   AddressUse use);

}  // namespace shunt::control
