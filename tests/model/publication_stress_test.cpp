// The real Publication under threads: the orders that this machine produces, and ThreadSanitizer's
// view of them. The exhaustive argument is publication_model.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "shunt/proxy/publication.hpp"

namespace shunt::proxy {
namespace {

constexpr std::uint32_t kWorkers = 3;
constexpr traffic::Revision kPublications = 2000;

// What the threads share besides the Publication: who was told what, for the checks.
class Stress {
 public:
  std::unique_ptr<const traffic::RoutingRoot> make_root(traffic::Revision revision) {
    auto root = std::make_unique<traffic::RoutingRoot>();
    root->revision = revision;
    // The table says when its root is reclaimed.
    auto table = std::make_unique<traffic::RoutingTable>();
    table->epoch = revision;
    root->tables.emplace_back(table.release(), [this](const traffic::RoutingTable* freed) {
      reclaimed_[freed->epoch].store(true, std::memory_order_release);
      delete freed;
    });
    return root;
  }

  void run_worker(std::uint32_t index) {
    traffic::Revision follows = 1;
    traffic::Revision connect = 0;  // the root on whose behalf a connect is under way; 0: none
    std::uint64_t turn = index;
    while (!stop_.load(std::memory_order_relaxed)) {
      const traffic::RoutingRoot* root = publication_.begin_turn(index, follows, connect != 0);
      // What had been judged before this turn's connect begins binds it.
      const traffic::Revision judged = judged_[index].value.load(std::memory_order_acquire);
      if (root->revision < judged) ++violations_;  // it would connect to a left pool
      if (connect != 0 && connect < judged) ++violations_;
      if (root->tables[0]->epoch != root->revision) ++violations_;
      if (reclaimed_[root->revision].load(std::memory_order_relaxed)) ++violations_;
      ++turn;
      if (connect != 0 && turn % 37 == 0) connect = 0;                   // it succeeded
      if (connect != 0 && connect < root->revision && turn % 16 == 0) {  // re-pointed, late
        connect = root->revision;
      }
      if (connect == 0 && turn % 5 != 0) connect = root->revision;
      if (connect == 0 || connect == root->revision) {
        follows = root->revision;
        if (turn % 3 == 0) publication_.note_followed(index, follows, connect != 0);
      }
      turns_[index].value.store(turn, std::memory_order_relaxed);
      if (turn % 4 != 0) continue;
      publication_.go_offline(index, follows, connect != 0);
      std::this_thread::yield();
    }
    publication_.go_offline(index, follows, false);
  }

  void run_publisher() {
    for (traffic::Revision revision = 2; revision <= kPublications; ++revision) {
      // Workers keep pace, or everything would be over before the first of them runs.
      if (revision % 4 == 0) await_a_turn_of_each();
      publication_.publish(make_root(revision));
      // Every third publication overtakes the adoption of the one before it.
      for (std::uint32_t i = 0; i < kWorkers && revision % 3 != 0; ++i) {
        while (!publication_.adopted(i, revision)) std::this_thread::yield();
        judged_[i].value.store(revision, std::memory_order_release);
      }
      most_kept_ = std::max(most_kept_, publication_.reclaim());
    }
    stop_.store(true, std::memory_order_relaxed);
  }

  Publication& publication() { return publication_; }
  std::uint64_t violations() const { return violations_.load(); }
  std::size_t most_kept() const { return most_kept_; }
  bool is_reclaimed(traffic::Revision revision) const { return reclaimed_[revision].load(); }

 private:
  struct alignas(64) Padded {
    std::atomic<std::uint64_t> value{0};
  };

  void await_a_turn_of_each() const {
    for (const Padded& turns : turns_) {
      const std::uint64_t before = turns.value.load(std::memory_order_relaxed);
      while (turns.value.load(std::memory_order_relaxed) == before) std::this_thread::yield();
    }
  }

  std::array<std::atomic<bool>, kPublications + 1> reclaimed_{};
  std::array<Padded, kWorkers> judged_{};  // revisions
  std::array<Padded, kWorkers> turns_{};
  std::atomic<std::uint64_t> violations_{0};
  std::atomic<bool> stop_{false};
  std::size_t most_kept_ = 0;
  Publication publication_{kWorkers, make_root(1)};
};

TEST(PublicationStress, NoWorkerUsesAnOlderRootOnceItWasJudgedAdoptedNorAReclaimedOne) {
  auto stress = std::make_unique<Stress>();
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < kWorkers; ++i) {
    threads.emplace_back([&stress, i] { stress->run_worker(i); });
  }
  stress->run_publisher();
  threads.clear();
  EXPECT_EQ(stress->violations(), 0U);
  EXPECT_TRUE(stress->publication().adopted_by_all(kPublications));
  EXPECT_EQ(stress->publication().reclaim(), 0U) << "with every worker offline nothing is kept";
  EXPECT_TRUE(stress->is_reclaimed(kPublications - 1));
  EXPECT_FALSE(stress->is_reclaimed(kPublications));
}

}  // namespace
}  // namespace shunt::proxy
