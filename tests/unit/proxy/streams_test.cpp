// What an established connection asks of the kernel: no call more than its bytes need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/one_connection.hpp"

namespace shunt::proxy::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kClient = HandKernel::kClient;
constexpr int kNode = HandKernel::kNode;

void pass_on(Connection& one, int from, int to, std::uint32_t bytes, bool more = false) {
  one.kernel.bytes_arrive(from, bytes, more);
  one.settle();
  one.kernel.bytes_are_taken(to);
  one.settle();
}

TEST(Receive, OfANodeThatWasJustConnectedWaitsFirst) {
  Connection one({});
  EXPECT_TRUE(one.kernel.waits_first[kNode]);
}
TEST(Receive, OfAClientThatWasJustAcceptedTriesAtOnce) {
  Connection one({});
  EXPECT_FALSE(one.kernel.waits_first[kClient]);
}
TEST(Receive, TriesAtOnceOnlyWhereTheLastLeftSomething) {
  Connection one({});
  pass_on(one, kClient, kNode, 100);
  EXPECT_TRUE(one.kernel.waits_first[kClient]);
  pass_on(one, kClient, kNode, 100, true);
  EXPECT_FALSE(one.kernel.waits_first[kClient]);
  pass_on(one, kClient, kNode, 100);
  EXPECT_TRUE(one.kernel.waits_first[kClient]);
}

TEST(End, OfOneSideIsPassedOnAndOfBothIsAClose) {
  Connection one({});
  one.kernel.end_arrives(kNode);
  one.settle();
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient));
  EXPECT_THAT(one.kernel.closed, IsEmpty());
  one.kernel.end_arrives(kClient);
  one.settle();
  EXPECT_THAT(one.kernel.shut, ElementsAre(kClient)) << "closing sends the other end";
  EXPECT_THAT(one.kernel.closed, ElementsAre(kClient, kNode));
  EXPECT_EQ(one.cause(), CloseCause::kDone);
}

}  // namespace
}  // namespace shunt::proxy::testing
