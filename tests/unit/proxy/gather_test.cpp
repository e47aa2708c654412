// When a worker sleeps until several completions are there: where many connections are opened, and
// nobody waits for it.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/unit/proxy/hand_kernel.hpp"
#include "tests/unit/proxy/worker_rig.hpp"

namespace shunt::proxy::testing {
namespace {

class Gather : public ::testing::Test {
 protected:
  Gather() { rig.busy_poll_auto(); }
  // A turn with a new connection and so many completions in all, and what follows from it.
  void connection_comes(std::uint32_t completions) {
    rig.start();
    rig.kernel.client_arrives();
    rig.kernel.noise(completions - 1);
    ASSERT_TRUE(rig->turn());
    ASSERT_FALSE(rig.kernel.has_completions());
  }

  WorkerRig<HandKernel> rig{{.connections_max = 2}};
};

TEST_F(Gather, AfterATurnWithANewConnectionAndMuchElse) {
  connection_comes(base::kGatherAfter);
  EXPECT_TRUE(rig.kernel.gathered);
  EXPECT_NE(rig.kernel.waited, uring::kNoWait);
}

TEST_F(Gather, OnlyOnce) {
  connection_comes(base::kGatherAfter);
  ASSERT_TRUE(rig->turn());
  EXPECT_FALSE(rig.kernel.gathered);
}

TEST_F(Gather, NotAfterAConnectionThatComesAlone) {
  connection_comes(base::kGatherAfter - 1);
  EXPECT_FALSE(rig.kernel.gathered);
}

TEST_F(Gather, NotWithoutANewConnection) {
  rig.start();
  rig.kernel.noise(10 * base::kGatherAfter);
  ASSERT_TRUE(rig->turn());
  EXPECT_FALSE(rig.kernel.gathered);
}

TEST_F(Gather, NotWhileAConnectIsUnderWay) {
  rig.kernel.connect_result = -EINPROGRESS;
  connection_comes(base::kGatherAfter);
  EXPECT_FALSE(rig.kernel.gathered);
}

TEST_F(Gather, NotWhereTheOperatorWantsWatching) {
  rig.watch_before_sleep(base::kMicrosecond);
  connection_comes(base::kGatherAfter);
  EXPECT_FALSE(rig.kernel.gathered);
  EXPECT_EQ(rig.kernel.watched_max, base::kMicrosecond);
}

TEST_F(Gather, NotWhereBusyPollIsOff) {
  WorkerRig<HandKernel> off{{.connections_max = 2}};
  off.start();
  off.kernel.client_arrives();
  off.kernel.noise(base::kGatherAfter);
  ASSERT_TRUE(off->turn());
  EXPECT_FALSE(off.kernel.gathered);
}

TEST_F(Gather, NotWhereOthersUseTheCpu) {
  const std::atomic<bool> shared{true};
  rig.share_cpu(shared);
  connection_comes(base::kGatherAfter);
  EXPECT_FALSE(rig.kernel.gathered);
}

TEST_F(Gather, NotWhereItDoesNotSleep) {
  rig.start();
  rig.kernel.client_arrives();
  rig.kernel.noise(2 * base::kCompletionsPerTurn);
  ASSERT_TRUE(rig->turn());
  EXPECT_EQ(rig.kernel.waited, uring::kNoWait);
  EXPECT_FALSE(rig.kernel.gathered);
}

}  // namespace
}  // namespace shunt::proxy::testing
