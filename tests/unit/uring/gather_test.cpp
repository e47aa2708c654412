// A wait that gathers, against the running kernel.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "shunt/uring/system_kernel.hpp"

namespace shunt::uring {
namespace {

constexpr Tag kFirst{1, 0, 1};
constexpr Tag kSecond{2, 0, 1};

// Parameter: what is switched off.
class GatheringWait : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    SystemKernelOptions options;
    options.ring.wanted = *parse_disabled(GetParam());
    options.buffers = 4;
    options.buffer_bytes = 4096;
    auto made = SystemKernel::create(options);
    ASSERT_TRUE(made) << made.error().message << "; " << made.error().hint;
    kernel = std::move(*made);
    ASSERT_FALSE(kernel->has_completions()) << "the trial at the start left something behind";
    fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT_GE(fd, 0);
  }
  void TearDown() override { ::close(fd); }
  std::size_t reap() {
    std::array<Completion, 8> batch;
    return kernel->reap(batch);
  }

  std::unique_ptr<SystemKernel> kernel;
  int fd = -1;
};

TEST_P(GatheringWait, GoesOnForMoreThanWhatIsThereAtOnce) {
  kernel->poll(fd, POLLOUT, kFirst);  // which it is
  const base::Instant before = kernel->now();
  EXPECT_EQ(kernel->submit_and_wait(kForever, true), 0);
  EXPECT_EQ(reap(), 1U);
  const base::Duration least = kernel->features().min_wait ? base::kGatherSpan : 0;
  EXPECT_GE(kernel->now() - before, least);
}

// With nothing more to come, one that comes late ends the wait.
TEST_P(GatheringWait, EndsWithALoneCompletionThatComesLate) {
  const int alarm = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  const itimerspec in{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 20'000'000}};
  ASSERT_EQ(::timerfd_settime(alarm, 0, &in, nullptr), 0);
  kernel->poll(alarm, POLLIN, kFirst);
  std::size_t seen = 0;
  for (int i = 0; i < 10 && seen == 0; ++i) {  // a signal may end a wait
    EXPECT_EQ(kernel->submit_and_wait(10 * base::kSecond, true), 0);
    seen = reap();
  }
  EXPECT_EQ(seen, 1U);
  ::close(alarm);
}

TEST_P(GatheringWait, EndsAtItsTimeWithNothing) {
  kernel->poll(fd, POLLIN, kFirst);
  const base::Instant before = kernel->now();
  EXPECT_EQ(kernel->submit_and_wait(2 * base::kMillisecond, true), 0);
  EXPECT_GE(kernel->now() - before, 2 * base::kMillisecond);
  EXPECT_EQ(reap(), 0U);
}

TEST_P(GatheringWait, LosesNoneOfSeveral) {
  kernel->poll(fd, POLLIN, kFirst);
  for (int i = 0; i < 7; ++i) kernel->poll(fd, POLLOUT, kSecond);
  ASSERT_EQ(::eventfd_write(fd, 1), 0);
  EXPECT_EQ(kernel->submit_and_wait(kForever, true), 0);
  EXPECT_EQ(reap(), 8U);
}

INSTANTIATE_TEST_SUITE_P(Without, GatheringWait, testing::Values("", "min_wait", "defer_taskrun"));

}  // namespace
}  // namespace shunt::uring
