// StateStore on real files.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "shunt/control/state_store.hpp"
#include "tests/unit/control/memory_file.hpp"

namespace shunt::control {
namespace {

using test::document_at;
using testing::HasSubstr;

class StateDirectory : public testing::Test {
 protected:
  StateDirectory() {
    char pattern[] = "/tmp/shunt-state-XXXXXX";
    root_ = ::mkdtemp(pattern);
    dir_ = root_ + "/deep/state";
  }
  ~StateDirectory() override { std::filesystem::remove_all(root_); }

  void write(traffic::Epoch epoch) {
    auto store = StateStore::open({.dir = dir_});
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE(store->write(serialize(document_at(epoch, "green"))).ok);
  }
  void overwrite(std::uint64_t offset, const std::string& bytes) {
    std::fstream file(dir_ + "/decisions", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string root_, dir_;
};

TEST_F(StateDirectory, IsCreatedAndFreshWhereThereIsNone) {
  auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE(store->loaded().fresh);
  EXPECT_TRUE(store->loaded().document.apps.empty());
  EXPECT_EQ(std::filesystem::file_size(dir_ + "/decisions"), kStateFileBytes);
}

TEST_F(StateDirectory, ThatWasUsedAndHasLostItsDecisionsSaysSo) {
  write(7);
  std::filesystem::remove(dir_ + "/decisions");
  {
    const auto store = StateStore::open({.dir = dir_});
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_TRUE(store->loaded().fresh);
    EXPECT_THAT(store->loaded().recovered, HasSubstr("has been used before"));
    EXPECT_THAT(store->loaded().recovered, HasSubstr(dir_));
  }
  const auto again = StateStore::open({.dir = dir_});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->loaded().recovered, "") << "once";
}

TEST_F(StateDirectory, ThatAnEarlierVersionUsedAndHasLostItsDecisionsSaysSo) {
  write(7);
  std::filesystem::remove(dir_ + "/decisions");
  std::ofstream(dir_ + "/lock", std::ios::trunc) << "4711\n";
  const auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT(store->loaded().recovered, HasSubstr("has been used before"));
}

TEST_F(StateDirectory, ThatIsBegunAnewOnPurposeSaysNothing) {
  EXPECT_EQ(StateStore::open({.dir = dir_})->loaded().recovered, "");
  EXPECT_EQ(StateStore::open({.dir = dir_, .reset = true})->loaded().recovered, "");
}

// What keeps DIR/decisions from being made, as a full disk would.
TEST_F(StateDirectory, AFirstStartThatFailedIsNoUseOfTheDirectory) {
  std::filesystem::create_directories(dir_ + "/decisions.new");
  ASSERT_FALSE(StateStore::open({.dir = dir_}));
  std::filesystem::remove(dir_ + "/decisions.new");
  const auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE(store->loaded().fresh);
  EXPECT_EQ(store->loaded().recovered, "");
}

TEST_F(StateDirectory, AResetThatFailedHalfWaySaysWhatItPutAsideAndTheNextStartThatItIsGone) {
  write(7);
  std::filesystem::create_directories(dir_ + "/decisions.new");
  const auto failed = StateStore::open({.dir = dir_, .reset = true});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("decisions.new"));
  EXPECT_THAT(
      failed.error().message,
      HasSubstr("; --reset-state put aside: web (green live, epoch 7); the file is kept as " +
                dir_ + "/decisions.set-aside-"));
  std::filesystem::remove(dir_ + "/decisions.new");
  const auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT(store->loaded().recovered, HasSubstr("has been used before"));
}

TEST_F(StateDirectory, AResetThatIsRepeatedAfterAFailureSaysNothingMore) {
  write(7);
  std::filesystem::create_directories(dir_ + "/decisions.new");
  ASSERT_FALSE(StateStore::open({.dir = dir_, .reset = true}));
  std::filesystem::remove(dir_ + "/decisions.new");
  const auto store = StateStore::open({.dir = dir_, .reset = true});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->loaded().reset, "there were no decisions to put aside");
  EXPECT_EQ(store->loaded().recovered, "");
}

TEST_F(StateDirectory, AResetSaysWhatWasPutAsideAndWhereItIsKept) {
  EXPECT_EQ(StateStore::open({.dir = dir_, .reset = true})->loaded().reset,
            "there were no decisions to put aside");
  {
    auto store = StateStore::open({.dir = dir_});
    EXPECT_EQ(store->loaded().reset, "") << "only where it was asked for";
    StateDocument document = document_at(7, "green");
    document.apps["web"].admin["b1"] = traffic::AdminState::kDrain;
    ASSERT_TRUE(store->write(serialize(document)).ok);
  }
  std::string first = StateStore::open({.dir = dir_, .reset = true})->loaded().reset;
  EXPECT_THAT(first, HasSubstr("put aside: web (green live, epoch 7, nodes b1 drain); the file is "
                               "kept as " +
                               dir_ + "/decisions.set-aside-"));
  const std::string file = first.substr(first.rfind(' ') + 1);
  EXPECT_TRUE(std::filesystem::exists(file)) << file;
  overwrite(kStatePage + 20, "garbage");
  const std::string second = StateStore::open({.dir = dir_, .reset = true})->loaded().reset;
  EXPECT_THAT(second, HasSubstr("cannot be read (both copies of the state are damaged)"));
  EXPECT_NE(second.substr(second.rfind(' ') + 1), file) << "the first one's file is kept";
}

TEST_F(StateDirectory, KeepsWhatWasWrittenAndItsAcknowledgement) {
  {
    auto store = StateStore::open({.dir = dir_});
    const WriteResult result = store->write(serialize(document_at(7, "green")));
    ASSERT_TRUE(result.ok) << result.error;
    store->acknowledge(result.sequence);
  }
  auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store);
  EXPECT_FALSE(store->loaded().fresh);
  EXPECT_TRUE(store->loaded().acknowledged);
  EXPECT_EQ(store->loaded().document.apps.at("web").epoch, 7U);
  EXPECT_EQ(std::filesystem::file_size(dir_ + "/decisions"), kStateFileBytes);
}

TEST_F(StateDirectory, ASecondDaemonIsToldThePidOfTheFirst) {
  auto first = StateStore::open({.dir = dir_});
  ASSERT_TRUE(first);
  auto second = StateStore::open({.dir = dir_});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr("in use by process " + std::to_string(::getpid())));
  EXPECT_THAT(second.error().hint, HasSubstr("state.dir"));
}

TEST_F(StateDirectory, IsFreeAgainWhenItsHolderWasKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = StateStore::open({.dir = dir_});
    (void)!::write(ready[1], store ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_FALSE(StateStore::open({.dir = dir_}));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(StateStore::open({.dir = dir_}));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(StateDirectory, TwoDamagedCopiesRefuseToStartAndNameTheWayOut) {
  write(2);
  overwrite(kStatePage + 20, "garbage");
  overwrite(kStatePage + base::kStateSlotBytes + 20, "garbage");
  auto store = StateStore::open({.dir = dir_});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr(dir_ + "/decisions"));
  EXPECT_THAT(store.error().message, HasSubstr("both copies"));
  EXPECT_THAT(store.error().hint, HasSubstr("--reset-state"));

  auto anew = StateStore::open({.dir = dir_, .reset = true});
  ASSERT_TRUE(anew) << anew.error().message;
  EXPECT_TRUE(anew->loaded().fresh);
  bool aside = false;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    aside |= entry.path().filename().string().starts_with("decisions.set-aside-");
  }
  EXPECT_TRUE(aside) << "the damaged file is kept for whoever wants to look";
}

TEST_F(StateDirectory, AFileCutShortFallsBackToTheCopyThatIsLeft) {
  write(2);  // slot 1
  write(3);  // slot 0
  std::filesystem::resize_file(dir_ + "/decisions", kStatePage + base::kStateSlotBytes);
  auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->loaded().document.apps.at("web").epoch, 3U);
  EXPECT_FALSE(store->loaded().recovered.empty());
}

TEST_F(StateDirectory, AHalfMadeFileOfACrashAtCreationIsNoState) {
  std::filesystem::create_directories(dir_);
  std::ofstream(dir_ + "/decisions.new") << "half";
  auto store = StateStore::open({.dir = dir_});
  ASSERT_TRUE(store);
  EXPECT_TRUE(store->loaded().fresh);
}

TEST_F(StateDirectory, ThatCannotBeMadeSaysWhereItShouldBe) {
  std::ofstream(root_ + "/deep") << "a file in the way";
  auto store = StateStore::open({.dir = dir_});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr(dir_));
  EXPECT_THAT(store.error().hint, HasSubstr("state.dir"));
}

}  // namespace
}  // namespace shunt::control
