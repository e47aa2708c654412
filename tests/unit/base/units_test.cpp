#include "shunt/base/units.hpp"

#include <gtest/gtest.h>

namespace shunt::base {
namespace {

TEST(Units, DurationsGoThereAndBack) {
  for (const char* text : {"250ms", "5s", "10m", "2h", "3d", "50us", "90s", "7ns"}) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(format_duration(*duration), text);
  }
  EXPECT_EQ(*parse_duration("1.5s"), 1'500 * kMillisecond);
  EXPECT_EQ(format_duration(0), "0s");
}

TEST(Units, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "5", "s", "5 s", "-5s", "5sec", "off", "1e3s", "nan", "99999999999d",
                           ".5s", "5.s", "."}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, BriefDurationsHaveTwoPartsAtMost) {
  EXPECT_EQ(format_duration_brief(108 * kSecond), "1m48s");
  EXPECT_EQ(format_duration_brief(3 * 3600 * kSecond), "3h");
  EXPECT_EQ(format_duration_brief(3 * 3600 * kSecond + 12 * 60 * kSecond + 5), "3h12m");
  EXPECT_EQ(format_duration_brief(12'345), "12us");
}

TEST(Units, SizesAndPercentages) {
  EXPECT_EQ(*parse_size("16KiB"), 16384U);
  EXPECT_EQ(format_size(1 << 20), "1MiB");
  EXPECT_EQ(*parse_size("512"), 512U);
  EXPECT_FALSE(parse_size("16KB"));
  EXPECT_EQ(*parse_percent("90%"), 90U);
  for (const char* text : {"90", "101%", "-1%", "%", "9.5%"})
    EXPECT_FALSE(parse_percent(text)) << text;
}

TEST(Units, SharesAreMillionths) {
  EXPECT_EQ(*parse_share("5%"), 50'000U);
  EXPECT_EQ(*parse_share("0.5%"), 5'000U);
  EXPECT_EQ(*parse_share("0.0001%"), 1U);
  EXPECT_EQ(*parse_share("0%"), 0U);
  EXPECT_EQ(*parse_share("100%"), 1'000'000U);
  for (const char* text : {"5", "%", "", "-1%", "100.1%", "0.00001%", "5 %", "5%%", ".5%"}) {
    EXPECT_FALSE(parse_share(text)) << text;
  }
  for (const char* text : {"5%", "0.5%", "0.0001%", "33.3333%", "100%", "0%", "10%"}) {
    EXPECT_EQ(format_share(*parse_share(text)), text);
  }
}

TEST(Units, WallTimeIsRfc3339InUtc) {
  EXPECT_EQ(format_wall_time(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(format_wall_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_wall_time(951'782'399'999), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(format_wall_time(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(format_wall_time(253'402'300'799'009), "9999-12-31T23:59:59.009Z");
}

}  // namespace
}  // namespace shunt::base
