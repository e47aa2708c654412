#include "src/control/config_address.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "src/control/config_address_fault.hpp"

namespace shunt::control {
namespace {

// A list longer than this is a mistake; each entry costs a listener a worker, or a port range.
constexpr std::size_t kAddressesPerListMax = 64;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_word(std::string_view text, std::string_view also) {
  if (text.empty() || text.size() > 63 || !is_alphanumeric(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return is_alphanumeric(c) || also.find(c) != std::string_view::npos;
  });
}

std::string expectation(AddressUse use) {
  switch (use) {
    case AddressUse::kNode:
      return "an address such as 10.0.0.1:8080, [::1]:8080 or unix:/path";
    case AddressUse::kListen:
      return "a port, ADDRESS:PORT, or a list of them";
    case AddressUse::kSource:
      return "an IP address, a list of them, or auto";
    case AddressUse::kAdmin:
      return "a loopback address and port such as 127.0.0.1:9900, or off";
  }
  return {};
}

}  // namespace

bool is_name(std::string_view text) {
  return is_word(text, "._-");
}
bool is_node_name(std::string_view text) {
  return is_word(text, "._:/[]-");
}

std::optional<base::Endpoint> read_address(Report& report, const TreeNode& at,
                                           const std::string& place, AddressUse use) {
  const auto refuse = [&](const std::string& message, std::string hint) {
    report.add(at, place + ": " + message, std::move(hint));
    return std::nullopt;
  };
  if (at.kind != TreeNode::Kind::kScalar || at.text.empty()) {
    return refuse("expected " + expectation(use) + ", got " + describe(at), "");
  }
  // Quoted YAML text may hold anything, a NUL byte too, where the C interfaces would stop reading.
  const bool odd = at.text.size() > 200 || std::any_of(at.text.begin(), at.text.end(), [](char c) {
                     return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
                   });
  if (odd)
    return refuse(control::quoted(at.text) + " is not an address", "expected " + expectation(use));
  base::Result<base::Endpoint> parsed = base::Endpoint::parse(at.text);
  auto fault = parsed ? fault_of(at.text, *parsed, use) : fault_of(at.text, parsed.error(), use);
  if (fault) return refuse(control::quoted(at.text) + fault->message, std::move(fault->hint));
  return *parsed;
}

std::optional<std::uint16_t> read_port(Report& report, const TreeNode& at,
                                       const std::string& place) {
  std::uint16_t port = 0;
  const char* const last = at.text.data() + at.text.size();
  const auto [end, error] = std::from_chars(at.text.data(), last, port);
  const bool number = at.kind == TreeNode::Kind::kScalar && error == std::errc{} && end == last;
  const bool zero_first = number && at.text.starts_with('0');
  if (number && port != 0 && !zero_first) return port;
  report.add(
      at, place + ": " + describe(at) + " is not a port from 1 to 65535",
      zero_first && port != 0 ? "write " + std::to_string(port) + ", without a leading zero" : "");
  return std::nullopt;
}

std::vector<base::Endpoint> read_listen(Report& report, const TreeNode& value,
                                        const std::string& place, std::vector<PlacedAddress>& all) {
  std::vector<base::Endpoint> addresses;
  const auto add = [&](const TreeNode& at, const base::Endpoint& address) {
    addresses.push_back(address);
    all.push_back({address, &at, place});
  };
  const auto read_one = [&](const TreeNode& at, const std::string& where) {
    if (at.kind == TreeNode::Kind::kScalar && all_digits(at.text)) {
      const auto port = read_port(report, at, where);
      if (!port) return;
      // Both families. Where the machine has no IPv6, whoever opens the listeners leaves out [::]
      // (found by asking for a socket): the file says what is wanted, not what this machine has.
      for (const char* wildcard : {"0.0.0.0", "::"}) {
        add(at, base::Endpoint::parse(wildcard)->with_port(*port));
      }
    } else if (const auto address = read_address(report, at, where, AddressUse::kListen)) {
      add(at, *address);
    }
  };
  if (value.kind != TreeNode::Kind::kSequence) {
    read_one(value, place);
    return addresses;
  }
  if (value.items.empty() || value.items.size() > kAddressesPerListMax) {
    report.add(value, place + ": expected 1 to " + std::to_string(kAddressesPerListMax) +
                          " addresses, got " + std::to_string(value.items.size()));
    return addresses;
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    read_one(value.items[i], place + "[" + std::to_string(i) + "]");
  }
  return addresses;
}

std::vector<base::Endpoint> read_sources(Report& report, const TreeNode& value,
                                         const std::string& place,
                                         std::vector<PlacedEndpoint>& placed) {
  std::vector<base::Endpoint> sources;
  const auto add = [&](const TreeNode& at, const std::string& key, const base::Endpoint& address) {
    sources.push_back(address);
    placed.push_back({key, at.line, at.column, address});
  };
  if (value.kind == TreeNode::Kind::kScalar && value.text == "auto") return sources;
  if (value.kind != TreeNode::Kind::kSequence) {
    if (const auto address = read_address(report, value, place, AddressUse::kSource)) {
      add(value, place, *address);
    }
    return sources;
  }
  if (value.items.empty() || value.items.size() > kAddressesPerListMax) {
    report.add(value,
               place + ": expected 1 to " + std::to_string(kAddressesPerListMax) +
                   " addresses, got " + std::to_string(value.items.size()),
               "write auto to let the kernel choose");
    return sources;
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const std::string where = place + "[" + std::to_string(i) + "]";
    const auto address = read_address(report, value.items[i], where, AddressUse::kSource);
    if (!address) continue;
    if (std::find(sources.begin(), sources.end(), *address) != sources.end()) {
      report.add(value.items[i], where + ": " + address->host() + " is there twice");
      continue;
    }
    add(value.items[i], where, *address);
  }
  return sources;
}

void report_overlaps(Report& report, const std::vector<PlacedAddress>& listeners) {
  // By family and port: which hosts are taken, in the order of the file.
  std::map<std::pair<int, std::uint16_t>, std::map<std::string, const PlacedAddress*>> taken;
  for (const PlacedAddress& listener : listeners) {
    auto& hosts = taken[{listener.address.family(), listener.address.port()}];
    const std::string host = listener.address.host();
    const std::string wildcard = listener.address.family() == AF_INET ? "0.0.0.0" : "::";
    const PlacedAddress* other = nullptr;
    if (const auto same = hosts.find(host); same != hosts.end()) {
      other = same->second;
    } else if (const auto every = hosts.find(wildcard); every != hosts.end()) {
      other = every->second;
    } else if (host == wildcard && !hosts.empty()) {
      other = hosts.begin()->second;
    }
    hosts.emplace(host, &listener);
    if (other == nullptr || other->at == listener.at) continue;
    const bool same = other->address == listener.address;
    report.add(*listener.at,
               listener.place + ": " + listener.address.to_string() +
                   (same ? " is already listened on by "
                         : " overlaps with " + other->address.to_string() + " of ") +
                   other->place + " in line " + std::to_string(other->at->line),
               same ? "every listener needs an address of its own"
                    : "the wildcard takes every address of its family");
  }
}

// As loops are looked for: one spelling for a path.
std::string loop_key(const base::Endpoint& address) {
  std::string text = address.to_string();
  if (!address.is_unix()) return text;
  const std::size_t path = text.find(':') + 1;
  return text.substr(0, path) +
         std::filesystem::path(text.substr(path)).lexically_normal().string();
}

void report_loops(Report& report, const std::vector<PlacedAddress>& listeners,
                  const std::vector<PlacedAddress>& nodes) {
  std::map<std::string, const PlacedAddress*> by_address;
  for (const PlacedAddress& listener : listeners) {
    by_address.emplace(loop_key(listener.address), &listener);
  }
  for (const PlacedAddress& node : nodes) {
    auto found = by_address.find(loop_key(node.address));
    if (node.address.is_unix()) {
      if (found != by_address.end()) {
        report.add(*node.at,
                   node.place + ": " + node.address.to_string() + " is shunt's own admin socket",
                   "whoever reaches the app could command shunt");
      }
      continue;
    }
    if (found == by_address.end() && node.address.is_loopback()) {
      const char* const wildcard = node.address.family() == AF_INET ? "0.0.0.0" : "::";
      found = by_address.find(
          base::Endpoint::parse(wildcard)->with_port(node.address.port()).to_string());
    }
    if (found == by_address.end()) continue;
    report.add(*node.at,
               node.place + ": " + node.address.to_string() +
                   " is shunt itself, which listens on " + found->second->address.to_string() +
                   " in line " + std::to_string(found->second->at->line),
               "connections would go round for ever");
  }
}

}  // namespace shunt::control
