#include "src/admin/listen_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace shunt::admin {
namespace {

using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;

constexpr int kBacklog = 64;
constexpr int kStream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

bool is_runtime_directory(const std::string& directory) {
  const char* const own = std::getenv("XDG_RUNTIME_DIR");
  return directory == "/run" || directory == "/var/run" || (own != nullptr && directory == own);
}

// Opens the directory of the socket; makes it where that is ours to do.
Result<UniqueFd> open_directory(const std::string& path) {
  const std::string directory = directory_of(path);
  if (is_runtime_directory(directory_of(directory)) && ::mkdir(directory.c_str(), 0755) != 0 &&
      errno != EEXIST) {
    return base::fail_errno(errno, "cannot make the directory " + directory,
                            "make it, or set admin.socket to a path in another one");
  }
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return base::fail_errno(errno, "cannot open the directory of admin.socket, " + directory,
                            "make it, or set admin.socket to a path in another one");
  }
  return fd;
}

// Two processes that start at once must not take each other's new file for a stale one, so probing,
// replacing and listening is done under a lock on the directory. It is held for microseconds.
Status lock(const UniqueFd& directory, const std::string& path) {
  constexpr int kAttempts = 100;
  constexpr int kPauseMs = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK && errno != EINTR) return {};  // no locks on this file system
    ::poll(nullptr, 0, kPauseMs);
  }
  return base::fail(
      ErrorCode::kConflict,
      "another process holds a lock on the directory of admin.socket, " + directory_of(path),
      "is another shunt starting? Else set admin.socket to a path in another directory");
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return base::fail(ErrorCode::kInvalid,
                      "admin.socket " + path + " has " + std::to_string(path.size()) +
                          " bytes; a Unix socket path has 1 to " +
                          std::to_string(sizeof(address.sun_path) - 1),
                      "set admin.socket to a shorter path");
  }
  path.copy(address.sun_path, path.size());
  return address;
}

// Removes what a dead process left at `path`; an error where somebody lives there.
Status clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return base::fail_errno(errno, "cannot look at admin.socket " + path);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return base::fail(ErrorCode::kInvalid, "admin.socket " + path + " exists and is not a socket",
                      "remove it, or set admin.socket to another path");
  }
  const UniqueFd probe(::socket(AF_UNIX, kStream, 0));
  if (!probe) return base::fail_errno(errno, "cannot open a Unix socket");
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN) {  // EAGAIN: it lives, its backlog is full
    return base::fail(ErrorCode::kConflict,
                      "a running process already listens on admin.socket " + path,
                      "is shunt already running? Stop it, or set admin.socket to another path");
  }
  if (errno != ECONNREFUSED && errno != ENOENT) {
    return base::fail_errno(errno, "cannot tell whether admin.socket " + path + " is in use");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return base::fail_errno(errno, "cannot remove the stale admin.socket " + path);
  }
  return {};
}

}  // namespace

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this != &other) {
    remove_file();
    fd_ = std::move(other.fd_);
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

UnixListener::~UnixListener() {
  remove_file();
}

void UnixListener::remove_file() noexcept {
  struct stat file{};
  if (!path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  path_.clear();
}

Result<UnixListener> UnixListener::open(const std::string& path, std::uint32_t mode) {
  const Result<sockaddr_un> address = unix_address(path);
  if (!address) return tl::unexpected(address.error());
  const Result<UniqueFd> directory = open_directory(path);
  if (!directory) return tl::unexpected(directory.error());
  if (const Status locked = lock(*directory, path); !locked) return tl::unexpected(locked.error());
  if (const Status clear = clear_stale(path, *address); !clear)
    return tl::unexpected(clear.error());

  UnixListener listener;
  listener.fd_ = UniqueFd(::socket(AF_UNIX, kStream, 0));
  if (!listener.fd_) return base::fail_errno(errno, "cannot open a Unix socket");
  // unix(7): the file gets the socket's own mode less the umask, so setting it before bind leaves
  // no moment at which the file is more open than asked; what the umask took is added after.
  if (::fchmod(listener.fd_.get(), mode) != 0 ||
      ::bind(listener.fd_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) !=
          0) {
    return base::fail_errno(errno, "cannot make admin.socket " + path,
                            "set admin.socket to a path in a directory that this user may write");
  }
  struct stat file{};
  if (::lstat(path.c_str(), &file) == 0) {
    listener.path_ = path;
    listener.device_ = file.st_dev;
    listener.inode_ = file.st_ino;
  }
  if (::chmod(path.c_str(), mode) != 0) {
    return base::fail_errno(errno, "cannot set the permissions of admin.socket " + path);
  }
  if (::listen(listener.fd_.get(), kBacklog) != 0) {
    return base::fail_errno(errno, "cannot listen on admin.socket " + path);
  }
  return listener;
}

Result<UniqueFd> open_tcp_listener(const base::Endpoint& address) {
  if (!address.valid() || address.is_unix() || !address.is_loopback()) {
    return base::fail(
        ErrorCode::kInvalid,
        "admin.http " + (address.valid() ? address.to_string() : "(empty)") +
            " is not a loopback TCP address",
        "use 127.0.0.1:PORT or [::1]:PORT; other addresses need TLS and tokens, which "
        "do not exist yet");
  }
  UniqueFd fd(::socket(address.family(), kStream, 0));
  if (!fd) return base::fail_errno(errno, "cannot open a TCP socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (::bind(fd.get(), address.address(), address.length()) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    if (error == EADDRINUSE) {
      return base::fail(ErrorCode::kConflict,
                        "admin.http " + address.to_string() + " is in use by another process",
                        "stop it (ss -ltnp shows who), or set admin.http to another port");
    }
    return base::fail_errno(error, "cannot listen on admin.http " + address.to_string());
  }
  return fd;
}

base::Endpoint local_address(int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(fd, address, &length) != 0) return {};
  return {address, length};
}

}  // namespace shunt::admin
