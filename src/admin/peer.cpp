#include "src/admin/peer.hpp"

#include <pwd.h>
#include <sys/socket.h>

#include <cstdio>
#include <memory>

namespace shunt::admin {
namespace {

std::string user_name(uid_t uid) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen("/etc/passwd", "re"));
  if (!file) return {};
  passwd entry{};
  passwd* found = nullptr;
  char buffer[1024];
  while (::fgetpwent_r(file.get(), &entry, buffer, sizeof(buffer), &found) == 0) {
    if (found->pw_uid == uid) return found->pw_name;
  }
  return {};
}

}  // namespace

std::string actor_of(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return {};
  std::string actor = "uid " + std::to_string(peer.uid);
  if (const std::string name = user_name(peer.uid); !name.empty()) {
    actor += " (";
    actor += name;
    actor += ')';
  }
  return actor;
}

}  // namespace shunt::admin
