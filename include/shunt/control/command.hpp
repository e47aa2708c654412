// Commands that change something, and what they answer. Names are as the operator gave them; the
// Switchboard resolves them and answers with every reason at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/traffic/ids.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::control {

enum class Verb : std::uint8_t {
  kSwitch,
  kRollback,
  kAdmin,
  kClose,
  kPrepare,
  kRetire,
  kSplit,
  kConfirm,
  kAbort,
  // Given by shunt itself:
  kEmptied,  // a retiring pool has no connection any more
  kExpired,  // a trial was not confirmed in time
};

struct Command {
  Verb verb = Verb::kSwitch;
  std::string app;   // empty: the only app
  std::string pool;  // switch: the target; rollback: --to; close, prepare, retire: which; confirm:
                     // "green" or "green#12"; else empty
  std::vector<std::string> nodes;                           // admin: node names; close: at most one
  traffic::AdminState admin = traffic::AdminState::kReady;  // kAdmin: what the nodes become
  std::uint64_t connection = 0;                             // close: one connection by id
  bool cancel = false;  // close: end the closings of exactly these instead
  // Rollback, switch: also close what is left on the pool being left, spread over this; prepare,
  // retire: what is left on that pool; close: the spread.
  std::optional<base::Duration> close_over;
  // Switch: go back by itself unless confirmed within this; base::kOff: no trial; empty: as the app
  // has it.
  std::optional<base::Duration> confirm_within;
  std::string version;  // prepare: of what will be in the pool; may be empty
  bool undo = false;    // retire: take it back; split: end it
  // Split; what is empty stays what it is.
  std::optional<std::uint32_t> share;               // in millionths
  std::optional<bool> sticky;                       // by client address
  std::optional<std::vector<std::string>> sources;  // networks whose clients all go there
  std::optional<base::Duration> deadline;           // admin drain: close what is left after this
  bool no_deadline = false;       // admin drain: take back the deadline that was set
  std::vector<std::string> skip;  // gates to waive ("min_healthy")
  bool force = false;             // waive all gates
  bool dry_run = false;
  bool not_durable = false;  // acknowledged without waiting for the disk, which gets it after
  std::optional<traffic::Epoch> if_epoch;
  std::string key;  // operation id; empty: none
  std::string reason;
  std::string actor;  // proven (socket credentials): "uid 0"
};

enum class OutcomeKind : std::uint8_t {
  kDone,         // changed, or nothing to do (changed == false)
  kRefused,      // gates or rules; reasons says all
  kEpochMoved,   // --if-epoch did not match
  kNotFound,     // no such app, pool, node
  kInvalid,      // the request makes no sense
  kUnavailable,  // could not be persisted; nothing was published
};

struct Reason {
  std::string gate;     // "min_healthy", "epoch", "pool", "persist", ...
  std::string message;  // measured and needed
};

// Durations of a switch, in the order in which they happen.
struct Receipt {
  traffic::Epoch epoch = 0;  // after the change
  std::string from;          // pools; empty where the command moved none
  std::string to;
  base::Duration gates = 0;
  base::Duration persist = 0;
  base::Duration store = 0;       // the pointer exchange alone
  base::Duration adoption = 0;    // from the store until every worker followed
  base::Duration total = 0;       // command received to acknowledgement
  std::uint64_t repointed = 0;    // connects taken back from the old pool
  std::uint64_t left_behind = 0;  // established connections on the old pool
  bool durable = true;
  bool adopted = true;               // false: a worker had not followed when the wait for it ended
  std::vector<std::string> skipped;  // gates that were waived although they failed
  std::int64_t wall_ms = 0;
};

// A pool and what is in it: "green#12 1.3.0".
struct PoolName {
  std::string name;
  traffic::Generation generation = 0;  // 0: nothing was in it yet
  std::string version;                 // as `prepare` was told; may be empty
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::kDone;
  bool changed = false;
  bool dry_run = false;
  bool replayed = false;  // answered from the operation id
  std::string app;
  std::string message;            // one sentence
  std::vector<Reason> reasons;    // why not; or, for a dry run, what would be waived
  std::vector<std::string> next;  // commands that lead on
  Receipt receipt;
  std::optional<PoolName> pool;    // that was switched to, prepared or retired, after the command
  std::vector<std::string> nodes;  // admin: nodes whose state or deadline changed
  // What the command set for what is left; empty: nothing. It is closed after `deadline` (drain),
  // spread over `over` (drain with a deadline, close).
  std::optional<base::Duration> deadline;
  std::optional<base::Duration> over;
  std::optional<base::Duration> confirm_within;  // switch: of the trial that began; empty: none
  std::uint64_t closed = 0;                      // close: connections marked
  std::string active;                            // after the command
  traffic::Epoch epoch = 0;                      // after the command
};

}  // namespace shunt::control
