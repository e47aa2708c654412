#include "src/app/notify.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "shunt/base/unique_fd.hpp"

namespace shunt::app {
namespace {

// A supervisor's end: an abstract datagram socket that NOTIFY_SOCKET names.
class FakeSupervisor {
 public:
  FakeSupervisor() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // Only the family: the kernel picks a free abstract name (unix(7), autobind).
    EXPECT_EQ(
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)), 0);
    socklen_t length = sizeof(address);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    const std::size_t name_length = length - offsetof(sockaddr_un, sun_path) - 1;
    ::setenv("NOTIFY_SOCKET", ("@" + std::string(address.sun_path + 1, name_length)).c_str(), 1);
  }
  ~FakeSupervisor() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
  }
  // The oldest unread notification; empty when there is none (datagrams on one host are there at
  // once).
  std::string next() {
    char text[1024];
    const ssize_t n = ::recv(socket_.get(), text, sizeof(text), 0);
    return n < 0 ? std::string() : std::string(text, static_cast<std::size_t>(n));
  }

 private:
  base::UniqueFd socket_;
};

TEST(LiveLine, NamesWhatIsLiveAndHowManyMoreThereAre) {
  LiveLine line;
  EXPECT_EQ(line.text(), "");
  EXPECT_TRUE(line.set("web", "blue"));
  EXPECT_FALSE(line.set("web", "blue"));
  EXPECT_TRUE(line.set("web", "green"));
  EXPECT_TRUE(line.set("shop", "blue"));
  EXPECT_EQ(line.text(), "shop: blue is live; web: green is live; ");
  for (int app = 0; app < 64; ++app) line.set("application" + std::to_string(app), "blue");
  EXPECT_LE(line.text().size(), LiveLine::kBytesMax + 20);
  EXPECT_TRUE(line.text().ends_with(" more apps; ")) << line.text();
}

TEST(Notifier, SaysReadyStatusAndStopping) {
  FakeSupervisor supervisor;
  Notifier notifier;
  notifier.status("starting");
  notifier.ready("web: blue is live");
  notifier.stopping("waiting for 3 connections");
  EXPECT_EQ(supervisor.next(), "STATUS=starting");
  EXPECT_EQ(supervisor.next(), "READY=1\nSTATUS=web: blue is live");
  EXPECT_EQ(supervisor.next(), "STOPPING=1\nSTATUS=waiting for 3 connections");
}

TEST(Notifier, AStatusCannotCarryASecondAssignment) {
  FakeSupervisor supervisor;
  Notifier().status("a\nMAINPID=1");
  EXPECT_EQ(supervisor.next(), "STATUS=a MAINPID=1");
}

TEST(Notifier, FeedsTheWatchdogOnlyWhileAlive) {
  FakeSupervisor supervisor;
  ::setenv("WATCHDOG_USEC", "20000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  Notifier notifier;
  EXPECT_EQ(notifier.watchdog_interval(), 10 * base::kSecond);
  notifier.feed_watchdog(false);
  EXPECT_EQ(supervisor.next(), "");
  notifier.feed_watchdog(true);
  EXPECT_EQ(supervisor.next(), "WATCHDOG=1");
}

TEST(Notifier, HasNoWatchdogUnlessItIsMeantForThisProcess) {
  FakeSupervisor supervisor;
  EXPECT_EQ(Notifier().watchdog_interval(), base::kOff);
  ::setenv("WATCHDOG_USEC", "20000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  Notifier notifier;
  EXPECT_EQ(notifier.watchdog_interval(), base::kOff);
  notifier.feed_watchdog(true);
  EXPECT_EQ(supervisor.next(), "");
}

TEST(Notifier, DoesNothingWithoutASupervisor) {
  ::unsetenv("NOTIFY_SOCKET");
  Notifier notifier;
  notifier.ready("on its own");
}

}  // namespace
}  // namespace shunt::app
