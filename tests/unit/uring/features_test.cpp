#include "shunt/uring/features.hpp"

#include <gtest/gtest.h>

namespace shunt::uring {
namespace {

TEST(Features, AreAllWantedWhenNothingIsDisabled) {
  const auto features = parse_disabled("");
  ASSERT_TRUE(features);
  EXPECT_TRUE(features->defer_taskrun && features->no_iowait && features->multishot_accept);
}

TEST(Features, AreSwitchedOffByName) {
  const auto features = parse_disabled("defer_taskrun,, no_iowait ");
  ASSERT_TRUE(features);
  EXPECT_FALSE(features->defer_taskrun);
  EXPECT_FALSE(features->no_iowait);
  EXPECT_TRUE(features->single_issuer);
  EXPECT_EQ(features->names(),
            "single_issuer coop_taskrun registered_ring multishot_accept multishot_receive "
            "message_ring min_wait splice");
}

TEST(Features, OfSeveralRingsAreThoseThatAllHave) {
  const Features without_one = *parse_disabled("multishot_receive");
  const Features without_other = *parse_disabled("min_wait");
  EXPECT_EQ(common_features(without_one, without_other).names(),
            parse_disabled("multishot_receive,min_wait")->names());
}

TEST(Features, AnUnknownNameIsAnErrorThatListsTheKnownOnes) {
  const auto features = parse_disabled("defer_taskrun,sqpoll");
  ASSERT_FALSE(features);
  EXPECT_NE(features.error().message.find("\"sqpoll\""), std::string::npos);
  EXPECT_NE(features.error().hint.find("registered_ring"), std::string::npos);
}

}  // namespace
}  // namespace shunt::uring
