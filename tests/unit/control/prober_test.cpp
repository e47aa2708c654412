// The prober against real sockets. Tests wait for what must happen; a minute is given only so that
// a failure ends.
#include "shunt/control/prober.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "shunt/base/unique_fd.hpp"
#include "src/control/prober_plan.hpp"

namespace shunt::control {
namespace {

using base::kMillisecond;

base::Endpoint endpoint(const std::string& text) {
  return *base::Endpoint::parse(text);
}

struct Listener {
  explicit Listener(const base::Endpoint& wanted, int backlog = 128)
      : fd(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    EXPECT_EQ(::bind(fd.get(), wanted.address(), wanted.length()), 0) << wanted.to_string();
    EXPECT_EQ(::listen(fd.get(), backlog), 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    address =
        wanted.is_unix() ? wanted : base::Endpoint(reinterpret_cast<sockaddr*>(&bound), length);
  }
  [[nodiscard]] base::UniqueFd accept() const {
    return base::UniqueFd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  }

  base::UniqueFd fd;
  base::Endpoint address;
};

// An address whose port is bound, so that nobody else takes it, but not listened on.
struct Refusing {
  Refusing() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const base::Endpoint any = endpoint("127.0.0.1");
    EXPECT_EQ(::bind(fd.get(), any.address(), any.length()), 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    address = base::Endpoint(reinterpret_cast<sockaddr*>(&bound), length);
  }
  base::UniqueFd fd;
  base::Endpoint address;
};

// A listener whose queue is full: the kernel drops further SYNs, as a dead host would.
struct BlackHole {
  BlackHole() : listener(endpoint("127.0.0.1"), 0) {
    while (fillers.size() < 16) {
      base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(fd.get(), listener.address.address(), listener.address.length());
      fillers.push_back(std::move(fd));
    }
  }
  Listener listener;
  std::vector<base::UniqueFd> fillers;
};

class ProberTest : public ::testing::Test {
 protected:
  // Adds a node with one service; returns its slot.
  traffic::NodeSlot add(const base::Endpoint& address) {
    if (model_.apps.empty()) {
      model_.apps.resize(1);
      model_.apps[0].pools.resize(1);
      model_.apps[0].health.interval = 20 * kMillisecond;
      model_.apps[0].health.timeout = 20 * kMillisecond;
    }
    traffic::Node node;
    node.slot = model_.slots++;
    node.addresses = {address};
    model_.apps[0].pools[0].nodes.push_back(node);
    return node.slot;
  }

  void start(ProberOptions options = {}) {
    prober_ = make_prober(
        io_, model_,
        [this](const ProbeResult& result) {
          auto& of_slot = results_[result.slot];
          of_slot.push_back(result);
          if (on_result_) on_result_(result);
        },
        options);
    prober_->start();
  }

  template <class Condition>
  void wait_for(Condition condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the condition never came true";
      io_.run_one_for(std::chrono::milliseconds(100));
      io_.restart();
    }
  }
  std::size_t count(traffic::NodeSlot slot) { return results_[slot].size(); }
  const ProbeResult& last(traffic::NodeSlot slot) { return results_[slot].back(); }

  boost::asio::io_context io_;
  traffic::Model model_;
  std::map<traffic::NodeSlot, std::vector<ProbeResult>> results_;
  std::function<void(const ProbeResult&)> on_result_;
  std::unique_ptr<Prober> prober_;
};

TEST_F(ProberTest, ANodeThatAcceptsPassesAgainAndAgain) {
  const Listener listener(endpoint("127.0.0.1"));
  const traffic::NodeSlot slot = add(listener.address);
  start();
  wait_for([&] { return count(slot) >= 3; });
  for (const ProbeResult& result : results_[slot]) {
    EXPECT_TRUE(result.passed);
    EXPECT_EQ(result.failure, "");
  }
}

TEST_F(ProberTest, ANodeThatRefusesFailsWithTheReason) {
  const Refusing refusing;
  const traffic::NodeSlot slot = add(refusing.address);
  start();
  wait_for([&] { return count(slot) >= 2; });
  EXPECT_FALSE(last(slot).passed);
  EXPECT_EQ(last(slot).failure, "connection refused");
}

TEST_F(ProberTest, ANodeThatSwallowsPacketsFailsAtTheTimeout) {
  const BlackHole hole;
  const traffic::NodeSlot slot = add(hole.listener.address);
  start();
  wait_for([&] { return count(slot) >= 2; });
  EXPECT_FALSE(last(slot).passed);
  EXPECT_EQ(last(slot).failure, "no answer within 20ms");
  EXPECT_GE(last(slot).took, 20 * kMillisecond);
}

TEST_F(ProberTest, ANodeThatComesBackPasses) {
  Refusing refusing;
  const traffic::NodeSlot slot = add(refusing.address);
  start();
  wait_for([&] { return count(slot) >= 1; });
  EXPECT_FALSE(last(slot).passed);
  ASSERT_EQ(::listen(refusing.fd.get(), 16), 0);
  wait_for([&] { return last(slot).passed; });
}

TEST_F(ProberTest, OneNodeThatSwallowsPacketsDelaysNoOther) {
  const BlackHole hole;
  const Listener listener(endpoint("127.0.0.1"));
  const traffic::NodeSlot dead = add(hole.listener.address);
  model_.apps[0].health.timeout = 3600 * base::kSecond;
  model_.apps[0].health.interval = 3600 * base::kSecond;
  model_.apps.push_back(model_.apps[0]);
  model_.apps[1].pools[0].nodes.clear();
  model_.apps[1].health = {.interval = 20 * kMillisecond, .timeout = 20 * kMillisecond};
  traffic::Node node;
  node.slot = model_.slots++;
  node.addresses = {listener.address};
  model_.apps[1].pools[0].nodes.push_back(node);
  start();
  wait_for([&] { return count(node.slot) >= 3; });
  EXPECT_TRUE(last(node.slot).passed);
  EXPECT_EQ(count(dead), 0U);
}

bool has_ipv6() {
  const base::UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const base::Endpoint loopback = endpoint("::1");
  return fd && ::bind(fd.get(), loopback.address(), loopback.length()) == 0;
}

TEST_F(ProberTest, AnIpv6NodeIsCheckedToo) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 on this machine";
  const Listener listener(endpoint("::1"));
  const traffic::NodeSlot slot = add(listener.address);
  start();
  wait_for([&] { return count(slot) > 0; });
  EXPECT_TRUE(last(slot).passed);
}

TEST_F(ProberTest, UnixNodesAreCheckedToo) {
  char directory[] = "/tmp/shunt-prober-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  {
    const Listener local(endpoint("unix:" + std::string(directory) + "/s"));
    const traffic::NodeSlot b = add(local.address);
    const traffic::NodeSlot c = add(endpoint("unix:" + std::string(directory) + "/none"));
    start();
    wait_for([&] { return count(b) > 0 && count(c) > 0; });
    EXPECT_TRUE(last(b).passed);
    EXPECT_EQ(last(c).failure, "no such file or directory");
  }
  std::filesystem::remove_all(directory);
}

TEST_F(ProberTest, EveryServiceOfANodeIsCheckedOnItsOwn) {
  const Listener listener(endpoint("127.0.0.1"));
  const Refusing refusing;
  const traffic::NodeSlot slot = add(listener.address);
  model_.apps[0].pools[0].nodes[0].addresses.push_back(refusing.address);
  start();
  std::map<std::uint32_t, bool> by_position;
  on_result_ = [&](const ProbeResult& result) { by_position[result.position] = result.passed; };
  wait_for([&] { return by_position.size() == 2; });
  EXPECT_TRUE(by_position[0]);
  EXPECT_FALSE(by_position[1]);
  EXPECT_EQ(last(slot).slot, slot);
}

TEST_F(ProberTest, AppsWithChecksOffAreLeftAlone) {
  const Listener listener(endpoint("127.0.0.1"));
  add(listener.address);
  model_.apps[0].health.type = traffic::HealthCheck::kOff;
  EXPECT_TRUE(plan_probes(model_).empty());
}

TEST_F(ProberTest, ACheckComesFromTheSourceOfTheApp) {
  const Listener listener(endpoint("127.0.0.1"));
  add(listener.address);
  model_.apps[0].sources = {endpoint("::1"), endpoint("127.0.0.77"), endpoint("127.0.0.78")};
  start();
  std::set<std::string> peers;
  wait_for([&] {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    base::UniqueFd client(
        ::accept4(listener.fd.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
    if (client) peers.insert(base::Endpoint(reinterpret_cast<sockaddr*>(&peer), length).host());
    return peers.size() == 2;
  });
  EXPECT_EQ(peers, (std::set<std::string>{"127.0.0.77", "127.0.0.78"}));
}

TEST_F(ProberTest, ACheckEndsWithAResetSoThatNoTimeWaitIsLeft) {
  const Listener listener(endpoint("127.0.0.1"));
  const traffic::NodeSlot slot = add(listener.address);
  start();
  wait_for([&] { return count(slot) >= 1; });
  const base::UniqueFd client = listener.accept();
  ASSERT_TRUE(client);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(ProberTest, APausedNodeIsNotCheckedUntilItIsResumed) {
  const Listener listener(endpoint("127.0.0.1"));
  const traffic::NodeSlot paused = add(listener.address);
  const traffic::NodeSlot other = add(listener.address);
  start();
  wait_for([&] { return count(paused) >= 1; });
  prober_->set_paused(paused, true);
  const std::size_t before = count(paused);
  const std::size_t others = count(other);
  wait_for([&] { return count(other) >= others + 5; });
  EXPECT_EQ(count(paused), before);
  prober_->set_paused(paused, false);
  wait_for([&] { return count(paused) >= before + 2; });
}

// Two checks in a row prove less than two with an interval between. Only a bound from below: a slow
// machine makes it longer.
TEST_F(ProberTest, ChecksOfANodeThatIsResumedAreAnIntervalApart) {
  using Clock = std::chrono::steady_clock;
  const Listener listener(endpoint("127.0.0.1"));
  const traffic::NodeSlot slot = add(listener.address);
  model_.apps[0].health.interval = base::kSecond;
  start();
  wait_for([&] { return count(slot) == 1; });
  prober_->set_paused(slot, true);
  const auto half = Clock::now() + std::chrono::milliseconds(500);
  wait_for([&] { return Clock::now() >= half; });
  prober_->set_paused(slot, false);
  wait_for([&] { return count(slot) == 2; });
  const auto first = Clock::now();
  wait_for([&] { return count(slot) == 3; });
  EXPECT_GE(Clock::now() - first, std::chrono::milliseconds(750));
}

TEST_F(ProberTest, PausingEndsARunningCheckWithoutAResult) {
  const BlackHole hole;
  const traffic::NodeSlot slot = add(hole.listener.address);
  start();
  wait_for([&] { return prober_->in_flight() == 1; });
  prober_->set_paused(slot, true);
  EXPECT_EQ(prober_->in_flight(), 0U);
  io_.poll();
  EXPECT_EQ(count(slot), 0U);
}

TEST_F(ProberTest, NoMoreChecksRunAtATimeThanAreAllowedAndNoneIsLeftOut) {
  const BlackHole hole;
  for (int i = 0; i < 20; ++i) add(hole.listener.address);
  std::uint32_t most = 0;
  on_result_ = [&](const ProbeResult&) { most = std::max(most, prober_->in_flight()); };
  start({.in_flight_max = 3});
  wait_for([&] {
    most = std::max(most, prober_->in_flight());
    std::size_t seen = 0;
    for (const auto& [slot, results] : results_) seen += results.size() >= 2 ? 1 : 0;
    return seen == 20;
  });
  EXPECT_EQ(most, 3U);
}

TEST_F(ProberTest, TheCallbackMayStopIt) {
  const Listener listener(endpoint("127.0.0.1"));
  add(listener.address);
  add(listener.address);
  on_result_ = [&](const ProbeResult&) { prober_->stop(); };
  start();
  wait_for([&] { return results_.size() == 1; });
  io_.run();  // nothing is left to wait for, or this would not return
  EXPECT_EQ(results_.size(), 1U);
  EXPECT_EQ(prober_->in_flight(), 0U);
}

TEST_F(ProberTest, ItMayBeDestroyedWithChecksUnderWay) {
  const BlackHole hole;
  const traffic::NodeSlot slot = add(hole.listener.address);
  start();
  wait_for([&] { return prober_->in_flight() == 1; });
  prober_.reset();
  io_.run();
  EXPECT_EQ(count(slot), 0U);
}

TEST(ProbePlan, AThousandNodesNeverFireTogether) {
  traffic::Model model;
  model.apps.resize(1);
  model.apps[0].pools.resize(2);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    traffic::Node node;
    node.slot = i;
    node.addresses = {endpoint("10.0.0.1:80")};
    model.apps[0].pools[i % 2].nodes.push_back(node);
  }
  std::map<base::Duration, int> by_ten_ms;
  for (const ProbeTarget& target : plan_probes(model)) {
    EXPECT_LT(target.phase, target.interval);
    ++by_ten_ms[target.phase / (10 * kMillisecond)];
  }
  EXPECT_EQ(by_ten_ms.size(), 200U);  // the whole interval of 2 s
  for (const auto& [when, checks] : by_ten_ms) EXPECT_LE(checks, 6) << when;
}

TEST(ProbePlan, AFewNodesAreKnownSoon) {
  traffic::Model model;
  model.apps.resize(1);
  model.apps[0].pools.resize(1);
  for (std::uint32_t i = 0; i < 4; ++i) {
    traffic::Node node;
    node.slot = i;
    node.addresses = {endpoint("10.0.0.1:80")};
    model.apps[0].pools[0].nodes.push_back(node);
  }
  EXPECT_EQ(plan_probes(model).back().phase, 30 * kMillisecond);
}

TEST(ProbePlan, ALateCheckKeepsItsPhaseAndSkipsWhatItMissed) {
  EXPECT_EQ(next_due(100, 10, 101), 110U);
  EXPECT_EQ(next_due(100, 10, 110), 120U);
  EXPECT_EQ(next_due(100, 10, 137), 140U);
  EXPECT_EQ(next_due(100, 10, 90), 100U);
}

}  // namespace
}  // namespace shunt::control
