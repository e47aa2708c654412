#include "shunt/traffic/health.hpp"

#include <gtest/gtest.h>

namespace shunt::traffic {
namespace {

const HealthOptions kOptions{.rise = 2, .fall = 3, .passive_fall = 2};
const HealthOptions kChecksOff{.type = HealthCheck::kOff, .passive_fall = 2};

TEST(Health, AssumedNodeIsUpAfterTheFirstPassedCheck) {
  HealthMachine machine(kOptions, Health::kAssumed);
  EXPECT_TRUE(is_usable(machine.state()));
  EXPECT_TRUE(machine.check_passed());
  EXPECT_EQ(machine.state(), Health::kUp);
}

TEST(Health, AssumedNodeIsDownAfterItsFallOfFailedChecks) {
  HealthMachine machine(kOptions, Health::kAssumed);
  EXPECT_FALSE(machine.check_failed());
  EXPECT_FALSE(machine.check_failed());
  EXPECT_TRUE(is_usable(machine.state()));
  EXPECT_TRUE(machine.check_failed());
  EXPECT_EQ(machine.state(), Health::kDown);
}

TEST(Health, UnprovenNodeIsUsableOnlyAfterItsRise) {
  HealthMachine machine(kOptions, Health::kUnproven);
  EXPECT_FALSE(is_usable(machine.state()));
  EXPECT_FALSE(machine.check_passed());
  EXPECT_FALSE(is_usable(machine.state()));
  EXPECT_TRUE(machine.check_passed());
  EXPECT_EQ(machine.state(), Health::kUp);
}

TEST(Health, UnprovenNodeThatFailsItsChecksIsDown) {
  HealthMachine machine(kOptions, Health::kUnproven);
  EXPECT_FALSE(machine.check_failed());
  EXPECT_FALSE(machine.check_failed());
  EXPECT_TRUE(machine.check_failed());
  EXPECT_EQ(machine.state(), Health::kDown);
}

TEST(Health, OnlyChecksInARowCount) {
  HealthMachine machine(kOptions, Health::kUp);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(machine.check_failed());
    EXPECT_FALSE(machine.check_failed());
    EXPECT_FALSE(machine.check_passed());
  }
  EXPECT_EQ(machine.state(), Health::kUp);

  HealthMachine down(kOptions, Health::kDown);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(down.check_passed());
    EXPECT_FALSE(down.check_failed());
  }
  EXPECT_EQ(down.state(), Health::kDown);
}

TEST(Health, DownNodeComesBackAfterItsRiseAndNeedsAWholeFallAgain) {
  HealthMachine machine(kOptions, Health::kDown);
  EXPECT_FALSE(machine.check_passed());
  EXPECT_TRUE(machine.check_passed());
  EXPECT_EQ(machine.state(), Health::kUp);
  EXPECT_FALSE(machine.check_failed());
  EXPECT_FALSE(machine.check_failed());
  EXPECT_TRUE(machine.check_failed());
}

TEST(Health, FailedConnectsInARowMarkANodeDownBetweenChecks) {
  for (const Health initial : {Health::kUp, Health::kAssumed}) {
    HealthMachine machine(kOptions, initial);
    EXPECT_FALSE(machine.connect_failed());
    EXPECT_FALSE(machine.connect_succeeded());
    EXPECT_FALSE(machine.connect_failed());
    EXPECT_TRUE(machine.connect_failed());
    EXPECT_EQ(machine.state(), Health::kDown);
  }
}

TEST(Health, APassedCheckBreaksARowOfFailedConnects) {
  HealthMachine machine(kOptions, Health::kUp);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(machine.connect_failed());
    EXPECT_FALSE(machine.check_passed());
  }
  EXPECT_EQ(machine.state(), Health::kUp);
}

TEST(Health, FailedConnectsOfAPanicDoNotHoldANodeBackThatRises) {
  HealthMachine machine(kOptions, Health::kDown);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(machine.connect_failed());
  EXPECT_FALSE(machine.check_passed());
  EXPECT_TRUE(machine.check_passed());
  EXPECT_FALSE(machine.connect_failed());
  EXPECT_EQ(machine.state(), Health::kUp);
}

TEST(Health, PassiveFallOfZeroIsOff) {
  HealthMachine machine({.passive_fall = 0}, Health::kUp);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(machine.connect_failed());
  EXPECT_EQ(machine.state(), Health::kUp);
}

TEST(Health, WithChecksOffARetryMakesADownNodeAssumedAgain) {
  HealthMachine machine(kChecksOff, Health::kAssumed);
  EXPECT_FALSE(machine.retry());
  EXPECT_FALSE(machine.connect_failed());
  EXPECT_TRUE(machine.connect_failed());
  EXPECT_EQ(machine.state(), Health::kDown);
  EXPECT_TRUE(machine.retry());
  EXPECT_EQ(machine.state(), Health::kAssumed);
  EXPECT_FALSE(machine.connect_failed()) << "the row of failures starts anew";
}

TEST(Health, WithChecksOnOnlyChecksBringANodeBack) {
  HealthMachine machine(kOptions, Health::kDown);
  EXPECT_FALSE(machine.retry());
  EXPECT_EQ(machine.state(), Health::kDown);
}

TEST(Health, WhatBeginsAnewHasNoHistory) {
  HealthMachine machine(kOptions, Health::kUp);
  EXPECT_FALSE(machine.check_failed());
  EXPECT_FALSE(machine.check_failed());
  EXPECT_TRUE(machine.begin_anew(Health::kUnproven, false));
  EXPECT_EQ(machine.state(), Health::kUnproven);
  EXPECT_FALSE(machine.check_failed()) << "the row of failures starts anew";
  EXPECT_FALSE(machine.check_passed());
  EXPECT_FALSE(machine.begin_anew(Health::kUnproven, false));
  EXPECT_FALSE(machine.check_passed()) << "and the row of passes";
  EXPECT_TRUE(machine.check_passed());
}

TEST(Health, WhatBeginsAnewWarilyIsDownAfterOneFailedCheckAndUpAfterOnePassed) {
  HealthMachine failing(kOptions, Health::kUp);
  EXPECT_TRUE(failing.begin_anew(Health::kAssumed, true));
  EXPECT_TRUE(failing.check_failed());
  EXPECT_EQ(failing.state(), Health::kDown);

  HealthMachine passing(kOptions, Health::kDown);
  EXPECT_TRUE(passing.begin_anew(Health::kAssumed, true));
  EXPECT_TRUE(passing.check_passed());
  EXPECT_EQ(passing.state(), Health::kUp);
  EXPECT_FALSE(passing.check_failed()) << "proven, it has its whole fall again";
}

TEST(Health, AssumedCountsAsProvenOnlyWhereThereAreNoChecks) {
  EXPECT_TRUE(is_proven(Health::kUp, HealthCheck::kTcp));
  EXPECT_FALSE(is_proven(Health::kAssumed, HealthCheck::kTcp));
  EXPECT_TRUE(is_proven(Health::kAssumed, HealthCheck::kOff));
  EXPECT_FALSE(is_proven(Health::kDown, HealthCheck::kOff));
}

TEST(Health, HasAWordForEveryState) {
  EXPECT_EQ(to_string(Health::kUnproven), "unproven");
  EXPECT_EQ(to_string(Health::kAssumed), "assumed");
  EXPECT_EQ(to_string(Health::kUp), "up");
  EXPECT_EQ(to_string(Health::kDown), "down");
}

}  // namespace
}  // namespace shunt::traffic
