// Streams without a copy, against the running kernel.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string>

#include "shunt/base/unique_fd.hpp"
#include "shunt/uring/system_kernel.hpp"

namespace shunt::uring {
namespace {

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    first.reset(ends[0]);
    b.reset(ends[1]);
    a = first.get();
  }
  base::UniqueFd first, b;
  int a = -1;
};

// Splicing to a socket that was reset raises SIGPIPE.
class SpliceTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = std::signal(SIGPIPE, SIG_IGN);
    auto made = SystemKernel::create({});
    ASSERT_TRUE(made);
    kernel = std::move(*made);
    ASSERT_TRUE(kernel->splices());
    pipe = kernel->open_pipe(256 * 1024);
    ASSERT_GE(pipe.read_end, 0);
  }
  void TearDown() override {
    if (pipe.read_end >= 0) {
      kernel->close(pipe.read_end);
      kernel->close(pipe.write_end);
    }
    std::signal(SIGPIPE, before_);
  }
  std::unique_ptr<SystemKernel> kernel;
  PipeEnds pipe;
  Pair from, to;

 private:
  void (*before_)(int) = SIG_DFL;
};

TEST_F(SpliceTest, BytesGoOnThroughAPipeInTheirOrder) {
  ASSERT_EQ(::send(from.b.get(), "0123456789", 10, 0), 10);
  EXPECT_EQ(kernel->splice(from.a, pipe.write_end, 4), 4);
  EXPECT_EQ(kernel->splice(pipe.read_end, to.a, 4), 4);
  EXPECT_EQ(kernel->splice(from.a, pipe.write_end, 100), 6);
  EXPECT_EQ(kernel->splice(pipe.read_end, to.a, 6), 6);
  char got[16] = {};
  EXPECT_EQ(::recv(to.b.get(), got, sizeof(got), 0), 10);
  EXPECT_STREQ(got, "0123456789");
}
TEST_F(SpliceTest, NothingThereAndNoRoomAreNoFailures) {
  EXPECT_EQ(kernel->splice(from.a, pipe.write_end, 100), -EAGAIN);
  const std::string block(64 * 1024, 'x');
  while (::send(to.a, block.data(), block.size(), MSG_DONTWAIT) > 0) {
  }
  ASSERT_EQ(::send(from.b.get(), "x", 1, 0), 1);
  ASSERT_EQ(kernel->splice(from.a, pipe.write_end, 100), 1);
  EXPECT_EQ(kernel->splice(pipe.read_end, to.a, 1), -EAGAIN);
}
TEST_F(SpliceTest, AnEndIsZero) {
  EXPECT_EQ(kernel->shutdown_write(from.b.get()), 0);
  EXPECT_EQ(kernel->splice(from.a, pipe.write_end, 100), 0);
}
TEST_F(SpliceTest, AReaderThatIsGoneIsAFailureAndEndsNoProcess) {
  to.b.reset();
  ASSERT_EQ(::send(from.b.get(), "x", 1, 0), 1);
  ASSERT_EQ(kernel->splice(from.a, pipe.write_end, 100), 1);
  EXPECT_EQ(kernel->splice(pipe.read_end, to.a, 1), -EPIPE);
}
TEST_F(SpliceTest, WhatAPipeHoldsCanBeTakenIntoMemory) {
  ASSERT_EQ(::send(from.b.get(), "0123456789", 10, 0), 10);
  ASSERT_EQ(kernel->splice(from.a, pipe.write_end, 10), 10);
  std::array<std::byte, 16> memory{};
  EXPECT_EQ(kernel->read_pipe(pipe.read_end, memory.data(), 6), 6);
  EXPECT_EQ(std::memcmp(memory.data(), "012345", 6), 0);
  EXPECT_EQ(kernel->read_pipe(pipe.read_end, memory.data(), memory.size()), 4);
  EXPECT_EQ(kernel->read_pipe(pipe.read_end, memory.data(), memory.size()), -EAGAIN);
}
TEST_F(SpliceTest, ItsPipeHoldsAsMuchAsWasAsked) {
  EXPECT_EQ(::fcntl(pipe.write_end, F_GETPIPE_SZ), 256 * 1024);
}
TEST(Splicing, IsOffWhereItIsNotWanted) {
  void (*const before)(int) = std::signal(SIGPIPE, SIG_IGN);
  SystemKernelOptions options;
  options.ring.wanted.splice = false;
  auto kernel = SystemKernel::create(options);
  std::signal(SIGPIPE, before);
  ASSERT_TRUE(kernel);
  EXPECT_FALSE((*kernel)->splices());
}
TEST(Splicing, IsOffWhereSigpipeWouldEndTheProcess) {
  void (*const before)(int) = std::signal(SIGPIPE, SIG_DFL);
  auto kernel = SystemKernel::create({});
  std::signal(SIGPIPE, before);
  ASSERT_TRUE(kernel);
  EXPECT_FALSE((*kernel)->splices());
}

}  // namespace
}  // namespace shunt::uring
