#include "shunt/control/state_store.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "shunt/base/check.hpp"
#include "src/control/phrases.hpp"
#include "src/control/state_file.hpp"
#include "src/control/state_slot.hpp"

namespace shunt::control {
namespace {

constexpr std::size_t kJsonBytesMax = base::kStateSlotBytes - kSlotHeaderBytes;

constexpr std::string_view kRestoreHint =
    "restore the file, or begin anew with --reset-state: it sets the file aside and takes "
    "`initial` of every app";

constexpr std::uint64_t offset_of(std::uint32_t slot) {
  return kStatePage + slot * base::kStateSlotBytes;
}

// Reads up to `length` bytes; shorter at the end of the file or at an error, which the checksum
// then finds out.
std::string read_range(StateFile& file, std::uint64_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  std::size_t have = 0;
  while (have < length) {
    const std::int64_t got = file.read_at(bytes.data() + have, length - have, offset + have);
    if (got == -EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

base::Status write_range(StateFile& file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const std::int64_t put = file.write_at(bytes.data(), bytes.size(), offset);
    if (put == -EINTR) continue;
    // A write of nothing is no progress and no errno: taken for a full disk.
    if (put <= 0) return base::fail_errno(put < 0 ? static_cast<int>(-put) : ENOSPC, "pwrite");
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

std::string admin_of(const AppDocument& app) {
  constexpr std::size_t kNodesTold = 8;
  std::vector<std::string> nodes;
  nodes.reserve(app.admin.size());
  for (const auto& [name, state] : app.admin) {
    nodes.push_back(name + " " + std::string(traffic::to_string(state)));
  }
  return listed(nodes, kNodesTold);
}

std::string first_image() {
  std::string slot;
  encode_slot(slot, 1, serialize(StateDocument{}));
  std::string image = encode_ack(1);
  image.resize(kStatePage);
  return image += slot;
}

}  // namespace

base::Result<StateStore> StateStore::open(const StateStoreOptions& options) {
  std::string put_aside;
  // What was put aside is told with the error: no event will, and a later start finds nothing to
  // put aside any more.
  const auto failed = [&](base::Error error) {
    if (!put_aside.empty()) error.message += "; --reset-state " + put_aside;
    return tl::unexpected(std::move(error));
  };
  auto lock = lock_state_directory(options.dir);
  if (!lock) return tl::unexpected(lock.error());
  if (options.reset) {
    const std::string what = decisions_in(options.dir);
    auto aside = set_decisions_aside(options.dir);
    if (!aside) return tl::unexpected(aside.error());
    if (!aside->empty()) put_aside = "put aside: " + what + "; the file is kept as " + *aside;
  }
  auto file = open_decisions(options.dir);
  if (!file) return failed(file.error());
  const bool fresh = *file == nullptr;
  if (fresh) {
    file = create_decisions(options.dir, first_image());
    if (!file) return failed(file.error());
  }
  // Begun anew on purpose. Not noted before there is a file again: where it cannot be made, the
  // next start is to say that decisions are gone.
  const bool used = lock->used && !options.reset;
  if (!lock->used) note_used(*lock, true);
  StateStore store(std::move(*file), options.sync);
  store.lock_ = std::move(lock->fd);
  if (auto loaded = store.load(); !loaded) {
    base::Error error = loaded.error();
    error.message = options.dir + "/decisions: " + error.message;
    return failed(std::move(error));
  }
  store.loaded_.fresh = fresh;
  if (options.reset) {
    store.loaded_.reset = put_aside.empty() ? "there were no decisions to put aside" : put_aside;
  }
  // Nothing is left that says what was acknowledged, so refusing would be no more right.
  if (fresh && used) {
    store.loaded_.recovered = "the state directory " + options.dir +
                              " has been used before, but its file `decisions` is gone: every "
                              "decision is forgotten, `initial` of every app counts";
  }
  return store;
}

// For whoever resets them: "web (green live, epoch 7)" of every app.
std::string StateStore::decisions_in(const std::string& dir) {
  auto file = open_decisions(dir);
  if (!file || *file == nullptr) return "decisions that cannot be read";
  StateStore store(std::move(*file), false);
  if (const auto loaded = store.load(); !loaded) {
    return "decisions that cannot be read (" + loaded.error().message + ")";
  }
  std::vector<std::string> apps;
  apps.reserve(store.loaded_.document.apps.size());
  for (const auto& [name, app] : store.loaded_.document.apps) {
    apps.push_back(name + " (" + app.active + " live, epoch " + std::to_string(app.epoch) +
                   (app.admin.empty() ? "" : ", nodes " + admin_of(app)) + ")");
  }
  constexpr std::size_t kAppsTold = 16;
  return apps.empty() ? "no decisions" : listed(apps, kAppsTold);
}

base::Result<StateStore> StateStore::open_file(std::unique_ptr<StateFile> file, bool sync,
                                               bool blank) {
  if (blank) {
    if (auto written = write_range(*file, first_image(), 0); !written) {
      return tl::unexpected(written.error());
    }
  }
  StateStore store(std::move(file), sync);
  if (auto loaded = store.load(); !loaded) return tl::unexpected(loaded.error());
  store.loaded_.fresh = blank;
  return store;
}

base::Status StateStore::load() {
  std::string bytes[2];
  SlotView slots[2];
  for (std::uint32_t slot = 0; slot < 2; ++slot) {
    bytes[slot] = read_range(*file_, offset_of(slot), base::kStateSlotBytes);
    slots[slot] = decode_slot(bytes[slot]);
    if (slots[slot].verdict == SlotVerdict::kNewer) {
      return base::fail(base::ErrorCode::kInvalid, "written by a newer version of shunt",
                        "run that version, or begin anew with --reset-state");
    }
    if (slots[slot].verdict == SlotVerdict::kOlder) {
      return base::fail(base::ErrorCode::kInvalid, "written by a build from before the release 0.1",
                        "run that build, or begin anew with --reset-state");
    }
  }
  // The newest that is whole. Only it is read: where it is not understood, going back to the other
  // one would lose a decision that was acknowledged.
  std::uint32_t best = 2;
  for (std::uint32_t slot = 0; slot < 2; ++slot) {
    if (slots[slot].verdict != SlotVerdict::kGood) continue;
    if (best == 2 || slots[slot].sequence > slots[best].sequence) best = slot;
  }
  if (best == 2) {
    return base::fail(base::ErrorCode::kIo, "both copies of the state are damaged",
                      std::string(kRestoreHint));
  }
  auto document = parse_state_document(slots[best].json);
  if (!document) {
    return base::fail(base::ErrorCode::kInvalid, document.error().message,
                      "run the version that wrote it, or begin anew with --reset-state");
  }
  current_ = best;
  sequence_ = slots[best].sequence;
  current_json_ = slots[best].json;
  loaded_.document = std::move(*document);

  current_sequence_ = sequence_;
  const std::optional<std::uint64_t> acknowledged = decode_ack(read_range(*file_, 0, kAckBytes));
  acknowledged_ = acknowledged.value_or(0);
  loaded_.acknowledged = acknowledged_ >= sequence_;
  const SlotVerdict other = slots[1 - best].verdict;
  // Slot 1 is blank until the second document; later a blank slot is a damaged one.
  const bool other_damaged =
      other == SlotVerdict::kBad || (other == SlotVerdict::kEmpty && sequence_ > 1);
  if (!acknowledged) return without_acknowledgement(other_damaged);
  const bool lost = acknowledged_ > sequence_;
  if (other_damaged) {
    loaded_.recovered = "one copy of the state is damaged, the other one is used";
    if (lost) {
      loaded_.recovered += "; the damaged one held a later decision that had been acknowledged";
    }
  } else if (lost) {
    loaded_.recovered = "a later decision that had been acknowledged did not reach the disk";
  }
  if (!lost) return {};
  // With syncing, what was acknowledged was on the disk before: it is there no more, and an older
  // decision must not take its place unasked. Without, a power cut may cost it.
  if (sync_) {
    return base::fail(base::ErrorCode::kIo,
                      "the last acknowledged decision is lost, what is left is older",
                      std::string(kRestoreHint));
  }
  sequence_ = acknowledged_;  // what is written next must be newer than both
  return {};
}

base::Status StateStore::without_acknowledgement(bool other_damaged) {
  // A write that a power cut tore leaves a damaged slot, and damages nothing besides.
  if (other_damaged && sync_) {
    return base::fail(base::ErrorCode::kIo,
                      "one copy of the state is damaged, and so is the record of what was "
                      "acknowledged: what is left may be older than that",
                      std::string(kRestoreHint));
  }
  loaded_.recovered =
      "the record of what was acknowledged last is damaged: the newest decision on disk is used, "
      "and one that was in progress cannot be told from one that was answered";
  if (other_damaged) loaded_.recovered += "; the damaged copy beside it may have held a later one";
  return {};
}

base::Status StateStore::write_slot(std::uint32_t slot, std::uint64_t sequence,
                                    std::string_view json) {
  encode_slot(scratch_, sequence, json);
  slot_whole_ = false;
  if (auto written = write_range(*file_, scratch_, offset_of(slot)); !written) return written;
  slot_whole_ = true;
  if (!sync_) return {};
  // Not repeated on EINTR or EIO: the kernel reports a failure once and then forgets the dirty
  // pages, so a second fdatasync would say success about bytes that never arrived.
  if (const int error = file_->sync(); error != 0) return base::fail_errno(-error, "fdatasync");
  return {};
}

WriteResult StateStore::write(std::string_view json) {
  WriteResult result;
  if (json.size() > kJsonBytesMax) {
    // Nothing was touched, so nothing has to be restored.
    return {.restored = true,
            .error = "the state does not fit into its slot (" + std::to_string(json.size()) +
                     " of " + std::to_string(kJsonBytesMax) + " bytes)",
            .too_large = true};
  }
  const std::uint32_t target = 1 - current_;
  const base::Status written = write_slot(target, ++sequence_, json);
  if (written) {
    current_ = target;
    current_json_ = json;
    current_sequence_ = sequence_;
    result.ok = true;
    result.sequence = sequence_;
    return result;
  }
  result.error = written.error().message;
  const bool whole = slot_whole_;
  result.restored = write_slot(target, ++sequence_, current_json_).has_value();
  result.unknown = whole && !result.restored;
  if (result.restored) {
    current_ = target;
    const bool acknowledged = acknowledged_ >= std::exchange(current_sequence_, sequence_);
    if (acknowledged) acknowledge(sequence_);  // it still is, under its new number
  }
  return result;
}

void StateStore::acknowledge(std::uint64_t sequence) noexcept {
  acknowledged_ = sequence;
  const std::string record = encode_ack(sequence);
  (void)file_->write_at(record.data(), record.size(), 0);
}

}  // namespace shunt::control
