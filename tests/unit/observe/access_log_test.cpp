#include "shunt/observe/access_log.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "tests/unit/observe/event_recorder.hpp"
#include "tests/unit/observe/fake_data_plane.hpp"
#include "tests/unit/observe/temporary_directory.hpp"

namespace shunt::observe {
namespace {

using testing::HasSubstr;

template <class Condition>
void wait_until(Condition&& condition) {
  while (!condition()) std::this_thread::yield();
}

std::ptrdiff_t lines_of(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

class AccessLogTest : public testing::Test {
 protected:
  proxy::ConnectionEnd next_end(traffic::ServiceId service = 0) {
    proxy::ConnectionEnd end;
    end.id = ++id_;
    end.service = service;
    end.pool = 0;
    end.node = 0;
    end.connect = 200 * base::kMicrosecond;
    end.total = base::kSecond;
    return end;
  }

  TemporaryDirectory directory_;
  const traffic::Model model_ = example_model();
  FakeDataPlane data_plane_{2, model_};
  ConnectionHistograms histograms_{model_};
  EventRecorder events_;
  std::uint64_t id_ = 0;
};

TEST_F(AccessLogTest, WritesTheEndsOfEveryWorker) {
  const std::string path = directory_ / "access.log";
  AccessLog log({.path = path}, data_plane_, model_, histograms_, events_);
  data_plane_.end(0, next_end());
  data_plane_.end(1, next_end());
  wait_until([&] { return log.written() == 2; });
  EXPECT_THAT(content_of(path), HasSubstr(" id=1\n"));
  EXPECT_THAT(content_of(path), HasSubstr(" id=2\n"));
}

TEST_F(AccessLogTest, StoppingWritesEverythingThatIsLeft) {
  const std::string path = directory_ / "access.log";
  AccessLog log({.path = path}, data_plane_, model_, histograms_, events_);
  for (int i = 0; i < 10'000; ++i) data_plane_.end(i % 2, next_end());
  log.stop();
  EXPECT_EQ(lines_of(content_of(path)), 10'000);
  EXPECT_EQ(log.written(), 10'000U);
  EXPECT_EQ(log.dropped(), 0U);
  log.stop();
}

TEST_F(AccessLogTest, ReopensOnRequest) {
  const std::string path = directory_ / "access.log";
  AccessLog log({.path = path}, data_plane_, model_, histograms_, events_);
  data_plane_.end(0, next_end());
  wait_until([&] { return log.written() == 1; });
  std::filesystem::rename(path, path + ".1");
  log.reopen();
  wait_until([&] { return std::filesystem::exists(path); });
  data_plane_.end(0, next_end());
  wait_until([&] { return log.written() == 2; });
  EXPECT_EQ(lines_of(content_of(path)), 1);
  EXPECT_EQ(lines_of(content_of(path + ".1")), 1);
}

TEST_F(AccessLogTest, AnUnwritablePathIsAnEventAtOnceAndDropsAreCounted) {
  const std::string path = directory_ / "missing/access.log";
  AccessLog log({.path = path, .buffer_bytes = 0}, data_plane_, model_, histograms_, events_);
  ASSERT_EQ(events_.events().size(), 1U);
  data_plane_.end(0, next_end());
  wait_until([&] { return log.dropped() == 1; });
}

TEST_F(AccessLogTest, FeedsHistogramsWithTheLogOffToo) {
  AccessLog log({}, data_plane_, model_, histograms_, events_);
  data_plane_.end(0, next_end(2));
  proxy::ConnectionEnd refused;  // no pool, no connect
  refused.service = 2;
  data_plane_.end(1, refused);
  log.stop();
  EXPECT_EQ(histograms_.connect(2, 0).read().cumulative.back(), 1U);
  EXPECT_EQ(histograms_.connect(2, 1).read().cumulative.back(), 0U);
  EXPECT_EQ(histograms_.life(2).read().cumulative.back(), 2U);
  EXPECT_DOUBLE_EQ(histograms_.life(2).read().sum_seconds, 1.0);
  EXPECT_EQ(log.written(), 0U);
}

TEST(Histogram, CountsByUpperBoundInclusive) {
  static constexpr std::array<base::Duration, 2> kBounds = {10, 100};
  Histogram histogram(kBounds);
  for (const base::Duration value : {0U, 10U, 11U, 100U, 101U}) histogram.observe(value);
  EXPECT_THAT(histogram.read().cumulative, testing::ElementsAre(2, 4, 5));
  EXPECT_DOUBLE_EQ(histogram.read().sum_seconds, 222e-9);
}

}  // namespace
}  // namespace shunt::observe
