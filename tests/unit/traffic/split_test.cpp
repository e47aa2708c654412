#include "shunt/traffic/split.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/traffic/fixture.hpp"

namespace shunt::traffic {
namespace {

base::Address v4(std::uint32_t number) {
  base::Address address;
  std::memcpy(address.bytes, &number, sizeof(number));
  return address;
}
base::Address v6(std::uint64_t network, std::uint64_t host) {
  base::Address address;
  address.v6 = true;
  std::memcpy(address.bytes, &network, sizeof(network));
  std::memcpy(address.bytes + sizeof(network), &host, sizeof(host));
  return address;
}

// Within five standard deviations of a binomial: fails once in two million runs, were it random.
void expect_share(std::uint64_t took, std::uint64_t of, double share) {
  const double mean = static_cast<double>(of) * share;
  const double deviation = std::sqrt(mean * (1 - share));
  EXPECT_NEAR(static_cast<double>(took), mean, 5 * deviation + 1) << share;
}

// Ids are those of workers: the worker in the upper bits, a count in the lower ones.
TEST(Split, AShareIsOneWhateverTheNumberOfWorkers) {
  constexpr std::uint64_t kConnections = 20'000;
  for (const std::uint32_t share : {100U, 10'000U, 50'000U, 250'000U, 500'000U, 990'000U}) {
    SplitTerms terms;
    terms.share = share;
    std::uint64_t together = 0;
    for (std::uint64_t worker = 0; worker < 8; ++worker) {
      std::uint64_t took = 0;
      for (std::uint64_t count = 0; count < kConnections; ++count) {
        took += takes(terms, (worker << 48) | count, v4(1)) ? 1 : 0;
      }
      expect_share(took, kConnections, share / 1e6);
      together += took;
    }
    expect_share(together, 8 * kConnections, share / 1e6);
  }
}

TEST(Split, NoneAndAllAreExact) {
  SplitTerms terms;
  for (std::uint64_t id = 0; id < 100'000; ++id) EXPECT_FALSE(takes(terms, id, v4(1)));
  terms.share = kTickets;
  for (std::uint64_t id = 0; id < 100'000; ++id) EXPECT_TRUE(takes(terms, id, v4(1)));
}

TEST(Split, AStickyShareIsOneOfClients) {
  SplitTerms terms;
  terms.sticky = true;
  terms.seed = seed_of("web");
  terms.share = 100'000;
  std::uint64_t took = 0;
  constexpr std::uint32_t kClients = 50'000;
  for (std::uint32_t client = 0; client < kClients; ++client) {
    took += takes(terms, 0, v4(client)) ? 1 : 0;
  }
  expect_share(took, kClients, 0.1);
  took = 0;
  for (std::uint32_t client = 0; client < kClients; ++client) {
    took += takes(terms, 0, v6(client, 7)) ? 1 : 0;
  }
  expect_share(took, kClients, 0.1);
}

// Same client, same side: whichever its connection, and when the share grows too.
TEST(Split, AStickyClientStaysWhereItIs) {
  SplitTerms less;
  less.sticky = true;
  less.seed = seed_of("web");
  less.share = 50'000;
  SplitTerms more = less;
  more.share = 250'000;
  std::uint32_t joined = 0;
  for (std::uint32_t client = 0; client < 10'000; ++client) {
    const bool went = takes(less, 1, v4(client));
    EXPECT_EQ(takes(less, 99 + client, v4(client)), went);
    const bool goes = takes(more, 1, v4(client));
    EXPECT_TRUE(goes || !went) << client;
    joined += goes && !went ? 1 : 0;
  }
  EXPECT_GT(joined, 1'500U);
  EXPECT_EQ(takes(more, 0, v6(42, 1)), takes(more, 0, v6(42, 2))) << "a host of the same /64";
}

// Other instances and later versions must agree: these values are a promise.
TEST(Split, StickyTicketsDoNotChange) {
  EXPECT_EQ(seed_of("web"), 0x5EA0E11948721EF1ULL);
  const std::uint8_t bytes[4] = {192, 0, 2, 7};
  EXPECT_EQ(sticky_ticket(base::address_from(false, bytes), seed_of("web")), 53'597U);
  const std::uint8_t network[16] = {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 1};
  EXPECT_EQ(sticky_ticket(base::address_from(true, network), seed_of("web")), 871'932U);
}

TEST(Split, NamedClientsGoWhateverTheShare) {
  SplitTerms terms;
  terms.sources = {base::Network::parse("10.0.0.0/8").value(), base::Network::parse("::1").value()};
  const std::uint8_t inside[4] = {10, 1, 2, 3};
  const std::uint8_t outside[4] = {11, 1, 2, 3};
  EXPECT_TRUE(takes(terms, 1, base::address_from(false, inside)));
  EXPECT_FALSE(takes(terms, 1, base::address_from(false, outside)));
}

}  // namespace
}  // namespace shunt::traffic
