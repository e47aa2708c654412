// Broken nodes on loopback.
#pragma once

#include <vector>

#include "bench/net.hpp"

namespace shunt::bench {

// An address whose connects neither succeed nor fail: its accept queue is full, so SYNs are
// dropped.
class BlackHole {
 public:
  BlackHole()
      : listener_(listen_on(endpoint("127.0.0.1:0"), 0)), address_(local_address(listener_.get())) {
    // A backlog of 0 holds one connection; two more are for kernels that round it up.
    for (int i = 0; i < 3; ++i) fillers_.push_back(begin_connect(address_));
  }
  [[nodiscard]] const Endpoint& address() const { return address_; }

 private:
  UniqueFd listener_;
  Endpoint address_;
  std::vector<UniqueFd> fillers_;
};

// An address that refuses: bound, so that nobody else takes the port, and not listening.
class RefusingPort {
 public:
  RefusingPort()
      : socket_(bind_to(endpoint("127.0.0.1:0"))), address_(local_address(socket_.get())) {}
  [[nodiscard]] const Endpoint& address() const { return address_; }

 private:
  UniqueFd socket_;
  Endpoint address_;
};

}  // namespace shunt::bench
