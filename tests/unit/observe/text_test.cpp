#include "src/observe/text.hpp"

#include <gtest/gtest.h>

namespace shunt::observe {
namespace {

std::string logfmt(std::string_view value) {
  std::string line;
  append_logfmt_value(line, value);
  return line;
}

std::string json(std::string_view value) {
  std::string line;
  append_json_string(line, value);
  return line;
}

TEST(Text, PlainValuesStayAsTheyAre) {
  EXPECT_EQ(logfmt("web"), "web");
  EXPECT_EQ(logfmt("[::1]:80"), "[::1]:80");
  EXPECT_EQ(logfmt("unix:/run/a.sock"), "unix:/run/a.sock");
}

TEST(Text, ValuesThatCouldBeMisreadAreQuoted) {
  EXPECT_EQ(logfmt(""), "\"\"");
  EXPECT_EQ(logfmt("two words"), "\"two words\"");
  EXPECT_EQ(logfmt("a=b"), "\"a=b\"");
  EXPECT_EQ(logfmt("a\"b\\c"), "\"a\\\"b\\\\c\"");
}

TEST(Text, ControlCharactersAndBrokenUtf8AreEscaped) {
  EXPECT_EQ(logfmt("a\nb\tc\r"), "\"a\\nb\\tc\\r\"");
  EXPECT_EQ(logfmt("\x1b[31m"), "\"\\x1b[31m\"");
  EXPECT_EQ(logfmt("\x7f"), "\"\\x7f\"");
  EXPECT_EQ(logfmt("\xc2\x9b"), "\"\\xc2\\x9b\"") << "CSI of the C1 set";
  EXPECT_EQ(logfmt("\xff"), "\"\\xff\"");
  EXPECT_EQ(logfmt("\xe2\x82"), "\"\\xe2\\x82\"") << "cut off";
  EXPECT_EQ(logfmt("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"") << "a surrogate";
  EXPECT_EQ(logfmt(std::string_view("\0", 1)), "\"\\x00\"");
  EXPECT_EQ(logfmt("grün"), "\"grün\"");
}

TEST(Text, JsonStringsAreAlwaysValid) {
  EXPECT_EQ(json("a\"b\\\n\t\r"), "\"a\\\"b\\\\\\n\\t\\r\"");
  EXPECT_EQ(json(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\\u007f\"");
  EXPECT_EQ(json("\xc2\x85"), "\"\\u0085\"");
  EXPECT_EQ(json("x\xffy"), "\"x\xEF\xBF\xBDy\"");
  EXPECT_EQ(json("grün \xf0\x9f\x9f\xa2"), "\"grün \xf0\x9f\x9f\xa2\"");
}

TEST(Text, SecondsHaveSixDecimals) {
  std::string line;
  append_seconds(line, 61'500'000'999);
  line += ' ';
  append_seconds(line, 123'000);
  EXPECT_EQ(line, "61.500000 0.000123");
}

}  // namespace
}  // namespace shunt::observe
