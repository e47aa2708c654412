#include "src/app/shutdown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <variant>
#include <vector>

namespace shunt::app {
namespace {

using testing::ElementsAre;

// Two workers that do what the test says; a full mailbox on request.
class FakeDataPlane final : public proxy::DataPlane {
 public:
  FakeDataPlane() : publication_(kWorkers, std::make_unique<traffic::RoutingRoot>()), live_(1) {
    for (std::uint32_t i = 0; i < kWorkers; ++i) {
      counters_.push_back(std::make_unique<proxy::WorkerCounters>(1, 1));
    }
  }

  std::uint32_t workers() const noexcept override { return kWorkers; }
  proxy::Publication& publication() noexcept override { return publication_; }
  void wake(traffic::Revision) noexcept override {}
  bool send(std::uint32_t worker, const proxy::Request& request) noexcept override {
    if (mailbox_full) return false;
    if (const auto* stop = std::get_if<proxy::StopAccepting*>(&request)) {
      ++accepts_stopped;
      (*stop)->done.store(true, std::memory_order_release);
    }
    if (std::holds_alternative<proxy::StopWorker>(request)) ended_[worker] = worker != stuck;
    return true;
  }
  const proxy::WorkerCounters& counters(std::uint32_t worker) const noexcept override {
    return *counters_[worker];
  }
  const traffic::LiveCounts& live() const noexcept override { return live_; }
  std::size_t take_ends(std::uint32_t, proxy::ConnectionEnd*, std::size_t) noexcept override {
    return 0;
  }
  std::size_t take_outcomes(std::uint32_t, proxy::ConnectOutcome*, std::size_t) noexcept override {
    return 0;
  }
  bool ended(std::uint32_t worker) const noexcept override { return ended_[worker]; }
  std::string features() const override { return "none"; }
  const std::vector<std::vector<base::Endpoint>>& listening() const noexcept override {
    return listening_;
  }

  void set_relays(std::uint32_t worker, std::uint64_t count) {
    proxy::Count& relays = counters_[worker]->relays;
    relays.subtract(relays.get());
    relays.add(count);
  }

  bool mailbox_full = false;
  int accepts_stopped = 0;

  std::uint32_t stuck = UINT32_MAX;  // this worker never ends

 private:
  static constexpr std::uint32_t kWorkers = 2;
  proxy::Publication publication_;
  traffic::LiveCounts live_;
  std::vector<std::unique_ptr<proxy::WorkerCounters>> counters_;
  bool ended_[kWorkers] = {};
  std::vector<std::vector<base::Endpoint>> listening_;
};

class ShutdownTest : public testing::Test {
 protected:
  Shutdown& make(base::Duration delay, base::Duration grace) {
    shutdown_.emplace(io_, data_plane_, Shutdown::Options{.delay = delay, .grace = grace},
                      [this](StopPhase phase) { entered_.push_back(phase); });
    return *shutdown_;
  }
  void run_until(StopPhase phase) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (shutdown_->phase() != phase && std::chrono::steady_clock::now() < end &&
           io_.run_one_for(std::chrono::seconds(30)) > 0) {
    }
  }
  void run_some() { io_.run_one_for(std::chrono::seconds(30)); }

  boost::asio::io_context io_;
  FakeDataPlane data_plane_;
  std::optional<Shutdown> shutdown_;
  std::vector<StopPhase> entered_;
};

constexpr base::Duration kLong = 3600 * base::kSecond;

TEST_F(ShutdownTest, GoesThroughEveryPhaseInOrder) {
  make(1, kLong).signalled();
  run_until(StopPhase::kEnded);
  EXPECT_THAT(entered_, ElementsAre(StopPhase::kDelaying, StopPhase::kLingering,
                                    StopPhase::kClosing, StopPhase::kEnded));
  EXPECT_EQ(data_plane_.accepts_stopped, 2);
}

TEST_F(ShutdownTest, GoesOnAcceptingDuringTheDelay) {
  make(kLong, kLong).signalled();
  io_.poll();
  EXPECT_EQ(shutdown_->phase(), StopPhase::kDelaying);
  EXPECT_EQ(data_plane_.accepts_stopped, 0);
}

TEST_F(ShutdownTest, WaitsForConnectionsAndGoesOnWhenTheLastOneEnds) {
  data_plane_.set_relays(1, 1);
  make(1, kLong).signalled();
  run_until(StopPhase::kLingering);
  for (int i = 0; i < 5; ++i) run_some();
  EXPECT_EQ(shutdown_->phase(), StopPhase::kLingering);
  data_plane_.set_relays(1, 0);
  run_until(StopPhase::kEnded);
  EXPECT_EQ(shutdown_->phase(), StopPhase::kEnded);
}

TEST_F(ShutdownTest, ClosesWhatIsLeftWhenTheGraceEnds) {
  data_plane_.set_relays(0, 7);
  make(1, 20 * base::kMillisecond).signalled();
  run_until(StopPhase::kEnded);
  EXPECT_EQ(shutdown_->phase(), StopPhase::kEnded);
}

TEST_F(ShutdownTest, ASecondSignalClosesAtOnceInAnyPhase) {
  data_plane_.set_relays(0, 7);
  make(kLong, kLong).signalled();
  shutdown_->signalled();
  run_until(StopPhase::kEnded);
  EXPECT_THAT(entered_, ElementsAre(StopPhase::kDelaying, StopPhase::kClosing, StopPhase::kEnded));
  shutdown_->signalled();  // a third changes nothing
  EXPECT_EQ(shutdown_->phase(), StopPhase::kEnded);
}

TEST_F(ShutdownTest, AWorkerThatDoesNotEndIsAbandonedAtTheNextSignal) {
  data_plane_.stuck = 1;
  make(kLong, kLong).signalled();
  shutdown_->signalled();
  for (int i = 0; i < 3; ++i) run_some();
  EXPECT_EQ(shutdown_->phase(), StopPhase::kClosing);
  shutdown_->signalled();
  EXPECT_EQ(entered_.back(), StopPhase::kAbandoned);
}

TEST_F(ShutdownTest, AWorkerThatDoesNotEndIsAbandonedAfterABound) {
  data_plane_.stuck = 0;
  shutdown_.emplace(io_, data_plane_,
                    Shutdown::Options{.delay = 1, .grace = 1, .close_within = base::kMillisecond},
                    [this](StopPhase phase) { entered_.push_back(phase); });
  shutdown_->signalled();
  run_until(StopPhase::kAbandoned);
  EXPECT_EQ(shutdown_->phase(), StopPhase::kAbandoned);
}

TEST_F(ShutdownTest, AFullMailboxIsTriedAgain) {
  data_plane_.mailbox_full = true;
  make(1, kLong).signalled();
  run_until(StopPhase::kLingering);
  for (int i = 0; i < 3; ++i) run_some();
  EXPECT_EQ(shutdown_->phase(), StopPhase::kLingering);
  data_plane_.mailbox_full = false;
  run_until(StopPhase::kEnded);
  EXPECT_EQ(data_plane_.accepts_stopped, 2);
}

}  // namespace
}  // namespace shunt::app
