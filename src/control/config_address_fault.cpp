#include "src/control/config_address_fault.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shunt::control {

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

namespace {

// "-1", "80.5", "0x50": whoever wrote it meant a number.
bool number_like(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' &&
         text.find_first_of(":[]/%") == std::string_view::npos &&
         std::count(text.begin(), text.end(), '.') < 2;
}

// Host and port of "HOST:PORT" and "[HOST]:PORT".
struct Parts {
  std::string host;  // with its brackets
  std::string port;
};
std::optional<Parts> split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  return Parts{std::string(host), std::string(text.substr(colon + 1))};
}

bool is_wildcard(const base::Endpoint& address) {
  return address.host() == "0.0.0.0" || address.host() == "::";
}

bool is_multicast_or_broadcast(const base::Endpoint& address) {
  const std::string host = address.host();
  if (address.family() == AF_INET6) return host.starts_with("ff");
  if (address.family() != AF_INET) return false;
  unsigned first = 0;
  std::from_chars(host.data(), host.data() + host.size(), first);
  return (first >= 224 && first <= 239) || host == "255.255.255.255";
}

// "::1:80": an address of its own by the rules of IPv6, and nearly always a port without brackets.
std::optional<AddressFault> without_brackets(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[') || colon == std::string_view::npos) return std::nullopt;
  const std::string head(text.substr(0, colon));
  const std::string_view tail = text.substr(colon + 1);
  const auto address = base::Endpoint::parse(head);
  if (!all_digits(tail) || !address || address->family() != AF_INET6) return std::nullopt;
  return AddressFault{" may be an IPv6 address with a port or without one",
                      "with brackets it is clear: write [" + head + "]:" + std::string(tail) +
                          " for the port " + std::string(tail) + ", or [" + std::string(text) +
                          "] for the address alone"};
}

std::string example(AddressUse use, const std::string& port) {
  switch (use) {
    case AddressUse::kNode:
      return "10.0.0.1:" + port + ", [::1]:" + port + " or unix:/path";
    case AddressUse::kListen:
      return "8080, 10.0.0.1:" + port + " or [::1]:" + port;
    case AddressUse::kSource:
      return "an address of this machine such as 10.0.0.1, or auto";
    case AddressUse::kAdmin:
      return "127.0.0.1:" + port + ", [::1]:" + port + " or off";
  }
  return {};
}

AddressFault fault_of_number(std::string_view text, AddressUse use) {
  const std::string number(text);
  switch (use) {
    case AddressUse::kListen:
      return {" is not a port from 1 to 65535", "write 8080, or an address too: 127.0.0.1:8080"};
    case AddressUse::kAdmin:
      return {" is not an address and a port", "write 127.0.0.1:9900, or off"};
    case AddressUse::kNode:
      return {" is not an IP address, with or without a port",
              "for a node on this machine write 127.0.0.1:8081"};
    case AddressUse::kSource:
      break;
  }
  return {" is not an IP address", "write " + example(use, {})};
}

}  // namespace

std::optional<AddressFault> fault_of(std::string_view text, const base::Endpoint& address,
                                     AddressUse use) {
  const bool listens = use == AddressUse::kListen || use == AddressUse::kAdmin;
  if (address.is_unix()) {
    if (use == AddressUse::kAdmin) return AddressFault{" is a Unix socket", "that is admin.socket"};
    if (use != AddressUse::kNode) {
      return AddressFault{" is a Unix socket, which is only supported for nodes",
                          "write an IP address"};
    }
    if (text[5] != '/') return AddressFault{" is not an absolute path", "write unix:/path"};
    return std::nullopt;
  }
  const auto parts = split(text);
  if (parts && address.port() == 0) {  // an Endpoint does not tell port 0 from none
    return AddressFault{": port 0 is not a port", "write a port from 1 to 65535"};
  }
  if (parts && parts->port.starts_with('0')) {
    return AddressFault{": the port '" + parts->port + "' has a leading zero",
                        "write " + address.to_string()};
  }
  if (use != AddressUse::kSource) {
    if (auto fault = without_brackets(text)) return fault;
  }
  if (address.host().starts_with("::ffff:") && address.host().find('.') != std::string::npos) {
    return AddressFault{" is an IPv4 address written as IPv6",
                        "write it as " + address.host().substr(7)};
  }
  if (is_multicast_or_broadcast(address)) {
    return AddressFault{" is not an address of one host", "write that of one machine"};
  }
  if (listens && address.port() == 0) {
    return AddressFault{" has no port", "write ADDRESS:PORT"};
  }
  if (!listens && is_wildcard(address)) {
    return AddressFault{" stands for every address of this machine",
                        use == AddressUse::kNode ? "for a node on this machine write 127.0.0.1"
                                                 : "write auto to let the kernel choose"};
  }
  if (use == AddressUse::kSource && address.port() != 0) {
    return AddressFault{" has a port", "write the address alone: the kernel chooses the ports"};
  }
  if (use == AddressUse::kAdmin && !address.is_loopback()) {
    return AddressFault{
        " is not a loopback address; elsewhere admin HTTP needs TLS and tokens, which this version "
        "does not have",
        "write 127.0.0.1:" + std::to_string(address.port()) + " or use admin.socket"};
  }
  return std::nullopt;
}

std::optional<AddressFault> fault_of(std::string_view text, const base::Error& error,
                                     AddressUse use) {
  if (text.starts_with("unix:")) {
    // The parser's words, which begin with the value as well.
    const std::size_t rest = error.message.find("' ");
    return AddressFault{rest == std::string::npos ? " is no path" : error.message.substr(rest + 1),
                        error.hint.empty() ? "write unix:/path" : error.hint};
  }
  if (number_like(text)) return fault_of_number(text, use);
  const auto parts = split(text);
  const std::string port = parts && all_digits(parts->port) ? parts->port : "8080";
  if (parts) {
    if (const auto host = base::Endpoint::parse(parts->host); host && !host->is_unix()) {
      return AddressFault{": the port '" + parts->port + "' is not a number from 1 to 65535",
                          "write " + parts->host + ":8080"};
    }
    if (parts->host == "localhost") {
      return AddressFault{
          " is not an IP address, with or without a port",
          "host names are not resolved: write 127.0.0.1:" + port + " or [::1]:" + port};
    }
  }
  if (text.find('%') != std::string_view::npos) {
    return AddressFault{" has a zone (%), which is not supported",
                        "write an address that needs none"};
  }
  return AddressFault{" is not an IP address, with or without a port",
                      "write " + example(use, port) + "; host names are not resolved"};
}

}  // namespace shunt::control
