// Memory of connections: as much as were ever open at once, and used again.
#include <gtest/gtest.h>

#include <cstdint>
#include <set>

#include "src/proxy/relay_slab.hpp"

namespace shunt::proxy {
namespace {

constexpr std::uint32_t kConnections = 18'000;

std::set<std::uint32_t> acquire_all(RelaySlab& relays) {
  std::set<std::uint32_t> slots;
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    const std::uint32_t slot = relays.acquire();
    relays.at(slot).state = RelayState::kEstablished;
    slots.insert(slot);
  }
  return slots;
}

TEST(RelaySlab, TouchesAsManyPlacesAsThereWereConnectionsAtOnce) {
  RelaySlab relays(base::kConnectionsMax);
  ASSERT_TRUE(relays.ok());
  for (int round = 0; round < 3; ++round) {
    const std::set<std::uint32_t> slots = acquire_all(relays);
    EXPECT_EQ(slots.size(), kConnections) << "a place was given twice";
    EXPECT_EQ(*slots.rbegin(), kConnections - 1) << "round " << round;
    EXPECT_EQ(relays.high(), kConnections);
    EXPECT_EQ(relays.used(), kConnections);
    for (const std::uint32_t slot : slots) relays.release(slot);
    EXPECT_EQ(relays.used(), 0U);
  }
}

TEST(RelaySlab, APlaceThatIsUsedAgainHasAnotherGeneration) {
  RelaySlab relays(4);
  const std::uint32_t slot = relays.acquire();
  const std::uint32_t generation = relays.at(slot).generation;
  relays.at(slot).state = RelayState::kEstablished;
  relays.release(slot);
  EXPECT_EQ(relays.find(slot, generation), nullptr);
  ASSERT_EQ(relays.acquire(), slot);
  EXPECT_EQ(relays.find(slot, generation), nullptr);
}

}  // namespace
}  // namespace shunt::proxy
