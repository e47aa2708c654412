#include "src/app/activation.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace shunt::app {
namespace {

using base::Endpoint;
using testing::HasSubstr;

struct Listener {
  base::UniqueFd fd;
  Endpoint address;
};

enum class Ipv4 { kToo, kNot };

// Listens on a free port of `host`.
Listener listen_on(const std::string& host, Ipv4 ipv4 = Ipv4::kNot) {
  const Endpoint wanted = *Endpoint::parse(host);
  Listener made;
  made.fd.reset(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (wanted.family() == AF_INET6) {
    const int only = ipv4 == Ipv4::kNot ? 1 : 0;
    ::setsockopt(made.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  }
  EXPECT_EQ(::bind(made.fd.get(), wanted.address(), wanted.length()), 0);
  EXPECT_EQ(::listen(made.fd.get(), 8), 0);
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_EQ(::getsockname(made.fd.get(), address, &length), 0);
  made.address = Endpoint(address, length);
  return made;
}

traffic::Model model_listening_on(std::vector<Endpoint> addresses) {
  traffic::Model model;
  model.services.push_back({.name = "default", .listen = std::move(addresses)});
  return model;
}

std::vector<PassedSocket> passed(base::UniqueFd fd, std::string name = "web") {
  std::vector<PassedSocket> sockets;
  sockets.push_back({std::move(fd), std::move(name)});
  return sockets;
}

TEST(Activation, PairsSocketsWithServicesByAddress) {
  Listener v4 = listen_on("127.0.0.1");
  Listener v6 = listen_on("::1");
  const auto model = model_listening_on({v6.address, v4.address});
  auto sockets = passed(std::move(v4.fd));
  sockets.push_back({std::move(v6.fd), "web6"});
  const auto listeners = match_listeners(model, std::move(sockets));
  ASSERT_TRUE(listeners) << listeners.error().message;
  ASSERT_EQ(listeners->size(), 2U);
  EXPECT_EQ((*listeners)[0].address, v4.address);
  EXPECT_TRUE((*listeners)[0].fd);
  EXPECT_EQ((*listeners)[1].address, v6.address);
}

TEST(Activation, NoSocketsAreNoError) {
  EXPECT_TRUE(match_listeners(model_listening_on({}), {})->empty());
}

TEST(Activation, NamesEverySocketThatFitsNoService) {
  Listener first = listen_on("127.0.0.1");
  Listener second = listen_on("127.0.0.1");
  auto sockets = passed(std::move(first.fd), "one");
  sockets.push_back({std::move(second.fd), "two"});
  const auto listeners = match_listeners(model_listening_on({}), std::move(sockets));
  ASSERT_FALSE(listeners);
  EXPECT_EQ(listeners.error().code, base::ErrorCode::kConflict);
  EXPECT_THAT(listeners.error().message, HasSubstr("socket 'one' (" + first.address.to_string() +
                                                   ") is the address of no service"));
  EXPECT_THAT(listeners.error().message, HasSubstr("socket 'two' ("));
  EXPECT_THAT(listeners.error().hint, HasSubstr("ListenStream="));
}

TEST(Activation, RefusesWhatIsNoListeningStreamSocket) {
  const auto model = model_listening_on({});
  auto refused = match_listeners(model, passed(base::UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0))));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no stream socket"));
  refused = match_listeners(model, passed(base::UniqueFd(::socket(AF_INET, SOCK_STREAM, 0))));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("does not listen"));
  refused = match_listeners(model, passed(base::UniqueFd(::dup(0)), "a file"));
  ASSERT_FALSE(refused);
}

TEST(Activation, RefusesTheSameAddressTwice) {
  Listener listener = listen_on("127.0.0.1");
  auto sockets = passed(base::UniqueFd(::dup(listener.fd.get())));
  sockets.push_back({std::move(listener.fd), "again"});
  const auto listeners =
      match_listeners(model_listening_on({listener.address}), std::move(sockets));
  ASSERT_FALSE(listeners);
  EXPECT_THAT(listeners.error().message, HasSubstr("'again' ("));
  EXPECT_THAT(listeners.error().message, HasSubstr("twice"));
}

TEST(Activation, RefusesADualStackSocketWhereTheFileListensOnIpv4Itself) {
  Listener both = listen_on("::", Ipv4::kToo);
  const Endpoint ipv4 = *Endpoint::parse("0.0.0.0:" + std::to_string(both.address.port()));
  const auto refused = match_listeners(model_listening_on({both.address, ipv4}),
                                       passed(base::UniqueFd(::dup(both.fd.get()))));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("BindIPv6Only=ipv6-only"));
  EXPECT_TRUE(match_listeners(model_listening_on({both.address}), passed(std::move(both.fd))));
}

TEST(Activation, TakesNothingThatIsMeantForAnotherProcess) {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  const auto sockets = take_passed_sockets();
  ASSERT_TRUE(sockets);
  EXPECT_TRUE(sockets->empty());
  EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr) << "cleared, so that no child takes it";
}

TEST(Activation, SaysWhatIsBrokenInTheEnvironment) {
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", "many", 1);
  const auto sockets = take_passed_sockets();
  ASSERT_FALSE(sockets);
  EXPECT_THAT(sockets.error().message, HasSubstr("LISTEN_FDS"));
  EXPECT_FALSE(sockets.error().hint.empty());
}

}  // namespace
}  // namespace shunt::app
