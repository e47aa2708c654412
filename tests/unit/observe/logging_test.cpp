#include "shunt/observe/logging.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "shunt/base/limits.hpp"
#include "shunt/base/unique_fd.hpp"

namespace shunt::observe {
namespace {

using control::EventLevel;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr std::int64_t kWhen = 1'700'000'000'123;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  // Everything until the writing end is closed.
  std::string read_all() {
    write.reset();
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t n = 0; (n = ::read(read.get(), part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  base::UniqueFd read, write;
};

std::string line(const LogOptions& options, std::string_view message = "green is live") {
  const std::array<LogField, 3> fields = {{{"app", "web"}, {"from", "blue"}, {"epoch", "42"}}};
  return format_log_line(options, kWhen, EventLevel::kInfo, "switch", fields, message);
}

TEST(LogLine, TextHasTimeLevelTypeAndFields) {
  EXPECT_EQ(
      line({}),
      "2023-11-14T22:13:20.123Z info switch app=web from=blue epoch=42 msg=\"green is live\"");
}

TEST(LogLine, JsonHasTheSameFacts) {
  EXPECT_EQ(line({.format = control::LogFormat::kJson}),
            R"({"time":"2023-11-14T22:13:20.123Z","level":"info","type":"switch","app":"web",)"
            R"("from":"blue","epoch":"42","msg":"green is live"})");
}

TEST(LogLine, ForTheJournalThereIsAPriorityAndNoTime) {
  EXPECT_EQ(line({.journal = true}),
            "<6>info switch app=web from=blue epoch=42 msg=\"green is live\"");
  EXPECT_EQ(format_log_line({.journal = true}, kWhen, EventLevel::kError, "limit", {}, ""),
            "<3>error limit");
  EXPECT_THAT(line({.format = control::LogFormat::kJson, .journal = true}),
              testing::StartsWith("<6>{\"level\":\"info\""));
}

TEST(LogLine, AMessageCannotForgeASecondLine) {
  const std::string text = line({}, "x\n2023-11-14T22:13:20.123Z info switch app=web");
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Logger, WritesWhatItWasGivenBeforeItEnds) {
  Pipe pipe;
  {
    Logger logger({.fd = pipe.write.get()});
    logger.log(EventLevel::kWarn, "limit", "no descriptors left", {{"worker", "1"}});
    logger.log(EventLevel::kDebug, "noise", "below the level");
    control::Event event;
    event.wall_ms = kWhen;
    event.type = "switch";
    event.app = "web";
    event.actor = "uid 0";
    event.reason = "release 7";
    event.fields = {{"to", "green"}};
    logger.log(event);
    EXPECT_EQ(logger.dropped(), 0U);
  }
  const std::string text = pipe.read_all();
  EXPECT_THAT(text,
              MatchesRegex("[0-9TZ:.-]+ warn limit worker=1 msg=\"no descriptors left\"\n.*"));
  EXPECT_THAT(text, HasSubstr("2023-11-14T22:13:20.123Z info switch app=web to=green "
                              "actor=\"uid 0\" reason=\"release 7\"\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("noise")));
}

TEST(Logger, AReaderThatIsStuckCostsLinesAndNobodyWaits) {
  Pipe pipe;
  const std::string message(1'000, 'x');
  const std::uint64_t lines = base::kLogQueueLines + 500;
  {
    Logger logger({.fd = pipe.write.get()});
    for (std::uint64_t i = 0; i < lines; ++i) logger.log(EventLevel::kInfo, "flood", message);
    EXPECT_GT(logger.dropped(), 0U);
  }
  const std::string text = pipe.read_all();
  EXPECT_LT(static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')), lines);
}

TEST(Logger, LongLinesArriveWhole) {
  Pipe pipe;
  {
    Logger logger({.fd = pipe.write.get()});
    logger.log(EventLevel::kInfo, "long", std::string(20'000, 'x'));
  }
  const std::string text = pipe.read_all();
  EXPECT_GT(text.size(), 20'000U);
  EXPECT_THAT(text, EndsWith("x\n"));
}

TEST(Journal, IsRecognisedByTheStreamThatTheEnvironmentNames) {
  Pipe pipe;
  struct stat file{};
  ASSERT_EQ(::fstat(pipe.write.get(), &file), 0);
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(is_journal(pipe.write.get()));
  ::setenv("JOURNAL_STREAM",
           (std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino)).c_str(), 1);
  EXPECT_TRUE(is_journal(pipe.write.get()));
  EXPECT_FALSE(is_journal(0)) << "inherited by a child whose stderr goes elsewhere";
  ::setenv("JOURNAL_STREAM", "nonsense", 1);
  EXPECT_FALSE(is_journal(pipe.write.get()));
  ::unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace shunt::observe
