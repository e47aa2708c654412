#include "src/observe/access_log_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/observe/event_recorder.hpp"
#include "tests/unit/observe/temporary_directory.hpp"

namespace shunt::observe {
namespace {

using base::kSecond;
using testing::HasSubstr;

constexpr base::Instant kStart = 1'000 * kSecond;

TEST(AccessLogFile, AppendsToWhatIsThere) {
  TemporaryDirectory directory;
  const std::string path = directory / "access.log";
  EventRecorder events;
  for (const char* text : {"one\n", "two\n"}) {
    AccessLogFile file(path, 1024, events);
    file.add(text);
    file.flush(kStart);
    EXPECT_EQ(file.written(), 1U);
  }
  EXPECT_EQ(content_of(path), "one\ntwo\n");
  EXPECT_TRUE(events.events().empty());
}

TEST(AccessLogFile, ReopensByPathAfterRotation) {
  TemporaryDirectory directory;
  const std::string path = directory / "access.log";
  EventRecorder events;
  AccessLogFile file(path, 1024, events);
  file.add("one\n");
  file.flush(kStart);
  std::filesystem::rename(path, path + ".1");
  file.add("two\n");
  file.reopen(kStart);  // what waits still goes to the old file
  file.add("three\n");
  file.flush(kStart);
  EXPECT_EQ(content_of(path + ".1"), "one\ntwo\n");
  EXPECT_EQ(content_of(path), "three\n");
}

TEST(AccessLogFile, AnUnwritablePathIsOneEventAndRecoversByItself) {
  TemporaryDirectory directory;
  const std::string path = directory / "later/access.log";
  EventRecorder events;
  AccessLogFile file(path, 8, events);
  file.reopen(kStart);
  file.add("one\n");
  file.flush(kStart);
  file.add("two\n");
  file.add("three\n");  // beyond the 8 bytes that may wait
  file.flush(kStart + 2 * kSecond);
  ASSERT_EQ(events.events().size(), 1U);
  EXPECT_EQ(events.events()[0].level, control::EventLevel::kError);
  EXPECT_THAT(events.events()[0].message, HasSubstr(path));
  EXPECT_THAT(events.events()[0].message, HasSubstr("No such file or directory"));

  std::filesystem::create_directory(directory / "later");
  file.flush(kStart + 2 * kSecond);
  EXPECT_EQ(file.written(), 0U) << "opening is tried once a second";
  file.flush(kStart + 3 * kSecond);
  EXPECT_EQ(content_of(path), "one\ntwo\n");
  EXPECT_EQ(file.written(), 2U);
  EXPECT_EQ(file.dropped(), 1U);
  ASSERT_EQ(events.events().size(), 2U);
  EXPECT_THAT(events.events()[1].message, HasSubstr("written again"));
  EXPECT_THAT(events.events()[1].fields, testing::ElementsAre(testing::Pair("dropped", "1")));
}

TEST(AccessLogFile, AFullDiskDropsWholeLinesAndSaysSoOnce) {
  EventRecorder events;
  AccessLogFile file("/dev/full", 10, events);
  for (int i = 0; i < 5; ++i) {
    file.add("1234\n");
    file.flush(kStart + static_cast<base::Instant>(i) * kSecond);
  }
  EXPECT_EQ(file.written(), 0U);
  EXPECT_EQ(file.dropped(), 3U);
  ASSERT_EQ(events.events().size(), 1U);
  EXPECT_THAT(events.events()[0].message, HasSubstr("No space left on device"));
  file.finish(kStart + 10 * kSecond);
  EXPECT_EQ(file.dropped(), 5U);
}

TEST(AccessLogFile, ASlowReaderOfAPipeIsWaitedForWithoutBlocking) {
  TemporaryDirectory directory;
  const std::string path = directory / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const base::UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  EventRecorder events;
  AccessLogFile file(path, 1 << 20, events);
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 200; ++i) file.add(line);
  file.flush(kStart);
  EXPECT_GT(file.waiting(), 0U) << "more than a pipe holds";

  std::string read;
  while (file.waiting() > 0 || read.size() < 200'000) {
    char part[4096];
    const ssize_t n = ::read(reader.get(), part, sizeof(part));
    if (n > 0) read.append(part, static_cast<std::size_t>(n));
    file.flush(kStart);
  }
  EXPECT_EQ(read.size(), 200'000U);
  EXPECT_EQ(file.written(), 200U);
  EXPECT_EQ(file.dropped(), 0U);
  EXPECT_TRUE(events.events().empty());
}

TEST(AccessLogFile, IsNotReadableByEverybody) {
  TemporaryDirectory directory;
  const std::string path = directory / "access.log";
  EventRecorder events;
  AccessLogFile file(path, 8, events);
  file.reopen(kStart);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007U, 0U);
}

}  // namespace
}  // namespace shunt::observe
