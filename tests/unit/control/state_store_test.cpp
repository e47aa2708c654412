// StateStore on a medium with faults: what is on disk after a crash at any point.
#include "shunt/control/state_store.hpp"

#include <cstring>

#include <gmock/gmock.h>

#include "src/control/state_slot.hpp"
#include "tests/unit/control/memory_file.hpp"

namespace shunt::control {
namespace {

using test::document_at;
using test::epoch_on;
using test::Medium;
using test::open_on;

std::shared_ptr<Medium> medium_with_epochs(traffic::Epoch last) {
  auto medium = std::make_shared<Medium>();
  auto store = open_on(medium, true);
  for (traffic::Epoch epoch = 1; epoch <= last; ++epoch) {
    const WriteResult result = store->write(serialize(document_at(epoch, "blue")));
    EXPECT_TRUE(result.ok);
    store->acknowledge(result.sequence);
  }
  return medium;
}

TEST(StateStore, AWriteTornAtAnyByteLeavesTheOldDecisionOrTheNewOne) {
  const auto before = medium_with_epochs(2);
  const std::string old_cache = before->cache;
  {
    auto store = open_on(before);
    ASSERT_TRUE(store->write(serialize(document_at(3, "green"))).ok);
  }
  const std::string bytes = before->last_write;
  const std::uint64_t offset = before->last_offset;
  ASSERT_GT(bytes.size(), kSlotHeaderBytes);
  for (std::size_t torn = 0; torn <= bytes.size(); ++torn) {
    auto medium = std::make_shared<Medium>();
    medium->cache = old_cache;
    std::memcpy(medium->cache.data() + offset, bytes.data(), torn);
    auto store = open_on(medium);
    ASSERT_TRUE(store) << "torn after " << torn << ": " << store.error().message;
    const bool whole = torn == bytes.size();
    EXPECT_EQ(store->loaded().document.apps.at("web").epoch, whole ? 3U : 2U) << "torn " << torn;
    EXPECT_EQ(store->loaded().acknowledged, !whole) << "torn after " << torn;
    // And the store goes on from there.
    ASSERT_TRUE(store->write(serialize(document_at(9, "red"))).ok);
    EXPECT_EQ(epoch_on(medium), 9U);
  }
}

TEST(StateStore, OneDamagedByteAnywhereInTheAcknowledgedSlotRefusesToStart) {
  const auto whole = medium_with_epochs(3);  // sequence 4: slot 1
  const std::uint64_t slot = kStatePage + base::kStateSlotBytes;
  const std::size_t length = kSlotHeaderBytes + serialize(document_at(3, "blue")).size();
  for (std::size_t at = 0; at < length; ++at) {
    auto medium = std::make_shared<Medium>();
    medium->cache = whole->cache;
    medium->cache[slot + at] ^= 0x20;
    const auto store = open_on(medium);
    ASSERT_FALSE(store) << at << ": an older decision took the place of the acknowledged one";
    EXPECT_EQ(store.error().code, base::ErrorCode::kIo) << at;
    EXPECT_THAT(store.error().hint, testing::HasSubstr("--reset-state")) << at;
  }
}

TEST(StateStore, WithoutSyncADamagedAcknowledgedSlotFallsBackAndSaysSo) {
  auto medium = medium_with_epochs(3);
  medium->cache[kStatePage + base::kStateSlotBytes + kSlotHeaderBytes] ^= 0x20;
  auto store = open_on(medium, false, false);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->loaded().document.apps.at("web").epoch, 2U);
  EXPECT_THAT(store->loaded().recovered, testing::HasSubstr("had been acknowledged"));
  // What is written next counts, though its number is above that of the lost one.
  ASSERT_TRUE(store->write(serialize(document_at(9, "red"))).ok);
  EXPECT_EQ(epoch_on(medium), 9U);
}

// The slot's bytes never came, not even in part: both slots are whole and both are older.
TEST(StateStore, AnAcknowledgedDecisionThatNeverReachedTheDiskIsToldAndNotPassedOver) {
  auto medium = medium_with_epochs(2);
  const std::string before = medium->cache;
  {
    auto store = open_on(medium);
    store->acknowledge(store->write(serialize(document_at(3, "green"))).sequence);
  }
  std::memcpy(medium->cache.data() + kStatePage, before.data() + kStatePage,
              before.size() - kStatePage);
  EXPECT_FALSE(open_on(medium));
  auto store = open_on(medium, false, false);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT(store->loaded().recovered, testing::HasSubstr("had been acknowledged"));
  // Not acknowledged by the mark of the one that was lost.
  ASSERT_TRUE(store->write(serialize(document_at(4, "red"))).ok);
  EXPECT_FALSE(open_on(medium)->loaded().acknowledged);
}

TEST(StateStore, AWholeSlotThatIsNotUnderstoodRefusesToStartRatherThanFallBack) {
  auto medium = medium_with_epochs(2);
  {
    auto store = open_on(medium);
    ASSERT_TRUE(store->write(R"({"apps":{"web":{"epoch":3}},"operations":[]})").ok);
  }
  const auto store = open_on(medium);
  ASSERT_FALSE(store) << "an older decision took the place of the newest";
  EXPECT_EQ(store.error().code, base::ErrorCode::kInvalid);
  EXPECT_THAT(store.error().message, testing::HasSubstr("not understood"));
  EXPECT_THAT(store.error().hint, testing::HasSubstr("--reset-state"));
}

TEST(StateStore, WritesGoToTheSlotsInTurn) {
  auto medium = std::make_shared<Medium>();
  auto store = open_on(medium, true);
  std::vector<std::uint64_t> offsets;
  for (traffic::Epoch epoch = 1; epoch <= 4; ++epoch) {
    ASSERT_TRUE(store->write(serialize(document_at(epoch, "blue"))).ok);
    offsets.push_back(medium->last_offset);
  }
  const std::uint64_t a = kStatePage, b = kStatePage + base::kStateSlotBytes;
  EXPECT_THAT(offsets, testing::ElementsAre(b, a, b, a));
}

TEST(StateStore, ShortWritesAreContinued) {
  auto medium = std::make_shared<Medium>();
  auto store = open_on(medium, true);
  medium->short_write = 7;
  ASSERT_TRUE(store->write(serialize(document_at(5, "green"))).ok);
  EXPECT_EQ(epoch_on(medium), 5U);
}

TEST(StateStore, AFailedSyncPutsTheOldDecisionBackUnderAHigherNumber) {
  auto medium = medium_with_epochs(2);
  auto store = open_on(medium);
  int failures = 1;
  medium->when_syncing([&] { return failures-- > 0 ? -EIO : 0; });
  const WriteResult result = store->write(serialize(document_at(3, "green")));
  EXPECT_FALSE(result.ok);
  EXPECT_TRUE(result.restored);
  EXPECT_THAT(result.error, testing::HasSubstr("fdatasync"));
  EXPECT_EQ(epoch_on(medium), 2U);
  EXPECT_TRUE(open_on(medium)->loaded().acknowledged);
  medium->power_cut();
  EXPECT_EQ(epoch_on(medium), 2U);
  EXPECT_TRUE(store->write(serialize(document_at(4, "green"))).ok);
  EXPECT_EQ(epoch_on(medium), 4U);
}

TEST(StateStore, NeverTouchesTheOnlyGoodSlotWhileSyncsFail) {
  auto medium = medium_with_epochs(2);
  auto store = open_on(medium);
  medium->when_syncing([] { return -EIO; });
  for (int attempt = 0; attempt < 3; ++attempt) {
    const WriteResult result = store->write(serialize(document_at(3, "green")));
    EXPECT_FALSE(result.ok);
    EXPECT_FALSE(result.restored);
    // Nothing of it reached the disk, or any prefix of it: the old decision counts.
    auto after = std::make_shared<Medium>();
    for (std::size_t torn = 0; torn <= medium->last_write.size(); torn += 13) {
      after->cache = medium->disk;
      std::memcpy(after->cache.data() + medium->last_offset, medium->last_write.data(), torn);
      EXPECT_EQ(epoch_on(after), 2U) << torn;
    }
  }
  medium->when_syncing([] { return 0; });
  EXPECT_TRUE(store->write(serialize(document_at(3, "green"))).ok);
  EXPECT_EQ(epoch_on(medium), 3U);
}

TEST(StateStore, AFullDiskIsReportedAndChangesNothing) {
  auto medium = medium_with_epochs(2);
  auto store = open_on(medium);
  medium->when_writing([] { return -ENOSPC; });
  const WriteResult result = store->write(serialize(document_at(3, "green")));
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.error, testing::HasSubstr("No space left"));
  EXPECT_EQ(epoch_on(medium), 2U);
}

TEST(StateStore, InterruptedCallsAreRepeated) {
  auto medium = medium_with_epochs(1);
  auto store = open_on(medium);
  int interruptions = 3;
  medium->when_writing([&] { return interruptions-- > 0 ? -EINTR : 0; });
  EXPECT_TRUE(store->write(serialize(document_at(2, "green"))).ok);
}

TEST(StateStore, WithoutSyncNothingIsSynced) {
  auto medium = std::make_shared<Medium>();
  auto store = open_on(medium, true, false);
  EXPECT_TRUE(store->write(serialize(document_at(2, "green"))).ok);
  EXPECT_EQ(medium->syncs, 0U);
  EXPECT_EQ(epoch_on(medium), 2U);
}

TEST(StateStore, ADecisionCountsAsUnacknowledgedUntilItIsNoted) {
  auto medium = medium_with_epochs(1);
  auto store = open_on(medium);
  const WriteResult result = store->write(serialize(document_at(2, "green")));
  EXPECT_FALSE(open_on(medium)->loaded().acknowledged);
  store->acknowledge(result.sequence);
  EXPECT_TRUE(open_on(medium)->loaded().acknowledged);
}

TEST(StateStore, ATornAcknowledgementCostsTheMarkAndNoDecision) {
  auto medium = medium_with_epochs(2);
  for (std::size_t at = 0; at < kAckBytes; ++at) {
    auto damaged = std::make_shared<Medium>();
    damaged->cache = medium->cache;
    damaged->cache[at] ^= 0x01;
    auto store = open_on(damaged);
    ASSERT_TRUE(store);
    EXPECT_FALSE(store->loaded().acknowledged);
    EXPECT_EQ(store->loaded().document.apps.at("web").epoch, 2U);
    EXPECT_THAT(store->loaded().recovered,
                testing::HasSubstr("record of what was acknowledged last is damaged"));
  }
}

// Nobody knows any more whether the damaged slot held a later decision, and an acknowledged one.
TEST(StateStore, ADamagedSlotBesideADamagedAcknowledgementRefusesToStart) {
  auto medium = medium_with_epochs(3);
  medium->cache[0] ^= 0x01;
  medium->cache[kStatePage + base::kStateSlotBytes + kSlotHeaderBytes] ^= 0x01;  // the newest
  const auto store = open_on(medium);
  ASSERT_FALSE(store) << "an older decision took the place of the newest";
  EXPECT_EQ(store.error().code, base::ErrorCode::kIo);
  EXPECT_THAT(store.error().message, testing::HasSubstr("may be older"));
  EXPECT_THAT(store.error().hint, testing::HasSubstr("--reset-state"));
  const auto unsynced = open_on(medium, false, false);
  ASSERT_TRUE(unsynced) << "a power cut may cost decisions there";
  EXPECT_THAT(unsynced->loaded().recovered, testing::HasSubstr("may have held a later one"));
}

TEST(StateStore, ADocumentLargerThanItsSlotIsRefusedUntouched) {
  auto medium = medium_with_epochs(2);
  auto store = open_on(medium);
  const std::size_t writes = medium->writes;
  const WriteResult result = store->write(std::string(base::kStateSlotBytes, ' '));
  EXPECT_FALSE(result.ok);
  EXPECT_TRUE(result.restored);
  EXPECT_EQ(medium->writes, writes);
}

TEST(StateStore, ALaterFormatIsRefusedRatherThanTakenForDamage) {
  auto medium = medium_with_epochs(2);
  std::string slot;
  encode_slot(slot, 99, "{}", kSlotVersion + 1);
  std::memcpy(medium->cache.data() + kStatePage, slot.data(), slot.size());
  auto store = open_on(medium);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, base::ErrorCode::kInvalid);
  EXPECT_THAT(store.error().message, testing::HasSubstr("newer version"));
}

TEST(StateStore, AnEarlierFormatIsRefusedRatherThanReadAtTheWrongPlaces) {
  auto medium = medium_with_epochs(2);
  std::string slot;
  encode_slot(slot, 99, "{}", kSlotVersion - 1);
  std::memcpy(medium->cache.data() + kStatePage, slot.data(), slot.size());
  auto store = open_on(medium);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, base::ErrorCode::kInvalid);
  EXPECT_THAT(store.error().message, testing::HasSubstr("before the release 0.1"));
}

}  // namespace
}  // namespace shunt::control
