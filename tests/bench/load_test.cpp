#include "bench/load.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

namespace shunt::bench {
namespace {

// Answers one request on each connection, as many as wanted, one after another.
class SmallOrigin {
 public:
  SmallOrigin(int connections, std::string answer)
      : listener_(listen_on(endpoint("127.0.0.1:0"))),
        thread_([this, connections, answer = std::move(answer)] {
          for (int i = 0; i < connections; ++i) serve_one(answer);
        }) {}
  ~SmallOrigin() { thread_.join(); }
  SmallOrigin(const SmallOrigin&) = delete;
  SmallOrigin& operator=(const SmallOrigin&) = delete;
  [[nodiscard]] Endpoint address() const { return local_address(listener_.get()); }

 private:
  void serve_one(const std::string& answer) const {
    pollfd_wait();
    const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
    char byte = 0;
    if (::recv(client.get(), &byte, 1, 0) == 1) send_all(client.get(), answer);
    while (::recv(client.get(), &byte, 1, 0) == 1) {
    }
  }
  void pollfd_wait() const {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(listener_.get(), &set);
    ::select(listener_.get() + 1, &set, nullptr, nullptr, nullptr);
  }

  UniqueFd listener_;
  std::thread thread_;
};

// Runs until `wanted` requests have ended, those not counted that found in_flight_max reached.
std::vector<Sample> load(const LoadOptions& options, std::size_t wanted) {
  std::vector<Sample> samples;
  std::atomic<bool> stop{false};
  generate_load(options, stop, 0, [&](const Sample& one) {
    if (one.failure != Failure::kOverload) samples.push_back(one);
    if (samples.size() >= wanted) stop.store(true);
  });
  return samples;
}

TEST(Load, RecordsTheColourOfEachAnswer) {
  SmallOrigin origin(1, "HTTP/1.1 200 OK\r\nX-Color: green\r\nContent-Length: 2\r\n\r\nhi");
  const auto samples =
      load({.target = origin.address(), .connections_per_s = 1000, .in_flight_max = 1}, 1);
  EXPECT_EQ(samples[0].failure, Failure::kNone);
  EXPECT_EQ(samples[0].color, 1);
  EXPECT_LE(samples[0].scheduled, samples[0].begun);
  EXPECT_LT(samples[0].begun, samples[0].answered);
}

TEST(Load, CountsAnAnswerOfAnUnknownColour) {
  SmallOrigin origin(1, "HTTP/1.1 200 OK\r\nX-Color: mauve\r\nContent-Length: 2\r\n\r\nhi");
  const auto samples =
      load({.target = origin.address(), .connections_per_s = 1000, .in_flight_max = 1}, 1);
  EXPECT_EQ(samples[0].failure, Failure::kAnswer);
}

TEST(Load, CountsAnAnswerThatEndsTooEarly) {
  const UniqueFd listener = listen_on(endpoint("127.0.0.1:0"));
  std::thread closes([&listener] {
    UniqueFd client;
    while (!client) client.reset(::accept(listener.get(), nullptr, nullptr));
    char request[64];
    while (::recv(client.get(), request, sizeof request, 0) < 0) {
    }
    send_all(client.get(), "HTTP/1.1 200 OK\r\nX-Color: green\r\nContent-Length: 2\r\n\r\nh");
  });
  const auto samples = load(
      {.target = local_address(listener.get()), .connections_per_s = 1000, .in_flight_max = 1}, 1);
  closes.join();
  EXPECT_EQ(samples[0].failure, Failure::kEnd);
}

TEST(Load, CountsARefusedConnection) {
  const UniqueFd nobody = bind_to(endpoint("127.0.0.1:0"));
  const auto samples = load({.target = local_address(nobody.get()), .connections_per_s = 1000}, 3);
  for (const Sample& one : samples) EXPECT_EQ(one.failure, Failure::kConnect);
}

TEST(Load, CountsWhatNeverAnswersAsTimeout) {
  const UniqueFd silent = listen_on(endpoint("127.0.0.1:0"));
  const auto samples = load({.target = local_address(silent.get()),
                             .connections_per_s = 100,
                             .timeout = 20 * base::kMillisecond},
                            2);
  for (const Sample& one : samples) EXPECT_EQ(one.failure, Failure::kTimeout);
}

}  // namespace
}  // namespace shunt::bench
