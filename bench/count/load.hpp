// The loads of the instruction counts: what clients and nodes do, step by step.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "bench/count/kernel.hpp"

namespace shunt::bench {

class Load {
 public:
  virtual ~Load() = default;

  // The worker sleeps: something comes that wakes it. Ends the process when all is done.
  virtual void step(FakeKernel& kernel) = 0;
  // The worker connects to a node for the client that came earliest and has none yet.
  virtual void connecting(int fd) = 0;
};

// message, message_64, connection, connection_16 or bulk; null for another name. units: messages,
// connections or MiB.
[[nodiscard]] std::unique_ptr<Load> make_load(std::string_view name, std::uint64_t units);

}  // namespace shunt::bench
