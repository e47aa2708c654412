// StateStore: the decision on disk. DIR/decisions holds an acknowledgement record and two
// preallocated slots, written in turn, so that one of them is whole at every moment:
//
// clang-format off
//   offset 0                  the sequence that was last acknowledged; rewritten in place, never synced
//   kStatePage                slot 0: header (magic, version, sequence, length, checksum), JSON
//   kStatePage + slot size    slot 1
// clang-format on
//
// The checksum (XXH3, 64 bits) covers header and JSON, so a torn slot is known as such and the
// other one counts. The valid slot with the higher sequence is the state, or nothing is: a start
// never goes back to an older one because the newest is not understood, nor, with syncing, because
// the one that the record of acknowledgement names is gone. That record has a checksum of its own:
// damaged it means "not acknowledged", and is told; with a damaged slot beside it nobody knows any
// more whether that slot's decision was acknowledged, so a start with syncing is refused.
//
// DIR/lock is held with flock(2): two daemons never share a directory. It stays, and notes that
// there was a DIR/decisions, so that one which is gone is missed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shunt/base/limits.hpp"
#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/control/state_document.hpp"

namespace shunt::control {

inline constexpr std::uint64_t kStatePage = 4096;
inline constexpr std::uint64_t kStateFileBytes = kStatePage + 2 * base::kStateSlotBytes;

// The seam to the operating system; tests put faults in here. Results as the system calls': a
// count, or -errno.
class StateFile {
 public:
  virtual ~StateFile() = default;
  virtual std::int64_t read_at(void* buffer, std::size_t length, std::uint64_t offset) = 0;
  virtual std::int64_t write_at(const void* buffer, std::size_t length, std::uint64_t offset) = 0;
  virtual int sync() = 0;  // fdatasync(2)
};

struct StateStoreOptions {
  std::string dir;
  bool sync = true;    // fdatasync each write
  bool reset = false;  // move what is there aside and begin anew (serve --reset-state)
};

// What open() found.
struct StateLoad {
  StateDocument document;
  bool fresh = false;        // there was no state: `initial` counts
  bool acknowledged = true;  // the newest decision had been acknowledged
  std::string recovered;     // not empty: one slot or the record of acknowledgement was bad, or the
                             // file of a directory that has been used is missing, as a sentence for
                             // the event
  std::string reset;  // not empty: what StateStoreOptions::reset put aside and where it is kept
};

struct WriteResult {
  bool ok = false;
  std::uint64_t sequence = 0;  // of the document, where ok
  // Not ok: the state before the write is whole and synced on disk again, so that a restart cannot
  // bring up the decision that failed. False: a restart may (as recovered, unacknowledged).
  bool restored = false;
  // Not ok, nor restored: the document may be whole on disk, where only its sync failed.
  bool unknown = false;
  std::string error;       // a sentence
  bool too_large = false;  // not ok: the document does not fit into a slot, the disk is well
};

// One thread at a time; every call may block on the disk.
class StateStore {
 public:
  // Locks, creates or reads. Errors: kConflict, another daemon has the directory (names its pid);
  // kIo, both slots are bad, or the acknowledged one is and syncing is on (hint: --reset-state);
  // kPermission; kInvalid, written by a newer version or not understood.
  [[nodiscard]] static base::Result<StateStore> open(const StateStoreOptions& options);
  // On a file that a test brings; blank: begins anew.
  [[nodiscard]] static base::Result<StateStore> open_file(std::unique_ptr<StateFile> file,
                                                          bool sync, bool blank);

  [[nodiscard]] const StateLoad& loaded() const noexcept { return loaded_; }
  [[nodiscard]] bool syncs() const noexcept { return sync_; }

  // Writes the JSON of a document into the slot that is not current. When that fails, the old
  // document is written again into the *same* slot with a higher sequence: the current slot is the
  // only one known to be good and is not touched.
  [[nodiscard]] WriteResult write(std::string_view json);
  // Notes in place that the document of this sequence was acknowledged. Survives SIGKILL; after a
  // power cut it may be missing. Failure is harmless and ignored.
  void acknowledge(std::uint64_t sequence) noexcept;

 private:
  StateStore(std::unique_ptr<StateFile> file, bool sync) : file_(std::move(file)), sync_(sync) {}
  [[nodiscard]] base::Status load();
  [[nodiscard]] base::Status without_acknowledgement(bool other_damaged);
  [[nodiscard]] static std::string decisions_in(const std::string& dir);
  [[nodiscard]] base::Status write_slot(std::uint32_t slot, std::uint64_t sequence,
                                        std::string_view json);

  std::unique_ptr<StateFile> file_;
  bool sync_;
  base::UniqueFd lock_;
  StateLoad loaded_;
  std::uint32_t current_ = 0;           // the slot that is known to be good
  std::uint64_t sequence_ = 0;          // the highest that was ever given out
  std::uint64_t current_sequence_ = 0;  // what `current_` holds
  std::uint64_t acknowledged_ = 0;      // the last one noted
  std::string current_json_;            // what `current_` holds
  bool slot_whole_ = false;             // the last write_slot() wrote all of it, synced or not
  std::string scratch_;                 // header and JSON of one write
};

}  // namespace shunt::control
