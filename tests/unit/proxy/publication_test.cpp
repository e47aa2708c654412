// The rules of adoption and reclamation, step by step on one thread; tests/model has the protocol
// itself under every interleaving.
#include "shunt/proxy/publication.hpp"

#include <gtest/gtest.h>

namespace shunt::proxy {
namespace {

std::unique_ptr<const traffic::RoutingRoot> root(traffic::Revision revision) {
  auto made = std::make_unique<traffic::RoutingRoot>();
  made->revision = revision;
  return made;
}

TEST(Publication, AWorkerThatNeverRanHasAdoptedWhateverIsPublished) {
  Publication publication(2, root(1));
  publication.publish(root(2));
  EXPECT_TRUE(publication.adopted_by_all(2));
}

TEST(Publication, AnOnlineWorkerHasAdoptedOnceItSaysSo) {
  Publication publication(1, root(1));
  publication.begin_turn(0, 1, false);
  publication.publish(root(2));
  EXPECT_FALSE(publication.adopted(0, 2));
  EXPECT_EQ(publication.begin_turn(0, 1, false)->revision, 2U);
  EXPECT_FALSE(publication.adopted(0, 2));  // it has read it, and does not follow yet
  publication.begin_turn(0, 2, false);
  EXPECT_TRUE(publication.adopted(0, 2));
}

TEST(Publication, ASleepingWorkerWithConnectsUnderWayHasNotAdopted) {
  Publication publication(1, root(1));
  publication.begin_turn(0, 1, false);
  publication.go_offline(0, 1, true);
  publication.publish(root(2));
  EXPECT_FALSE(publication.adopted(0, 2));
  publication.begin_turn(0, 1, true);
  publication.go_offline(0, 2, true);
  EXPECT_TRUE(publication.adopted(0, 2));
}

TEST(Publication, ASleepingWorkerWithoutConnectsHasAdopted) {
  Publication publication(1, root(1));
  publication.begin_turn(0, 1, false);
  publication.go_offline(0, 1, false);
  publication.publish(root(2));
  EXPECT_TRUE(publication.adopted(0, 2));
  EXPECT_EQ(publication.begin_turn(0, 1, false)->revision, 2U);
}

TEST(Publication, KeepsARootWhileAWorkerMayRead) {
  Publication publication(2, root(1));
  publication.begin_turn(0, 1, false);
  publication.publish(root(2));
  EXPECT_EQ(publication.reclaim(), 1U);  // worker 0 may hold root 1
  publication.begin_turn(0, 1, false);   // reads root 2, follows 1 still
  EXPECT_EQ(publication.reclaim(), 1U);  // cautious: the word says 1
  publication.begin_turn(0, 2, false);
  EXPECT_EQ(publication.reclaim(), 0U);
}

TEST(Publication, ASleepingWorkerHoldsNoRootWhateverItHasConnecting) {
  Publication publication(1, root(1));
  publication.begin_turn(0, 1, false);
  publication.go_offline(0, 1, true);
  publication.publish(root(2));
  publication.publish(root(3));
  EXPECT_EQ(publication.reclaim(), 0U);
}

TEST(Publication, GivesTheNewestRootFromTheExchangeOn) {
  Publication publication(1, root(1));
  EXPECT_EQ(publication.begin_turn(0, 0, false)->revision, 1U);
  publication.publish(root(7));
  EXPECT_EQ(publication.current().revision, 7U);
  EXPECT_EQ(publication.begin_turn(0, 1, false)->revision, 7U);
}

}  // namespace
}  // namespace shunt::proxy
