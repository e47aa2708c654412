// Messages between rings of different threads, against the running kernel.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "shunt/uring/system_kernel.hpp"

namespace shunt::uring {
namespace {

using base::kSecond;

constexpr Tag kOwn{1, 2, 3};
constexpr Tag kRemote{4, 5, 6};

std::unique_ptr<SystemKernel> make_kernel(std::string_view disabled, std::uint32_t completions) {
  SystemKernelOptions options;
  options.ring.wanted = *parse_disabled(disabled);
  options.ring.completions = completions;
  options.ring.submissions = 16;
  options.buffers = 4;
  options.buffer_bytes = 4096;
  auto made = SystemKernel::create(options);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

// `count` completions, waiting for them.
std::vector<Completion> take(SystemKernel& kernel, std::size_t count) {
  std::vector<Completion> seen;
  for (int turns = 0; turns < 1000 && seen.size() < count; ++turns) {
    EXPECT_EQ(kernel.submit_and_wait(10 * kSecond), 0);
    std::array<Completion, 8> batch;
    const std::size_t reaped = kernel.reap(batch);
    seen.insert(seen.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(reaped));
  }
  EXPECT_EQ(seen.size(), count);
  return seen;
}

// A ring on a thread of its own, as a worker has it. It lives until what it waits for is there.
class Receiver {
 public:
  Receiver(const char* disabled, std::uint32_t completions, std::size_t messages)
      : thread_([this, disabled, completions, messages] {
          const auto kernel = make_kernel(disabled, completions);
          ring_.set_value(kernel->ring());
          go_.get_future().wait();
          seen_ = take(*kernel, messages);
        }) {}
  ~Receiver() {
    if (thread_.joinable()) seen();
  }
  [[nodiscard]] int ring() { return ring_.get_future().get(); }
  // It has looked at nothing before.
  void begin() { go_.set_value(); }
  const std::vector<Completion>& seen() {
    thread_.join();
    return seen_;
  }

 private:
  std::promise<int> ring_;
  std::promise<void> go_;
  std::vector<Completion> seen_;
  std::thread thread_;
};

class Messages : public testing::TestWithParam<const char*> {};

TEST_P(Messages, WakeTheOtherThreadWithWhatTheyCarry) {
  const auto kernel = make_kernel(GetParam(), 64);
  Receiver receiver(GetParam(), 64, 1);
  const int ring = receiver.ring();
  ASSERT_GE(ring, 0);
  receiver.begin();
  kernel->message(ring, 4711, kRemote, kOwn);
  const std::vector<Completion> own = take(*kernel, 1);
  EXPECT_EQ(own[0].tag, kOwn);
  EXPECT_EQ(own[0].result, 0);
  const std::vector<Completion>& seen = receiver.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].tag, kRemote);
  EXPECT_EQ(seen[0].result, 4711);
  EXPECT_FALSE(seen[0].more);
  EXPECT_EQ(seen[0].buffer, kNoBuffer);
}

TEST_P(Messages, AllArriveWhereTheOtherQueueIsTooShortForThem) {
  constexpr std::int32_t kMessages = 200;
  const auto kernel = make_kernel(GetParam(), 1024);
  Receiver receiver(GetParam(), 16, kMessages);
  const int ring = receiver.ring();
  for (std::int32_t i = 0; i < kMessages; ++i) kernel->message(ring, i, kRemote, kOwn);
  EXPECT_EQ(kernel->submit_and_wait(kNoWait), 0);
  receiver.begin();
  for (const Completion& own : take(*kernel, kMessages)) EXPECT_EQ(own.result, 0);
  std::vector<std::int32_t> results;
  for (const Completion& completion : receiver.seen()) results.push_back(completion.result);
  std::sort(results.begin(), results.end());
  ASSERT_EQ(results.size(), static_cast<std::size_t>(kMessages));
  for (std::int32_t i = 0; i < kMessages; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i);
}

TEST_P(Messages, ToWhatIsNoRingFail) {
  const auto kernel = make_kernel(GetParam(), 64);
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  kernel->message(fds[0], 1, kRemote, kOwn);
  EXPECT_EQ(take(*kernel, 1)[0].result, -EBADFD);
  ::close(fds[0]);
  ::close(fds[1]);
  kernel->message(fds[0], 1, kRemote, kOwn);
  EXPECT_EQ(take(*kernel, 1)[0].result, -EBADF);
}

INSTANTIATE_TEST_SUITE_P(
    Without, Messages,
    testing::Values("", "defer_taskrun", "defer_taskrun,single_issuer",
                    "defer_taskrun,single_issuer,coop_taskrun,registered_ring"));

TEST(MessagesSwitchedOff, LeaveNoRingToSendThemTo) {
  EXPECT_EQ(make_kernel("message_ring", 64)->ring(), -1);
}

}  // namespace
}  // namespace shunt::uring
