// What different threads write lies on different cache lines, and pairs of lines. Looked at from
// outside: all memory that the parts of two workers take is noted, and compared before and after
// one thread has done its work. So a new member, or a new allocation, is held to the rule as well.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "shunt/base/limits.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/traffic/table.hpp"
#include "shunt/uring/system_kernel.hpp"
#include "src/proxy/worker.hpp"
#include "src/proxy/worker_thread.hpp"
#include "tests/unit/proxy/crowd_kernel.hpp"

namespace {

// Allocations of the product, not those of the test and its kernels.
struct Account {
  struct Block {
    std::byte* memory;
    std::size_t bytes;
  };
  bool open = false;
  std::array<Block, 1024> blocks;  // not on the heap that it keeps account of
  std::size_t count = 0;
};
Account account;

void* allocate(std::size_t bytes, std::size_t alignment) {
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) std::abort();
  if (account.open) {
    if (account.count == account.blocks.size()) std::abort();
    account.blocks[account.count++] = {static_cast<std::byte*>(memory), bytes};
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes, 16);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
// The compiler sees through only one half of each pair.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace shunt::proxy::testing {
namespace {

// Makes something whose memory is held to the rule. What it allocated for itself stays.
template <class T, class... Arguments>
std::unique_ptr<T> make(Arguments&&... arguments) {
  account.open = true;
  auto made = std::make_unique<T>(std::forward<Arguments>(arguments)...);
  account.open = false;
  return made;
}

using Pairs = std::set<std::uintptr_t>;

// Pairs of cache lines of which `work` changes a byte. They belong to one allocation each: what is
// behind or before it may be anybody's.
Pairs written_by(const std::function<void()>& work) {
  std::vector<std::vector<std::byte>> before;
  for (std::size_t i = 0; i < account.count; ++i) {
    const Account::Block& block = account.blocks[i];
    before.emplace_back(block.memory, block.memory + block.bytes);
  }
  work();
  Pairs pairs;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Account::Block& block = account.blocks[i];
    bool changed = false;
    for (std::size_t at = 0; at < block.bytes; ++at) {
      if (block.memory[at] == before[i][at]) continue;
      pairs.insert(reinterpret_cast<std::uintptr_t>(block.memory + at) / base::kLinePair);
      changed = true;
    }
    EXPECT_TRUE(!changed ||
                (reinterpret_cast<std::uintptr_t>(block.memory) % base::kLinePair == 0 &&
                 block.bytes % base::kLinePair == 0))
        << "an allocation of " << block.bytes << " bytes that shares lines with others";
  }
  return pairs;
}

Pairs common(const Pairs& a, const Pairs& b) {
  Pairs both;
  for (const std::uintptr_t pair : a) {
    if (b.contains(pair)) both.insert(pair);
  }
  return both;
}
std::uintptr_t pair_of(const void* object) {
  return reinterpret_cast<std::uintptr_t>(object) / base::kLinePair;
}

traffic::Model make_model() {
  traffic::Model model;
  traffic::App app;
  app.name = "app";
  app.balance = traffic::Balance::kLeastConnections;
  app.services = {0};
  traffic::Pool pool;
  pool.name = "pool";
  for (const char* address : {"192.0.2.2:80", "192.0.2.3:80"}) {
    traffic::Node node;
    node.slot = model.slots++;
    node.name = address;
    node.addresses = {*base::Endpoint::parse(address)};
    pool.nodes.push_back(node);
  }
  app.pools.push_back(pool);
  model.services.resize(1);
  model.apps = {app};
  return model;
}

std::unique_ptr<const traffic::RoutingRoot> make_root(const traffic::Model& model,
                                                      traffic::Revision revision) {
  auto table = traffic::build_table(
      model, 0, {.active = 0, .epoch = revision},
      [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
      [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
  return traffic::build_root(revision, {std::move(table)}, 1);
}

// A worker with what WorkerThread gives it, one after the other on the heap.
struct Seat {
  explicit Seat(std::uint32_t slots)
      : kernel(std::make_unique<CrowdKernel>()),
        mailbox(make<SpscRing<Request>>(base::kMailboxCapacity)),
        counters(make<WorkerCounters>(slots, 1)),
        outbox(make<Outbox>(*counters)) {}

  std::unique_ptr<CrowdKernel> kernel;
  std::unique_ptr<SpscRing<Request>> mailbox;
  std::unique_ptr<WorkerCounters> counters;
  std::unique_ptr<Outbox> outbox;
  WorkerSetup setup;
  std::unique_ptr<Worker<CrowdKernel>> worker;
  std::uint32_t staying = 0;

  void turn() { ASSERT_TRUE(worker->turn()); }
};

class Layout : public ::testing::Test {
 protected:
  Layout() {
    for (std::uint32_t index = 0; index < 2; ++index) {
      WorkerSetup& setup = seats_[index].setup;
      setup.index = index;
      setup.connections_max = 64;
      setup.listeners = {{CrowdKernel::kListener, 0}};
      setup.app_of = {0};
      setup.wake_fd = CrowdKernel::kWake;
      setup.publication = publication_.get();
      setup.mailbox = seats_[index].mailbox.get();
      setup.outbox = seats_[index].outbox.get();
      setup.counters = seats_[index].counters.get();
      setup.live = live_.get();
      setup.open = open_.get();
      account.open = true;
      seats_[index].worker =
          std::make_unique<Worker<CrowdKernel>>(*seats_[index].kernel, seats_[index].setup);
      account.open = false;
      seats_[index].worker->start();
    }
    for (Seat& seat : seats_) {
      work(seat);  // what is written only the first time is of no account
    }
  }
  void TearDown() override { account.count = 0; }

  // Connections come, try one node after the other, and are given up. Each time one more
  // stays, so that the live counts are other ones than before.
  static void work(Seat& seat) {
    seat.kernel->clients_arrive(8);
    for (int i = 0; i < 8; ++i) {
      seat.turn();
      seat.kernel->clock += 3 * base::kSecond;  // an attempt has two
    }
    seat.kernel->clients_arrive(++seat.staying);
    seat.turn();
  }

  const traffic::Model model_ = make_model();
  std::unique_ptr<Publication> publication_ = make<Publication>(2U, make_root(model_, 1));
  std::unique_ptr<traffic::LiveCounts> live_ = make<traffic::LiveCounts>(model_.slots);
  std::unique_ptr<OpenConnections> open_ = make<OpenConnections>();
  std::array<Seat, 2> seats_ = {Seat(model_.slots), Seat(model_.slots)};
};

TEST_F(Layout, TwoWorkersWriteOnLinesOfTheirOwnButForTheLiveCounts) {
  const Pairs one = written_by([&] { work(seats_[0]); });
  const Pairs two = written_by([&] { work(seats_[1]); });
  const Pairs both = common(one, two);
  const Pairs live = written_by([&] {
    for (traffic::NodeSlot slot = 0; slot < live_->slots(); ++slot) live_->reserve(slot);
    open_->count.fetch_add(1);
  });
  EXPECT_GE(one.size(), 8U) << "hardly anything was seen to be written";
  EXPECT_TRUE(both.contains(pair_of(open_.get())));
  for (const std::uintptr_t pair : both) {
    EXPECT_TRUE(live.contains(pair)) << "a pair of lines that both workers write";
  }
}

TEST_F(Layout, ControlWritesOnOtherLinesThanAWorker) {
  Ping ping;
  const Pairs control = written_by([&] {
    for (Seat& seat : seats_) {
      ASSERT_TRUE(seat.mailbox->push(&ping));
      ConnectionEnd end;
      ASSERT_EQ(seat.outbox->take_ends(&end, 1), 1U);
    }
    publication_->publish(make_root(model_, 2));
  });
  const Pairs worker = written_by([&] { work(seats_[0]); });
  EXPECT_GE(control.size(), 5U);
  EXPECT_TRUE(common(control, worker).empty());
}

TEST_F(Layout, LiveCountsOfTwoNodesLieOnDifferentPairsOfLines) {
  const Pairs one = written_by([&] { live_->reserve(0); });
  const Pairs two = written_by([&] { live_->reserve(1); });
  EXPECT_EQ(one.size(), 1U);
  EXPECT_EQ(two.size(), 1U);
  EXPECT_TRUE(common(one, two).empty());
  const Pairs open = written_by([&] { open_->count.fetch_add(1); });
  EXPECT_TRUE(common(open, one).empty() && common(open, two).empty());
}

TEST_F(Layout, WordsOfTwoWorkersLieOnDifferentPairsOfLines) {
  const Pairs one = written_by([&] { publication_->go_offline(0, 5, true); });
  const Pairs two = written_by([&] { publication_->go_offline(1, 5, true); });
  const Pairs root = written_by([&] { publication_->publish(make_root(model_, 9)); });
  EXPECT_EQ(one.size(), 1U);
  EXPECT_EQ(two.size(), 1U);
  EXPECT_TRUE(common(one, two).empty());
  EXPECT_TRUE(common(root, one).empty() && common(root, two).empty());
}

// Others look at them for each connection that they accept.
TEST_F(Layout, WhatPeersReadIsApartFromWhatChangesOnEveryTurn) {
  const Pairs turn = written_by([&] { seats_[0].turn(); });
  EXPECT_FALSE(turn.empty());
  EXPECT_FALSE(turn.contains(pair_of(&seats_[0].counters->relays)));
}

TEST_F(Layout, SeatsOfTwoWorkersLieOnDifferentPairsOfLines) {
  const auto peers = make<Peers>(2U);
  peers->open(0, 5, 6);
  peers->open(1, 7, 8);
  const Pairs one = written_by([&] { ASSERT_TRUE(peers->reserve(0)); });
  const Pairs two = written_by([&] { ASSERT_TRUE(peers->reserve(1)); });
  EXPECT_EQ(one.size(), 1U);
  EXPECT_EQ(two.size(), 1U);
  EXPECT_TRUE(common(one, two).empty());
}

// What a thread makes for itself, or for one worker, on a heap that others use too.
TEST(LayoutOfTypes, ObjectsOfOneWorkerFillWholePairsOfLines) {
  const auto fills = []<class T>() {
    return alignof(T) % base::kLinePair == 0 && sizeof(T) % base::kLinePair == 0;
  };
  EXPECT_TRUE(fills.operator()<WorkerThread>());
  EXPECT_TRUE(fills.operator()<Worker<uring::SystemKernel>>());
  EXPECT_TRUE(fills.operator()<WorkerCounters>());
  EXPECT_TRUE(fills.operator()<uring::SystemKernel>());
  EXPECT_TRUE(fills.operator()<uring::Ring>());
  EXPECT_TRUE(fills.operator()<uring::BufferRing>());
}

}  // namespace
}  // namespace shunt::proxy::testing
