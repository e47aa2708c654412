// The Ledger's own timers: when what may wait is written, and when a failed write is tried again.
#include "src/control/ledger.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include <boost/asio/executor_work_guard.hpp>

#include "tests/unit/control/control_rig.hpp"
#include "tests/unit/control/memory_file.hpp"

namespace shunt::control {
namespace {

using test::document_at;
using test::EventList;
using test::Medium;
using test::open_on;

constexpr base::Duration kNever = 3600 * base::kSecond;

class LedgerTest : public testing::Test {
 protected:
  void begin(base::Duration retry, base::Duration settle) {
    auto store = open_on(medium, true);
    ASSERT_TRUE(store);
    medium->when_syncing([this] {
      ++syncs;
      return failures.fetch_sub(1) > 0 ? -EIO : 0;
    });
    persister.emplace(std::move(*store), io.get_executor());
    ledger.emplace(io, *persister, events, document_at(1, "blue"), retry, settle);
    // As a start does, so that the document is on disk.
    ledger->flush();
    ASSERT_TRUE(run_until([&] { return ledger->persisted(); }));
  }
  // A decision, from staging to the acknowledgement.
  void decide(traffic::Epoch epoch) {
    AppDocument record = ledger->document().apps.at("web");
    record.epoch = epoch;
    record.pending = true;
    ledger->stage("web", std::move(record), std::nullopt);
    bool written = false;
    ledger->write([&](const PersistResult& result) { written = result.write.ok; });
    ASSERT_TRUE(run_until([&] { return written; }));
    ledger->keep();
    Receipt receipt;
    receipt.epoch = epoch;
    ledger->acknowledged("web", receipt, std::nullopt);
  }
  // False after far longer than any wait of a passing test.
  template <class Condition>
  [[nodiscard]] bool run_until(Condition condition) {
    const auto work = boost::asio::make_work_guard(io);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    io.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) io.run_one_until(end);
    return condition();
  }
  // Runs what is due and ends the writing thread, so that `medium` can be looked at.
  void end() {
    io.restart();
    io.poll();
    ledger.reset();
    persister.reset();
  }
  [[nodiscard]] StateLoad on_disk() const {
    medium->when_syncing({});
    auto store = open_on(medium);
    return store ? store->loaded() : StateLoad{};
  }

  std::shared_ptr<Medium> medium = std::make_shared<Medium>();
  boost::asio::io_context io;
  EventList events;
  std::atomic<int> failures{0};  // of the next syncs
  std::atomic<int> syncs{0};     // one for each document, none for the mark of acknowledgement
  std::optional<Persister> persister;
  std::optional<Ledger> ledger;
};

TEST_F(LedgerTest, AReceiptIsWrittenWhenItIsQuiet) {
  begin(kNever, base::kMillisecond);
  decide(2);
  const int before = syncs;
  ASSERT_TRUE(run_until([&] { return syncs > before; }));
  end();
  const StateLoad load = on_disk();
  ASSERT_TRUE(load.document.apps.at("web").receipt);
  EXPECT_EQ(load.document.apps.at("web").receipt->epoch, 2U);
  EXPECT_FALSE(load.document.apps.at("web").pending);
}

TEST_F(LedgerTest, NoReceiptIsWrittenWhileDecisionsFollowEachOther) {
  begin(kNever, kNever);
  for (traffic::Epoch epoch = 2; epoch <= 5; ++epoch) decide(epoch);
  end();
  const StateLoad load = on_disk();
  EXPECT_EQ(load.document.apps.at("web").epoch, 5U);
  EXPECT_TRUE(load.document.apps.at("web").pending) << "the decision's own document, no second one";
  EXPECT_TRUE(load.acknowledged) << "which the mark alone says";
}

TEST_F(LedgerTest, AFailedWriteIsTriedAgainUntilItWorks) {
  begin(base::kMillisecond, kNever);
  failures = 6;  // three writes, each with its attempt to put the old document back
  ledger->flush();
  ASSERT_TRUE(run_until([&] { return events.count("not_durable") == 2; }));
  EXPECT_LE(failures, 0);
  EXPECT_EQ(events.events.front().level, EventLevel::kError);
  EXPECT_THAT(events.events.front().message, testing::HasSubstr("tried again until it works"));
  EXPECT_EQ(events.events.back().level, EventLevel::kInfo);
  EXPECT_EQ(ledger->trouble(), "");
}

TEST_F(LedgerTest, NothingIsTriedAgainBeforeItsTime) {
  begin(kNever, kNever);
  failures = 2;
  ledger->flush();
  ASSERT_TRUE(run_until([&] { return !ledger->trouble().empty(); }));
  const int before = syncs;
  end();
  EXPECT_EQ(syncs, before);
}

// Quiet or not: its timer is another one, and begins anew with each thing that may wait.
TEST_F(LedgerTest, WhatMayWaitDoesNotPutOffATryAgain) {
  begin(base::kMillisecond, kNever);
  failures = 2;
  ledger->flush();
  ASSERT_TRUE(run_until([&] { return !ledger->trouble().empty(); }));
  int noted = 0;
  ASSERT_TRUE(run_until([&] {
    ledger->note_ending("web", "node b" + std::to_string(++noted));
    return ledger->trouble().empty();
  }));
}

// A change that was taken back may be on the disk: what is in force goes over it at once, though a
// try that may wait is due in an hour.
TEST_F(LedgerTest, WhatMayNotWaitComesBeforeATryThatMay) {
  begin(kNever, kNever);
  failures = 2;
  ledger->flush();
  ASSERT_TRUE(run_until([&] { return !ledger->trouble().empty(); }));
  decide(2);  // the disk works again
  EXPECT_EQ(ledger->trouble(), "");
  AppDocument record = ledger->document().apps.at("web");
  record.epoch = 3;
  ledger->stage("web", std::move(record), std::nullopt);
  const int before = syncs;
  ledger->write([](const PersistResult&) { FAIL() << "it was taken back"; });
  // It has begun, and its answer has not been heard: whether the disk has it is not known.
  while (syncs == before) std::this_thread::yield();
  ledger->take_back();
  EXPECT_FALSE(ledger->persisted());
  ASSERT_TRUE(run_until([&] { return ledger->persisted(); }));
  end();
  EXPECT_EQ(on_disk().document.apps.at("web").epoch, 2U);
}

}  // namespace
}  // namespace shunt::control
