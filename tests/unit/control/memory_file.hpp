// A StateFile in memory with a page cache and a disk behind it, and faults on demand.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "shunt/control/state_store.hpp"

namespace shunt::control::test {

// What survives the store that writes it: the test keeps it and opens stores on it again.
struct Medium {
  std::string cache = std::string(kStateFileBytes, '\0');  // what a process reads after SIGKILL
  std::string disk = cache;                                // what is left after a power cut
  // Called before each write and sync, on the thread that makes them; 0: go on, else -errno.
  void when_writing(std::function<int()> hook) {
    const std::lock_guard guard(mutex);
    on_write = std::move(hook);
  }
  void when_syncing(std::function<int()> hook) {
    const std::lock_guard guard(mutex);
    on_sync = std::move(hook);
  }
  int ask(std::function<int()> Medium::* hook) {
    std::unique_lock lock(mutex);
    const std::function<int()> copy = this->*hook;
    lock.unlock();
    return copy ? copy() : 0;
  }

  std::mutex mutex;  // guards the hooks
  std::function<int()> on_write, on_sync;
  std::size_t short_write = SIZE_MAX;  // at most so many bytes a call
  std::size_t writes = 0;
  std::size_t syncs = 0;
  std::string last_write;  // its bytes
  std::uint64_t last_offset = 0;

  void power_cut() { cache = disk; }
};

class MemoryFile final : public StateFile {
 public:
  explicit MemoryFile(std::shared_ptr<Medium> medium) : medium_(std::move(medium)) {}

  std::int64_t read_at(void* buffer, std::size_t length, std::uint64_t offset) override {
    if (offset >= medium_->cache.size()) return 0;
    return static_cast<std::int64_t>(
        medium_->cache.copy(static_cast<char*>(buffer), length, offset));
  }
  std::int64_t write_at(const void* buffer, std::size_t length, std::uint64_t offset) override {
    Medium& medium = *medium_;
    ++medium.writes;
    if (const int error = medium.ask(&Medium::on_write); error != 0) return error;
    length = std::min(length, medium.short_write);
    // The acknowledgement record is no slot write.
    if (offset >= kStatePage) {
      medium.last_write.assign(static_cast<const char*>(buffer), length);
      medium.last_offset = offset;
    }
    std::memcpy(medium.cache.data() + offset, buffer, length);
    return static_cast<std::int64_t>(length);
  }
  int sync() override {
    ++medium_->syncs;
    if (const int error = medium_->ask(&Medium::on_sync); error != 0) return error;
    medium_->disk = medium_->cache;
    return 0;
  }

 private:
  std::shared_ptr<Medium> medium_;
};

// A document whose only app `web` has this epoch and active pool.
inline StateDocument document_at(traffic::Epoch epoch, const std::string& active) {
  StateDocument document;
  document.apps["web"].epoch = epoch;
  document.apps["web"].active = active;
  return document;
}

inline base::Result<StateStore> open_on(const std::shared_ptr<Medium>& medium, bool blank = false,
                                        bool sync = true) {
  return StateStore::open_file(std::make_unique<MemoryFile>(medium), sync, blank);
}

inline traffic::Epoch epoch_on(const std::shared_ptr<Medium>& medium) {
  auto store = open_on(medium);
  return store ? store->loaded().document.apps.at("web").epoch : 0;
}

}  // namespace shunt::control::test
