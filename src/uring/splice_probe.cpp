#include "src/uring/splice_probe.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "shunt/base/unique_fd.hpp"

namespace shunt::uring {
namespace {

struct Pair {
  base::UniqueFd first;
  base::UniqueFd second;
};

Pair socket_pair() noexcept {
  std::array<int, 2> ends{-1, -1};
  (void)::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  return {base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

bool ignores_sigpipe() noexcept {
  struct sigaction action{};
  return ::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

bool splicing_works() noexcept {
  if (!ignores_sigpipe()) return false;
  const Pair from = socket_pair();
  const Pair to = socket_pair();
  std::array<int, 2> ends{-1, -1};
  (void)::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK);
  const base::UniqueFd read_end(ends[0]);
  const base::UniqueFd write_end(ends[1]);
  char byte = 'x';
  if (to.first.get() < 0 || read_end.get() < 0 || ::write(from.first.get(), &byte, 1) != 1)
    return false;
  byte = 0;
  return ::splice(from.second.get(), nullptr, write_end.get(), nullptr, 1, SPLICE_F_NONBLOCK) ==
             1 &&
         ::splice(read_end.get(), nullptr, to.first.get(), nullptr, 1, SPLICE_F_NONBLOCK) == 1 &&
         ::recv(to.second.get(), &byte, 1, MSG_DONTWAIT) == 1 && byte == 'x';
}

}  // namespace shunt::uring
