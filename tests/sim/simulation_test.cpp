// 20,000 whole simulations, in shards that ctest runs side by side. A seed that fails names itself:
//   SHUNT_SIM_SEED=4711 shunt_sim_tests --gtest_filter='*Replay*'
// runs it alone and tells everything that happens. SHUNT_SIM_SEEDS changes how many are run in all.
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/simulation.hpp"

namespace shunt::sim {
namespace {

constexpr int kShards = 8;
// Sanitizers make each about ten times slower; their builds run a tenth.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 2'000;
#else
constexpr std::uint64_t kSeeds = 20'000;
#endif

std::uint64_t seeds_in_all() {
  const char* given = std::getenv("SHUNT_SIM_SEEDS");
  return given == nullptr ? kSeeds : std::strtoull(given, nullptr, 10);
}

volatile std::uint64_t running_seed = 0;

// A failed SHUNT_CHECK of the worker ends the process: say which seed it was.
void name_seed(int) {
  char text[64];
  const int length = std::snprintf(text, sizeof(text), "SHUNT_SIM_SEED=%llu\n",
                                   static_cast<unsigned long long>(running_seed));
  if (::write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0) std::_Exit(1);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

std::string text_of(const SimulationResult& result, std::uint64_t seed) {
  std::string text = "SHUNT_SIM_SEED=" + std::to_string(seed);
  for (const std::string& violation : result.violations) text += "\n  " + violation;
  return text;
}

class Simulation : public testing::TestWithParam<int> {};

TEST_P(Simulation, KeepsEveryRuleForEverySeed) {
  std::signal(SIGABRT, name_seed);
  SimulationResult sum;
  int failed = 0;
  const std::uint64_t seeds = seeds_in_all();
  for (std::uint64_t seed = static_cast<std::uint64_t>(GetParam()); seed < seeds && failed < 5;
       seed += kShards) {
    running_seed = seed;
    const SimulationResult result = simulate(seed);
    if (!result.violations.empty()) {
      ADD_FAILURE() << text_of(result, seed);
      ++failed;
    }
    sum.turns += result.turns;
    sum.connections += result.connections;
    sum.established += result.established;
    sum.repointed += result.repointed;
    sum.bytes += result.bytes;
    sum.starved += result.starved;
    sum.out_of_buffers += result.out_of_buffers;
    sum.spliced_bytes += result.spliced_bytes;
    sum.without_source += result.without_source;
    sum.after_accepting += result.after_accepting;
    sum.beside_another += result.beside_another;
    sum.handed_over += result.handed_over;
    sum.queued_ahead += result.queued_ahead;
  }
  std::signal(SIGABRT, SIG_DFL);
  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(sum.established, seeds / kShards);
  EXPECT_GT(sum.repointed, seeds / kShards / 20);
  EXPECT_GT(sum.starved, 0U);
  // Happens to one connection in thousands.
  if (seeds >= 20'000) {
    EXPECT_GT(sum.out_of_buffers, 0U);
    EXPECT_GT(sum.spliced_bytes, sum.bytes / 100);
  }
  EXPECT_GT(sum.without_source, 0U);
  EXPECT_GT(sum.spliced_bytes, 0U);
  EXPECT_GT(sum.after_accepting, 0U);
  EXPECT_GT(sum.beside_another, seeds / kShards / 20);
  EXPECT_GT(sum.handed_over, seeds / kShards / 50);
  EXPECT_GT(sum.queued_ahead, seeds / kShards / 20);
  std::printf(
      "turns %llu connections %llu established %llu re-pointed %llu handed over %llu starved %llu "
      "queued ahead %llu bytes %llu spliced %llu\n",
      static_cast<unsigned long long>(sum.turns), static_cast<unsigned long long>(sum.connections),
      static_cast<unsigned long long>(sum.established),
      static_cast<unsigned long long>(sum.repointed),
      static_cast<unsigned long long>(sum.handed_over),
      static_cast<unsigned long long>(sum.starved),
      static_cast<unsigned long long>(sum.queued_ahead), static_cast<unsigned long long>(sum.bytes),
      static_cast<unsigned long long>(sum.spliced_bytes));
}

INSTANTIATE_TEST_SUITE_P(Shards, Simulation, testing::Range(0, kShards));

TEST(Replay, RunsOneSeedAndTellsWhatHappens) {
  const char* given = std::getenv("SHUNT_SIM_SEED");
  if (given == nullptr) GTEST_SKIP() << "set SHUNT_SIM_SEED to a seed";
  const std::uint64_t seed = std::strtoull(given, nullptr, 10);
  const SimulationResult result = simulate(seed, true);
  EXPECT_TRUE(result.violations.empty()) << text_of(result, seed);
}

TEST(Replay, OfASeedIsTheSameEveryTime) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const SimulationResult a = simulate(seed);
    const SimulationResult b = simulate(seed);
    EXPECT_EQ(a.turns, b.turns) << seed;
    EXPECT_EQ(a.bytes, b.bytes) << seed;
  }
}

}  // namespace
}  // namespace shunt::sim
