#include "src/proxy/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace shunt::proxy {
namespace {

struct Links {
  std::vector<TimerLink> links;
  std::uint64_t looks = 0;  // at links: what an operation costs
  TimerLink& timer(std::uint32_t slot) {
    ++looks;
    return links[slot];
  }
};

constexpr base::Instant kStart = 12'345;
constexpr base::Duration kTick = 1ULL << TimerWheel<Links>::kTickBits;

class TimerWheelTest : public testing::Test {
 protected:
  std::vector<std::uint32_t> advance(base::Instant now, std::uint32_t max = UINT32_MAX) {
    std::vector<std::uint32_t> fired;
    wheel.advance(now, max, [&](std::uint32_t slot) { fired.push_back(slot); });
    return fired;
  }

  Links links{std::vector<TimerLink>(1000)};
  TimerWheel<Links> wheel{links, kStart};
};

TEST_F(TimerWheelTest, FiresNeverEarlyAndWithinATick) {
  wheel.set(1, kStart + 5 * base::kSecond);
  EXPECT_TRUE(advance(kStart + 5 * base::kSecond - 1).empty());
  EXPECT_EQ(advance(kStart + 5 * base::kSecond + kTick), std::vector{1U});
  EXPECT_FALSE(links.timer(1).armed());
}

TEST_F(TimerWheelTest, SaysHowLongNothingWillHappen) {
  EXPECT_EQ(wheel.until_next(kStart), TimerWheel<Links>::kNever);
  wheel.set(1, kStart + 10 * base::kMillisecond);
  const base::Duration wait = wheel.until_next(kStart);
  EXPECT_GE(wait, 10 * base::kMillisecond);
  EXPECT_LE(wait, 10 * base::kMillisecond + kTick);
  EXPECT_EQ(advance(kStart + wait), std::vector{1U});
}

TEST_F(TimerWheelTest, ACancelledOneDoesNotFire) {
  wheel.set(1, kStart + base::kSecond);
  wheel.set(2, kStart + base::kSecond);
  wheel.set(3, kStart + base::kSecond);
  wheel.cancel(2);
  wheel.cancel(2);
  EXPECT_EQ(advance(kStart + 2 * base::kSecond).size(), 2U);
}

TEST_F(TimerWheelTest, SetAtLatestOnlyEverBringsADeadlineNearer) {
  wheel.set_at_latest(1, kStart + base::kSecond);
  wheel.set_at_latest(1, kStart + 5 * base::kSecond);
  EXPECT_EQ(advance(kStart + 2 * base::kSecond), std::vector{1U});
  wheel.set(1, kStart + 9 * base::kSecond);
  wheel.set_at_latest(1, kStart + 3 * base::kSecond);
  EXPECT_EQ(advance(kStart + 4 * base::kSecond), std::vector{1U});
}

TEST_F(TimerWheelTest, ABoundedAdvanceLeavesTheRestForTheNext) {
  for (std::uint32_t slot = 0; slot < 100; ++slot) wheel.set(slot, kStart + base::kSecond);
  const base::Instant later = kStart + 2 * base::kSecond;
  std::size_t fired = 0;
  for (int call = 0; fired < 70; ++call) {
    ASSERT_LT(call, 10);
    const std::size_t now = advance(later, 30).size();
    EXPECT_LE(now, 30U);
    fired += now;
    EXPECT_EQ(wheel.until_next(later), 0U);
  }
  EXPECT_EQ(advance(later).size(), 100U - fired);
}

TEST_F(TimerWheelTest, MovingManyToALowerLevelIsBoundedToo) {
  for (std::uint32_t slot = 0; slot < 1000; ++slot) wheel.set(slot, kStart + 75 * base::kSecond);
  const base::Instant now = kStart + 74 * base::kSecond;
  int calls = 0;
  do {
    links.looks = 0;
    EXPECT_TRUE(advance(now, 10).empty());
    EXPECT_LE(links.looks, 10U * 8);
    ASSERT_LT(++calls, 1000);
  } while (wheel.until_next(now) == 0);
  EXPECT_GE(calls, 100);
  EXPECT_EQ(advance(kStart + 76 * base::kSecond).size(), 1000U);
}

TEST_F(TimerWheelTest, OneThatIsCancelledOrMovedWhileItsBucketIsEmptiedKeepsItsWord) {
  for (std::uint32_t slot = 0; slot < 100; ++slot) wheel.set(slot, kStart + 75 * base::kSecond);
  const base::Instant now = kStart + 76 * base::kSecond;
  EXPECT_TRUE(advance(now, 10).empty());
  for (std::uint32_t slot = 0; slot < 50; ++slot) wheel.cancel(slot);
  wheel.set(99, kStart + 80 * base::kSecond);
  wheel.set(7, kStart + 75 * base::kSecond);
  const std::vector<std::uint32_t> fired = advance(now);
  EXPECT_EQ(fired.size(), 50U);
  EXPECT_EQ(std::count(fired.begin(), fired.end(), 7U), 1);
  EXPECT_EQ(advance(kStart + 81 * base::kSecond), std::vector{99U});
}

TEST_F(TimerWheelTest, AFiringMaySetItselfAndCancelOthers) {
  wheel.set(1, kStart + base::kSecond);
  wheel.set(2, kStart + base::kSecond);
  int fired = 0;
  wheel.advance(kStart + 2 * base::kSecond, 10, [&](std::uint32_t slot) {
    ++fired;
    wheel.cancel(slot == 1 ? 2 : 1);
    wheel.set(slot, kStart + base::kSecond);  // passed: the next tick
  });
  EXPECT_GT(fired, 0);
  EXPECT_LE(fired, 10);  // bounded, whatever it does
}

TEST_F(TimerWheelTest, AgreesWithASortedMapOverYears) {
  std::mt19937_64 random(7);
  std::map<std::uint32_t, base::Instant> expected;
  base::Instant now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    const auto slot = static_cast<std::uint32_t>(random() % links.links.size());
    // Spans from nothing to months, each magnitude as likely as the next.
    const base::Duration span = random() % (1ULL << (random() % 53 + 1));
    switch (random() % 4) {
      case 0:
        wheel.cancel(slot);
        expected.erase(slot);
        break;
      case 1:
      case 2:
        wheel.set(slot, now + span);
        expected[slot] = now + span;
        break;
      default: {
        now += span / 64;
        for (const std::uint32_t fired : advance(now)) {
          ASSERT_TRUE(expected.contains(fired));
          EXPECT_LE(expected[fired], now);
          expected.erase(fired);
        }
        for (const auto& [left, deadline] : expected) {
          ASSERT_GT(deadline + 2 * kTick, now) << "slot " << left << " was due";
        }
      }
    }
  }
}

}  // namespace
}  // namespace shunt::proxy
