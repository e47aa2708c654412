// The sockets that the admin server listens on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"

namespace shunt::admin {

// A listening Unix socket and its file. Removes the file when it goes, if it still is its own.
class UnixListener {
 public:
  // Listens at `path` with the file permissions `mode`; they hold from the first moment on,
  // whatever the umask. A file that a dead process left is replaced. Errors: kConflict where a live
  // process answers there, kInvalid for a path that is too long or not a socket, kNotFound without
  // its directory (made where it would lie directly in /run or $XDG_RUNTIME_DIR), kPermission, kIo.
  [[nodiscard]] static base::Result<UnixListener> open(const std::string& path, std::uint32_t mode);

  UnixListener() noexcept = default;
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener();

  [[nodiscard]] base::UniqueFd take_fd() noexcept { return std::move(fd_); }
  void remove_file() noexcept;

 private:
  base::UniqueFd fd_;
  std::string path_;  // empty: nothing to remove
  dev_t device_ = 0;  // of the file, to tell it from another's at the same path
  ino_t inode_ = 0;
};

// Listens on a loopback TCP address; any other address is an error of kInvalid.
[[nodiscard]] base::Result<base::UniqueFd> open_tcp_listener(const base::Endpoint& address);

// The address a socket is bound to.
[[nodiscard]] base::Endpoint local_address(int fd) noexcept;

}  // namespace shunt::admin
