#include "src/control/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "shunt/base/clock.hpp"

namespace shunt::control {
namespace {

class PosixStateFile final : public StateFile {
 public:
  explicit PosixStateFile(base::UniqueFd fd) : fd_(std::move(fd)) {}

  std::int64_t read_at(void* buffer, std::size_t length, std::uint64_t offset) override {
    const ssize_t got = ::pread(fd_.get(), buffer, length, static_cast<off_t>(offset));
    return got < 0 ? -errno : got;
  }
  std::int64_t write_at(const void* buffer, std::size_t length, std::uint64_t offset) override {
    const ssize_t put = ::pwrite(fd_.get(), buffer, length, static_cast<off_t>(offset));
    return put < 0 ? -errno : put;
  }
  int sync() override { return ::fdatasync(fd_.get()) == 0 ? 0 : -errno; }

 private:
  base::UniqueFd fd_;
};

std::string path_in(const std::string& dir, const char* name) {
  return dir + "/" + name;
}

constexpr const char* kDirectoryHint =
    "give state.dir a directory that the user of shunt may write to";

// Of what a disk that is well does not do.
constexpr const char* kDiskHint =
    "look for errors of the disk or its file system (dmesg), or set state.dir to another one";

base::Status sync_directory(const std::string& dir) {
  const base::UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return base::fail_errno(errno, "cannot open " + dir, kDiskHint);
  // EINVAL: a file system that cannot sync directories has nothing to sync (fsync(2)).
  if (::fsync(fd.get()) != 0 && errno != EINVAL)
    return base::fail_errno(errno, "cannot sync " + dir, kDiskHint);
  return {};
}

// DIR/lock: the holder's pid, and below it this word once there was a DIR/decisions.
constexpr std::string_view kUsed = "used\n";

std::string lock_text(int lock) {
  char text[64];
  const ssize_t got = ::pread(lock, text, sizeof(text), 0);
  return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
}

// An earlier version wrote the pid alone, not padded, and made DIR/decisions at once.
bool says_used(std::string_view text) {
  return text.ends_with(kUsed) || (!text.empty() && text.find(' ') == std::string_view::npos);
}

std::string holder_of(int lock) {
  const std::string text = lock_text(lock);
  const std::string pid = text.substr(0, text.find_first_of(" \n"));
  return pid.empty() ? std::string("another process") : "process " + pid;
}

base::Status write_all(int fd, const char* data, std::size_t length, const std::string& path) {
  while (length > 0) {
    const ssize_t put = ::write(fd, data, length);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      return base::fail_errno(errno, "cannot write " + path, "free some space or set state.dir");
    }
    data += put;
    length -= static_cast<std::size_t>(put);
  }
  return {};
}

}  // namespace

base::Result<StateLock> lock_state_directory(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    return base::fail_errno(error.value(), "cannot create the state directory " + dir,
                            kDirectoryHint);
  }
  const std::string path = path_in(dir, "lock");
  base::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock) return base::fail_errno(errno, "cannot open " + path, kDirectoryHint);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::fail_errno(errno, "cannot lock " + path, kDiskHint);
    return base::fail(base::ErrorCode::kConflict,
                      "the state directory " + dir + " is in use by " + holder_of(lock.get()),
                      "stop that one, or give this one a state.dir of its own");
  }
  StateLock held{std::move(lock), false};
  held.used = says_used(lock_text(held.fd.get()));
  note_used(held, held.used);
  return held;
}

void note_used(StateLock& lock, bool used) {
  lock.used = used;
  // The first line has the same length whatever the pid: what stands below it is never away.
  char text[32];
  const int pid = std::snprintf(text, sizeof(text), "%-10d\n", static_cast<int>(::getpid()));
  std::string lines(text, static_cast<std::size_t>(pid));
  if (used) lines += kUsed;
  // The lock itself is the kernel's.
  if (::pwrite(lock.fd.get(), lines.data(), lines.size(), 0) ==
      static_cast<ssize_t>(lines.size())) {
    (void)!::ftruncate(lock.fd.get(), static_cast<off_t>(lines.size()));
  }
}

base::Result<std::unique_ptr<StateFile>> open_decisions(const std::string& dir) {
  const std::string path = path_in(dir, "decisions");
  base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::unique_ptr<StateFile>();
  if (!fd) return base::fail_errno(errno, "cannot open " + path, kDirectoryHint);
  return std::make_unique<PosixStateFile>(std::move(fd));
}

base::Result<std::unique_ptr<StateFile>> create_decisions(const std::string& dir,
                                                          std::string_view content) {
  const std::string name = path_in(dir, "decisions");
  const std::string path = name + ".new";
  base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd) return base::fail_errno(errno, "cannot create " + path, kDirectoryHint);
  std::vector<char> bytes(kStateFileBytes, 0);
  content.copy(bytes.data(), content.size());
  if (auto written = write_all(fd.get(), bytes.data(), bytes.size(), path); !written) {
    return tl::unexpected(written.error());
  }
  if (::fsync(fd.get()) != 0) return base::fail_errno(errno, "cannot sync " + path, kDiskHint);
  if (::rename(path.c_str(), name.c_str()) != 0) {
    return base::fail_errno(errno, "cannot rename " + path, kDiskHint);
  }
  if (auto synced = sync_directory(dir); !synced) return tl::unexpected(synced.error());
  return std::make_unique<PosixStateFile>(std::move(fd));
}

base::Result<std::string> set_decisions_aside(const std::string& dir) {
  const std::string name = path_in(dir, "decisions");
  const std::string stem = name + ".set-aside-" + std::to_string(base::wall_now_ms() / 1000);
  std::string aside = stem;
  // Two resets within a second must not cost the first one's file.
  for (int more = 2; ::access(aside.c_str(), F_OK) == 0; ++more) {
    aside = stem + "-" + std::to_string(more);
  }
  if (::rename(name.c_str(), aside.c_str()) != 0) {
    if (errno == ENOENT) return std::string();
    return base::fail_errno(errno, "cannot rename " + name, kDiskHint);
  }
  if (auto synced = sync_directory(dir); !synced) {
    base::Error error = synced.error();
    error.message += "; " + name + " was renamed to " + aside + " already";
    return tl::unexpected(std::move(error));
  }
  return aside;
}

}  // namespace shunt::control
