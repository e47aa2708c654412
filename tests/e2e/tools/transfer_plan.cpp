#include "tests/e2e/tools/transfer_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shunt::transfer {

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::kBothWays:
      return "both_ways";
    case Kind::kRequestAnswer:
      return "request_answer";
    case Kind::kNodeEndsFirst:
      return "node_ends_first";
    case Kind::kEarlyAnswer:
      return "early_answer";
    case Kind::kClientReset:
      return "client_reset";
    case Kind::kNodeReset:
      return "node_reset";
  }
  return "?";
}

Generator::Generator(std::uint64_t seed) noexcept : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {
  if (state_ == 0) state_ = 1;
  next();
}

std::uint64_t Generator::next() noexcept {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545F4914F6CDD1DULL;
}

Plan plan_of(std::uint64_t seed, std::uint64_t connection, std::uint64_t mean_bytes) {
  Generator generator(seed ^ (connection * 0xD1B54A32D192ED03ULL));
  // A log-uniform size between 1 and M has the mean M / ln M.
  const double top = std::max(2.0, static_cast<double>(mean_bytes) * 12);
  const auto size = [&]() -> std::uint64_t {
    if (generator.below(12) == 0) return 0;
    const double share = static_cast<double>(generator.below(1'000'000)) / 1e6;
    return static_cast<std::uint64_t>(std::exp(share * std::log(top)));
  };
  Plan plan;
  plan.kind = static_cast<Kind>(generator.below(kKinds));
  plan.up_bytes = size();
  plan.down_bytes = size();
  plan.stalls = generator.below(4) == 0 ? static_cast<std::uint32_t>(generator.below(4)) : 0;
  return plan;
}

Stream::Stream(std::uint64_t seed, std::uint64_t connection, bool up) noexcept
    : generator_(seed * 31 + connection * 2 + (up ? 1 : 0)) {}

std::byte Stream::next() noexcept {
  if (left_ == 0) {
    word_ = generator_.next();
    left_ = 8;
  }
  const auto byte = static_cast<std::byte>(word_ & 0xFF);
  word_ >>= 8;
  --left_;
  return byte;
}

void Stream::produce(std::span<std::byte> out) noexcept {
  std::size_t at = 0;
  while (at < out.size() && left_ != 0) out[at++] = next();
  while (out.size() - at >= 8) {
    const std::uint64_t word = generator_.next();
    std::memcpy(out.data() + at, &word, 8);
    at += 8;
  }
  while (at < out.size()) out[at++] = next();
}

bool Stream::matches(std::span<const std::byte> received) noexcept {
  std::byte expected[16 * 1024];
  while (!received.empty()) {
    const std::size_t size = std::min(received.size(), sizeof(expected));
    produce({expected, size});
    if (std::memcmp(expected, received.data(), size) != 0) return false;
    received = received.subspan(size);
  }
  return true;
}

}  // namespace shunt::transfer
