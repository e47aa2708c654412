// The one source of chance in a simulation: everything that happens follows from a seed.
#pragma once

#include <cstdint>

#include "shunt/traffic/balance.hpp"

namespace shunt::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept {
    // splitmix64: neighbouring seeds give unrelated runs, and no seed gives the forbidden state 0.
    std::uint64_t mixed = seed + 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    random_.state = (mixed ^ (mixed >> 31)) | 1;
  }

  // Uniform in [0, bound); bound > 0.
  std::uint32_t below(std::uint32_t bound) noexcept { return random_.below(bound); }
  // Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
    return low + random_.next() % (high - low + 1);
  }
  // One in `n` times.
  bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }
  // A part of a whole: 1 to `whole`, all of it in half of the cases. whole > 0.
  std::uint64_t part_of(std::uint64_t whole) noexcept {
    return one_in(2) ? whole : between(1, whole);
  }

 private:
  traffic::Random random_;
};

}  // namespace shunt::sim
