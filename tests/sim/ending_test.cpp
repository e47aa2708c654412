// How long a reset waits for the bytes before it, with a reader and a clock in the test's hand.
#include <gtest/gtest.h>

#include "src/proxy/ending.hpp"
#include "tests/sim/simulation.hpp"

namespace shunt::sim {
namespace {

using proxy::Side;

struct ReaderAtHand : ScriptedKernel {
  using ScriptedKernel::ScriptedKernel;
  int queued = 1'000;  // what the reader has not taken
  bool was_reset = false;
  int unsent(int) const { return queued; }
  void reset(int) { was_reset = true; }
};

class Delivery : public ::testing::Test {
 protected:
  // The node reset its side; 1,000 bytes before that wait for the client.
  Delivery() : relay_(shard_.relays.at(shard_.relays.acquire())) {
    relay_.state = proxy::RelayState::kEstablished;
    relay_.socket(Side::kClient).fd = 1;
    ending_.deliver_reset(relay_, Side::kClient, proxy::CloseCause::kServerReset);
  }
  void pass(base::Duration span) {
    shard_.now += span;
    ending_.settle(relay_);
  }

  Random random_{1};
  Violations violations_{false};
  Network network_{random_, violations_, Temper{}};
  Control control_{network_, random_, violations_};
  ScriptedKernel::Process process_;
  ReaderAtHand kernel_{process_, network_, random_, violations_, {}};
  const proxy::WorkerSetup setup_ = control_.make_setup();
  proxy::Shard<ReaderAtHand> shard_{kernel_, setup_};
  proxy::Buffers<ReaderAtHand> buffers_{shard_};
  proxy::Ending<ReaderAtHand> ending_{shard_, buffers_};
  proxy::Relay& relay_;
};

TEST_F(Delivery, OfAResetWaitsForAReaderThatGoesOnTaking) {
  for (int i = 0; i < 10; ++i) {
    pass(4 * base::kSecond);
    ASSERT_FALSE(kernel_.was_reset) << "after " << i << " of 10 bytes";
    --kernel_.queued;
  }
  kernel_.queued = 0;
  pass(base::kMillisecond);
  EXPECT_TRUE(kernel_.was_reset);
}

TEST_F(Delivery, OfAResetDoesNotWaitForAReaderThatTakesNothing) {
  pass(base::kSecond);
  EXPECT_FALSE(kernel_.was_reset);
  pass(6 * base::kSecond);
  EXPECT_TRUE(kernel_.was_reset);
}

TEST_F(Delivery, OfAResetIsBoundedHoweverTheReaderGoesOn) {
  int seconds = 0;
  while (!kernel_.was_reset && seconds < 1000) {
    pass(base::kSecond);
    ++seconds;
    --kernel_.queued;
  }
  EXPECT_EQ(seconds, 60);
}

}  // namespace
}  // namespace shunt::sim
