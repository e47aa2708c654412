#include "shunt/observe/event_log.hpp"

#include <gmock/gmock.h>

#include <mutex>
#include <thread>

namespace shunt::observe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

control::Event event(std::string type) {
  control::Event made;
  made.type = std::move(type);
  return made;
}

std::vector<std::uint64_t> ids(const std::vector<control::Event>& events) {
  std::vector<std::uint64_t> out;
  for (const auto& one : events) out.push_back(one.id);
  return out;
}

TEST(EventLog, GivesRisingIdsAndATime) {
  EventLog log(nullptr, {}, 1);
  log.publish(event("a"));
  log.publish(event("b"));
  const auto events = log.after(0, 10);
  EXPECT_THAT(ids(events), ElementsAre(1, 2));
  EXPECT_GT(events[0].wall_ms, 1'700'000'000'000);
  EXPECT_EQ(log.last_id(), 2U);
}

TEST(EventLog, OfALaterProcessGoesOnAboveTheIdsOfTheOneBefore) {
  std::uint64_t before = 0;
  {
    EventLog log(nullptr);
    EXPECT_GT(log.last_id(), 1'700'000'000'000'000U) << "the wall clock in microseconds";
    EXPECT_LT(log.last_id(), std::uint64_t{1} << 53U);
    log.publish(event("a"));
    before = log.last_id();
  }
  // The clock's next tick; a restart takes longer.
  while (EventLog::first_id_now() <= before) std::this_thread::yield();
  EventLog log(nullptr);
  log.publish(event("b"));
  log.publish(event("c"));
  const auto missed = log.after(before, 10);
  ASSERT_EQ(missed.size(), 2U);
  EXPECT_EQ(missed[0].type, "b");
}

TEST(EventLog, AnswersAfterAnIdOldestFirstAndAtMostMax) {
  EventLog log(nullptr, {}, 1);
  for (int i = 0; i < 5; ++i) log.publish(event("x"));
  EXPECT_THAT(ids(log.after(2, 2)), ElementsAre(3, 4));
  EXPECT_THAT(ids(log.after(5, 10)), IsEmpty());
  EXPECT_THAT(ids(log.after(99, 10)), IsEmpty());
}

TEST(EventLog, KeepsTheNewestOnly) {
  EventLog log(nullptr, {}, 1);
  for (std::uint32_t i = 0; i < base::kEventsKept + 3; ++i) log.publish(event("x"));
  const auto events = log.after(0, base::kEventsKept * 2);
  ASSERT_EQ(events.size(), base::kEventsKept);
  EXPECT_EQ(events.front().id, 4U);
}

TEST(EventLog, FollowersSeeEachEventOnceAndInOrderEvenWhenTheyPublish) {
  EventLog log(nullptr, {}, 1);
  std::vector<std::uint64_t> first;
  std::vector<std::uint64_t> second;
  (void)log.subscribe([&](const control::Event& seen) {
    first.push_back(seen.id);
    if (seen.id == 1) log.publish(event("nested"));
  });
  (void)log.subscribe([&](const control::Event& seen) { second.push_back(seen.id); });
  log.publish(event("a"));
  log.publish(event("b"));
  EXPECT_THAT(first, ElementsAre(1, 2, 3));
  EXPECT_THAT(second, ElementsAre(1, 2, 3));
}

TEST(EventLog, AFollowerSeesNothingFromBeforeItCameOrAfterItLeft) {
  EventLog log(nullptr, {}, 1);
  log.publish(event("before"));
  std::vector<std::uint64_t> seen;
  const int subscription =
      log.subscribe([&](const control::Event& one) { seen.push_back(one.id); });
  log.publish(event("during"));
  log.unsubscribe(subscription);
  log.publish(event("after"));
  EXPECT_THAT(seen, ElementsAre(2));
}

TEST(EventLog, AFollowerMayLeaveWithinItsOwnCall) {
  EventLog log(nullptr, {}, 1);
  int calls = 0;
  int subscription = 0;
  subscription = log.subscribe([&](const control::Event&) {
    ++calls;
    log.publish(event("more"));
    log.unsubscribe(subscription);
  });
  log.publish(event("a"));
  EXPECT_EQ(calls, 1);
}

TEST(EventLog, OtherThreadsReachFollowersThroughThePost) {
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  EventLog log(
      nullptr,
      [&](std::function<void()> work) {
        const std::scoped_lock lock(mutex);
        posted.push_back(std::move(work));
      },
      1);
  std::vector<std::uint64_t> seen;
  const auto control_thread = std::this_thread::get_id();
  (void)log.subscribe([&](const control::Event& one) {
    EXPECT_EQ(std::this_thread::get_id(), control_thread);
    seen.push_back(one.id);
  });
  std::thread other([&] {
    for (int i = 0; i < 3; ++i) log.publish(event("from afar"));
  });
  other.join();
  EXPECT_THAT(seen, IsEmpty());
  ASSERT_EQ(posted.size(), 1U) << "one delivery hands over all";
  posted[0]();
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST(EventLog, ThreadsMayPublishAndReadAtTheSameTime) {
  EventLog log(nullptr, {}, 1);
  constexpr int kThreads = 4;
  constexpr std::uint64_t kEach = 200;
  std::vector<std::thread> publishers;
  for (int i = 0; i < kThreads; ++i) {
    publishers.emplace_back([&] {
      for (std::uint64_t n = 0; n < kEach; ++n) log.publish(event("x"));
    });
  }
  while (log.last_id() < kThreads * kEach) {
    const auto seen = ids(log.after(0, base::kEventsKept));
    for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i + 1);
  }
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_EQ(log.after(0, base::kEventsKept).size(), kThreads * kEach);
}

TEST(EventLog, ADeliveryThatOutlivesTheLogDoesNothing) {
  std::vector<std::function<void()>> posted;
  {
    EventLog log(nullptr, [&](std::function<void()> work) { posted.push_back(std::move(work)); });
    std::thread([&] { log.publish(event("late")); }).join();
  }
  ASSERT_EQ(posted.size(), 1U);
  posted[0]();
}

}  // namespace
}  // namespace shunt::observe
