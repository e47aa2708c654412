#include "shunt/control/persister.hpp"

#include <atomic>
#include <future>
#include <optional>

#include <gmock/gmock.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/unit/control/memory_file.hpp"

namespace shunt::control {
namespace {

using test::document_at;
using test::epoch_on;
using test::Medium;
using test::open_on;

// Runs the control thread's handlers until `condition` holds.
template <class Condition>
void run_until(boost::asio::io_context& io, Condition condition) {
  const auto work = boost::asio::make_work_guard(io);
  while (!condition()) io.run_one();
}

TEST(Persister, AnswersOnTheControlThreadInTheOrderOfSubmission) {
  auto medium = std::make_shared<Medium>();
  boost::asio::io_context io;
  Persister persister(std::move(*open_on(medium, true)), io.get_executor());
  std::vector<std::uint64_t> sequences;
  const auto control = std::this_thread::get_id();
  for (traffic::Epoch epoch = 2; epoch <= 4; ++epoch) {
    persister.submit(serialize(document_at(epoch, "green")), [&](PersistResult result) {
      EXPECT_EQ(std::this_thread::get_id(), control);
      EXPECT_TRUE(result.durable);
      sequences.push_back(result.write.sequence);
    });
  }
  run_until(io, [&] { return sequences.size() == 3; });
  EXPECT_THAT(sequences, testing::ElementsAre(2, 3, 4));
}

TEST(Persister, AStuckDiskLetsTheControlThreadGoOnAndTakeBackWhatHasNotBegun) {
  auto medium = std::make_shared<Medium>();
  boost::asio::io_context io;
  std::promise<void> stuck, release;
  std::atomic<bool> begun_once{true};
  auto store = open_on(medium, true);
  medium->when_syncing([&] {
    if (begun_once.exchange(false)) {
      stuck.set_value();
      release.get_future().wait();
    }
    return 0;
  });
  Persister persister(std::move(*store), io.get_executor());
  std::optional<PersistResult> first;
  bool second = false;
  const auto begun = persister.submit(serialize(document_at(2, "green")),
                                      [&](PersistResult result) { first = std::move(result); });
  stuck.get_future().wait();
  const auto waiting =
      persister.submit(serialize(document_at(3, "red")), [&](PersistResult) { second = true; });
  EXPECT_FALSE(persister.cancel(begun));
  EXPECT_TRUE(persister.cancel(waiting));
  EXPECT_FALSE(persister.cancel(waiting));
  release.set_value();
  run_until(io, [&] { return first.has_value(); });
  EXPECT_TRUE(first->write.ok);
  EXPECT_FALSE(second);
}

TEST(Persister, WithoutSyncAWriteIsDoneButNotDurable) {
  auto medium = std::make_shared<Medium>();
  boost::asio::io_context io;
  Persister persister(std::move(*open_on(medium, true, false)), io.get_executor());
  EXPECT_FALSE(persister.syncs());
  std::optional<PersistResult> got;
  persister.submit(serialize(document_at(2, "green")),
                   [&](PersistResult result) { got = std::move(result); });
  run_until(io, [&] { return got.has_value(); });
  EXPECT_TRUE(got->write.ok);
  EXPECT_FALSE(got->durable);
}

TEST(Persister, WritesEverythingThatWasSubmittedBeforeItEnds) {
  auto medium = std::make_shared<Medium>();
  boost::asio::io_context io;
  {
    Persister persister(std::move(*open_on(medium, true)), io.get_executor());
    persister.submit(serialize(document_at(2, "green")), [](PersistResult) {});
    persister.acknowledge(2);
  }
  EXPECT_EQ(epoch_on(medium), 2U);
  EXPECT_TRUE(open_on(medium)->loaded().acknowledged);
}

}  // namespace
}  // namespace shunt::control
