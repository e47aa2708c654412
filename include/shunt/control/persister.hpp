// Persister: the thread that writes decisions, so that a stuck disk stalls neither traffic nor the
// control thread. Answers come back as handlers that the control thread's executor runs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "shunt/base/clock.hpp"
#include "shunt/control/state_store.hpp"

namespace shunt::control {

struct PersistResult {
  WriteResult write;
  bool durable = false;     // ok, and synced
  base::Duration took = 0;  // submit to the end of the write
};

// How the last write of a process ended.
struct LastWrite {
  bool in_time = false;  // false: the disk has not answered, and whether it takes it is not known
  WriteResult write;     // where in_time
  std::string held;      // the JSON of the newest document that is known to be on disk
};

// The same for the decisions in it, as Ledger and ControlPlane say it.
struct LastWords {
  bool kept = true;          // false: a decision in force is not on disk; an event says which
  bool disk_answers = true;  // false: a write hangs, and the Persister's destructor would with it
};

// All members are the control thread's; the thread inside is the Persister's own.
class Persister {
 public:
  using Done = std::function<void(PersistResult)>;
  using Ticket = std::uint64_t;

  // Starts the thread. `control` runs the answers. Throws std::system_error without a descriptor or
  // a thread: at the start of a process only.
  Persister(StateStore store, const boost::asio::any_io_executor& control);
  ~Persister();  // writes what was submitted and joins; answers that are still to come are dropped
  Persister(const Persister&) = delete;
  Persister& operator=(const Persister&) = delete;

  // Documents are written in the order of submission; `done` runs exactly once, unless cancelled.
  Ticket submit(std::string json, Done done);
  // True: it had not begun and never will, `done` is dropped. False: it is being written or was.
  bool cancel(Ticket ticket);
  // Writes this document after all that was submitted and waits for the answer, at most `bound`:
  // blocks, for the end of a process. Once.
  [[nodiscard]] LastWrite finish(std::string json, base::Duration bound);
  // Notes, after whatever was submitted, that this sequence was acknowledged.
  void acknowledge(std::uint64_t sequence);
  [[nodiscard]] bool syncs() const noexcept { return syncs_; }

 private:
  struct Job {
    Ticket ticket = 0;
    std::string json;
    Done done;
    base::Instant submitted = 0;
    std::uint64_t acknowledged = 0;  // not 0: a note, no document
    bool last = false;               // finish() waits for it
  };
  struct Answer {
    Done done;
    PersistResult result;
  };
  void run();
  void await_answers();

  StateStore store_;  // the thread's, after construction
  const bool syncs_;
  // An eventfd, written when there are answers. Posting them instead would wake the control thread
  // while the executor's own lock is held: with both on one CPU it wakes only to wait for that.
  boost::asio::posix::stream_descriptor news_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<Job> jobs_;             // guarded by mutex_
  std::vector<Answer> answers_;      // guarded by mutex_
  std::string held_;                 // guarded by mutex_
  std::optional<WriteResult> last_;  // guarded by mutex_; of finish()
  std::condition_variable last_done_;
  bool stopping_ = false;   // guarded by mutex_
  Ticket last_ticket_ = 0;  // control thread's
  std::thread thread_;      // last: starts when all else stands
};

}  // namespace shunt::control
