// Split: which of the new connections go to the pool that takes a share. Pure, without state, and
// the same on every worker: each connection draws a ticket, and those below the share go. So a
// share is one share, however many workers there are, and one that grows keeps whom it has.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "shunt/base/network.hpp"
#include "shunt/traffic/ids.hpp"

namespace shunt::traffic {

// Tickets are 0 to kTickets - 1; shares count in the same millionths.
inline constexpr std::uint32_t kTickets = 1'000'000;

// As decided: what a table is built with.
struct SplitTerms {
  PoolId pool = kNoPool;               // that takes the share
  std::uint32_t share = 0;             // 0 to kTickets
  bool sticky = false;                 // a client keeps its side: the ticket is its address's
  std::uint64_t seed = 0;              // of sticky tickets; the same for every instance of the app
  std::vector<base::Network> sources;  // clients from these go whatever their ticket

  friend bool operator==(const SplitTerms&, const SplitTerms&) = default;
};

// The finalizer of SplitMix64: every bit of the input moves every bit of the output.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}
// Of 64 random bits.
[[nodiscard]] constexpr std::uint32_t ticket_of(std::uint64_t random) noexcept {
  return static_cast<std::uint32_t>(((random >> 32) * kTickets) >> 32);
}
// Of a client. An IPv6 client is its /64: the rest of an address changes by itself (RFC 8981).
[[nodiscard]] inline std::uint32_t sticky_ticket(const base::Address& client,
                                                 std::uint64_t seed) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, client.bytes, client.v6 ? 8 : 4);
  return ticket_of(mix(mix(bits ^ (client.v6 ? 0x5636ULL << 48 : 0)) ^ seed));
}
// Stable from build to build and machine to machine (FNV-1a).
[[nodiscard]] constexpr std::uint64_t seed_of(std::string_view app) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : app) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

[[nodiscard]] inline bool takes_by_chance(const SplitTerms& terms,
                                          std::uint64_t connection) noexcept {
  return ticket_of(mix(connection)) < terms.share;
}
// connection: unique in the process.
[[nodiscard]] inline bool takes(const SplitTerms& terms, std::uint64_t connection,
                                const base::Address& client) noexcept {
  const std::uint32_t ticket =
      terms.sticky ? sticky_ticket(client, terms.seed) : ticket_of(mix(connection));
  if (ticket < terms.share) return true;
  for (const base::Network& network : terms.sources) {
    if (network.contains(client)) return true;
  }
  return false;
}

}  // namespace shunt::traffic
