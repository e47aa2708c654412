#include "src/admin/listen_socket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/admin/running_admin.hpp"

namespace shunt::admin::testing {
namespace {

using ::testing::HasSubstr;

mode_t mode_of(const std::string& path) {
  struct stat file{};
  EXPECT_EQ(::lstat(path.c_str(), &file), 0) << path;
  return file.st_mode & 07777;
}

TEST(UnixListener, HasTheModeAskedForWhateverTheUmask) {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(0077);
  const auto open = UnixListener::open(directory / "a.sock", 0660);
  ::umask(0);
  const auto closed = UnixListener::open(directory / "b.sock", 0600);
  ::umask(before);
  ASSERT_TRUE(open && closed);
  EXPECT_EQ(mode_of(directory / "a.sock"), 0660U);
  EXPECT_EQ(mode_of(directory / "b.sock"), 0600U);
}

TEST(UnixListener, ReplacesWhatADeadProcessLeft) {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.sock";
  {
    auto dead = UnixListener::open(path, 0600);
    ASSERT_TRUE(dead);
    dead->take_fd().reset();
    ASSERT_EQ(::link(path.c_str(), (directory / "kept").c_str()), 0);
  }
  std::filesystem::rename(directory / "kept", path);  // as if it had been killed
  EXPECT_TRUE(UnixListener::open(path, 0600));
}

TEST(UnixListener, RefusesASocketThatAnswers) {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.sock";
  const auto live = UnixListener::open(path, 0600);
  ASSERT_TRUE(live);
  const auto second = UnixListener::open(path, 0600);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr("a running process already listens"));
  const Client still_there(path);  // its own checks: the live one was not disturbed
}

TEST(UnixListener, RefusesWhatIsNoSocket) {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.sock";
  std::ofstream(path) << "precious";
  const auto listener = UnixListener::open(path, 0600);
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().message, HasSubstr("is not a socket"));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(UnixListener, SaysWhenTheDirectoryIsMissing) {
  const TemporaryDirectory directory;
  const auto listener = UnixListener::open(directory / "missing/a.sock", 0600);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, base::ErrorCode::kNotFound);
  EXPECT_THAT(listener.error().message, HasSubstr("missing"));
  EXPECT_THAT(listener.error().hint, HasSubstr("make it"));
}

TEST(UnixListener, MakesItsDirectoryInTheRuntimeDirectory) {
  const TemporaryDirectory runtime;
  const char* const before = std::getenv("XDG_RUNTIME_DIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("XDG_RUNTIME_DIR", runtime.path().c_str(), 1);
  EXPECT_TRUE(UnixListener::open(runtime / "shunt/admin.sock", 0600));
  EXPECT_FALSE(UnixListener::open(runtime / "too/deep/admin.sock", 0600));
  if (before == nullptr) {
    ::unsetenv("XDG_RUNTIME_DIR");
  } else {
    ::setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
  }
}

TEST(UnixListener, RefusesPathsThatDoNotFit) {
  for (const std::string& path : {std::string(), "/tmp/" + std::string(200, 'x')}) {
    const auto listener = UnixListener::open(path, 0600);
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code, base::ErrorCode::kInvalid);
  }
}

TEST(UnixListener, RemovesItsFileButNoOther) {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.sock";
  {
    ASSERT_TRUE(UnixListener::open(path, 0600));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    const auto first = UnixListener::open(path, 0600);
    ASSERT_TRUE(first);
    std::filesystem::remove(path);
    std::ofstream(path) << "of somebody else";
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(TcpListener, IsForLoopbackAddressesOnly) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:9900", "unix:/tmp/x.sock"}) {
    const auto fd = open_tcp_listener(base::Endpoint::parse(address).value());
    ASSERT_FALSE(fd) << address;
    EXPECT_EQ(fd.error().code, base::ErrorCode::kInvalid) << address;
    EXPECT_THAT(fd.error().hint, HasSubstr("TLS")) << address;
  }
  EXPECT_TRUE(open_tcp_listener(base::Endpoint::parse("127.0.0.1:0").value()));
}

TEST(TcpListener, SaysWhenItsAddressIsInUse) {
  const auto first = open_tcp_listener(base::Endpoint::parse("127.0.0.1:0").value());
  ASSERT_TRUE(first);
  const auto second = open_tcp_listener(local_address(first->get()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::kConflict);
}

TEST(AdminServer, LeavesNothingOpenAfterAnError) {
  const TemporaryDirectory directory;
  boost::asio::io_context io;
  FakeFeed feed;
  control::AdminConfig config;
  config.socket = directory / "a.sock";
  config.http = base::Endpoint::parse("0.0.0.0:0").value();
  AdminServer server(io, config, feed, {});
  EXPECT_FALSE(server.listen());
  EXPECT_FALSE(std::filesystem::exists(config.socket));
}

}  // namespace
}  // namespace shunt::admin::testing
