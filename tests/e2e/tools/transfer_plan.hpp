// What one connection of the transfer test does. Both ends derive the plan from the seed and the
// connection's number, so each knows every byte that it must receive and how the stream must end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace shunt::transfer {

enum class Kind : std::uint8_t {
  kBothWays,       // both directions at once, each ends with a half-close
  kRequestAnswer,  // the client half-closes, then the node begins to answer
  kNodeEndsFirst,  // the node sends everything and half-closes, then the client begins
  kEarlyAnswer,    // the node answers and closes without reading the upload
  kClientReset,    // the client's bytes arrive, then its reset
  kNodeReset,      // the node's bytes arrive, then its reset
};
inline constexpr std::uint32_t kKinds = 6;
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

// xorshift64*; every stream and plan has a generator of its own.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) noexcept;
  std::uint64_t next() noexcept;
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }

 private:
  std::uint64_t state_;
};

struct Plan {
  Kind kind = Kind::kBothWays;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  std::uint32_t stalls = 0;  // pauses of each reader, a few milliseconds each
};

// Sizes are spread evenly over their logarithm, around `mean_bytes` each way.
[[nodiscard]] Plan plan_of(std::uint64_t seed, std::uint64_t connection, std::uint64_t mean_bytes);

// The bytes of one direction: any piece of it can be produced and compared.
class Stream {
 public:
  Stream(std::uint64_t seed, std::uint64_t connection, bool up) noexcept;
  void produce(std::span<std::byte> out) noexcept;
  // Continues where the last call ended; false at the first byte that differs.
  [[nodiscard]] bool matches(std::span<const std::byte> received) noexcept;

 private:
  std::byte next() noexcept;
  Generator generator_;
  std::uint64_t word_ = 0;
  unsigned left_ = 0;
};

}  // namespace shunt::transfer
