// The two ends of one connection of the transfer test, each run by a thread of its own with
// blocking sockets. An end returns an empty text when everything was as planned, else what was
// wrong.
#pragma once

#include <cstdint>
#include <string>

#include "shunt/base/unique_fd.hpp"
#include "tests/e2e/tools/transfer_plan.hpp"

namespace shunt::transfer {

// What the client sends first, so that the node knows which plan the connection follows.
struct Hello {
  std::uint64_t magic = 0x5348554e54303031ULL;
  std::uint64_t connection = 0;
};

[[nodiscard]] std::string run_client(base::UniqueFd socket, std::uint64_t seed,
                                     std::uint64_t connection, const Plan& plan);
[[nodiscard]] std::string run_node(base::UniqueFd socket, std::uint64_t seed,
                                   std::uint64_t connection, const Plan& plan);
// False when the peer ended or sent something else.
[[nodiscard]] bool read_hello(int socket, Hello& hello);

}  // namespace shunt::transfer
