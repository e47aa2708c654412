// The socket of one check, against real ones.
#include "src/control/probe_socket.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace shunt::control {
namespace {

base::Endpoint endpoint(const std::string& text) {
  return *base::Endpoint::parse(text);
}

struct Listener {
  explicit Listener(const base::Endpoint& wanted)
      : fd(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::bind(fd.get(), wanted.address(), wanted.length()), 0) << wanted.to_string();
    EXPECT_EQ(::listen(fd.get(), 16), 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    address = base::Endpoint(reinterpret_cast<sockaddr*>(&bound), length);
  }
  base::UniqueFd fd;
  base::Endpoint address;
};

TEST(ProbeSocket, ThatMeetsItselfHasReachedNobody) {
  // A socket that connects to its own port: TCP's simultaneous open succeeds without any listener.
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const base::Endpoint any = endpoint("127.0.0.1");
  ASSERT_EQ(::bind(fd.get(), any.address(), any.length()), 0);
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  ASSERT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
  ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&bound), length), 0);
  EXPECT_EQ(probe_verdict(fd.get()), ECONNREFUSED);
}

TEST(ProbeSocket, ALackOfLocalPortsIsNotTheNodesFault) {
  bool permitted = false;
  // A network of this thread's own (network_namespaces(7)) with a single local port.
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    permitted = true;
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "40000 40000";
    const base::UniqueFd any(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    ASSERT_EQ(::ioctl(any.get(), SIOCSIFFLAGS, &loopback), 0);
    const Listener node(endpoint("127.0.0.1:50000"));

    const ProbeSocket first = open_probe(node.address, nullptr);
    ASSERT_TRUE(first.fd) << describe_errno(first.error);
    const ProbeSocket second = open_probe(node.address, nullptr);
    EXPECT_NE(second.error, 0);
    EXPECT_TRUE(is_own_shortage(second.error)) << describe_errno(second.error);
  }).join();
  if (!permitted) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
}

TEST(ProbeSocket, ASourceThatThisMachineDoesNotHaveIsTold) {
  const Listener node(endpoint("127.0.0.1"));
  const base::Endpoint source = endpoint("192.0.2.1");
  const ProbeSocket probe = open_probe(node.address, &source);
  EXPECT_EQ(probe.error, EADDRNOTAVAIL);
  EXPECT_FALSE(is_own_shortage(probe.error));
}

TEST(ProbeSocket, WhatThisProcessLacksIsNotTheNodesFault) {
  EXPECT_TRUE(is_own_shortage(EMFILE));
  EXPECT_FALSE(is_own_shortage(ECONNREFUSED));
  EXPECT_FALSE(is_own_shortage(ETIMEDOUT));
}

}  // namespace
}  // namespace shunt::control
