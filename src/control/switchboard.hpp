// Switchboard: the single writer. It takes commands one after the other, decides, persists,
// publishes the next root, waits until every worker follows, and acknowledges. Control thread only.
//
// clang-format off
//   waiting ──► deciding ──refused, nothing to do, dry run──► answered
//                  │
//                  ├─► persisting ──failed or too slow──► answered, nothing changed
//                  │       │
//                  │       │ on disk (not_durable: at once)
//                  │       ▼
//                  ├─► adopting: published ──every worker follows, or bound──► answered with a receipt
//                  │
//                  └─► closing (verb close) ──every worker marked, or bound──► answered
// clang-format on
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shunt/control/control_plane.hpp"
#include "src/control/decisions.hpp"
#include "src/control/drains.hpp"
#include "src/control/health_board.hpp"
#include "src/control/ledger.hpp"
#include "src/control/lifetime.hpp"
#include "src/control/plan.hpp"
#include "src/control/worker_requests.hpp"

namespace shunt::control {

class Switchboard {
 public:
  using Done = std::function<void(Outcome)>;

  Switchboard(const ControlParts& parts, RestoredState restored, HealthBoard& health,
              Drains& drains, WorkerRequests& requests);

  // done is called exactly once, possibly before this returns.
  void apply(Command command, Done done);
  // The app's table is built anew and published within a few milliseconds; requests add up.
  void rebuild_soon(traffic::AppId app);
  // Calls `each` for every node's admin state, now and whenever one changes.
  void on_admin(std::function<void(traffic::NodeSlot, traffic::AdminState)> each);
  // Commands from now on are refused. What waits for a quiet moment to be written (receipts) is
  // written now.
  void stop();
  // Everything has ended: writes what is decided and not on disk yet, blocks until then or
  // persist_wait. The last call.
  [[nodiscard]] LastWords finish_up();
  // Frees replaced roots that nobody reads any more.
  void reclaim();

  [[nodiscard]] const Decisions& decisions() const noexcept { return decisions_; }
  [[nodiscard]] bool idle() const noexcept { return !running_ && queue_.empty(); }
  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }
  // Every worker follows what is published now.
  [[nodiscard]] bool adopted() const noexcept {
    return data_plane_.publication().adopted_by_all(revision_);
  }
  [[nodiscard]] traffic::Revision revision() const noexcept { return revision_; }
  [[nodiscard]] std::size_t retained() const noexcept { return retained_; }
  [[nodiscard]] const traffic::RoutingTable& table(traffic::AppId app) const noexcept {
    return *tables_[app];
  }

 private:
  enum class Stage : std::uint8_t { kDeciding, kPersisting, kAdopting, kClosing };
  struct Waiting {
    Command command;
    Done done;
    base::Instant received = 0;
  };
  struct Running {
    Command command;
    Done done;
    base::Instant received = 0;
    std::uint64_t number = 0;  // of the command; answers of workers to earlier ones are late
    Stage stage = Stage::kDeciding;
    Resolved resolved;
    Plan plan;
    base::Instant deadline = 0;  // of the stage
    base::Instant published = 0;
    traffic::Revision revision = 0;  // that carries the plan; 0: nothing was published
    std::vector<bool> followed;      // by worker: it adopted `revision`
    std::uint64_t asked = 0;         // of the workers, by a close: WorkerRequests::give_up()
    std::uint64_t repointed_before = 0;
    bool recorded = false;    // the ledger has the decision
    base::Duration poll = 0;  // next interval of asking for adoption
  };
  // It answers the question that a restart has left about the live pool.
  [[nodiscard]] static bool settles_mark(const Running& run) noexcept {
    return run.plan.from != traffic::kNoPool || run.command.verb == Verb::kConfirm;
  }

  void run_next();
  void begin();
  [[nodiscard]] std::optional<Outcome> refuse_early();
  void stage();
  void on_written(const PersistResult& result);
  void not_persisted(std::string why);
  void commit();
  void spin_for_adoption();
  [[nodiscard]] bool followed_by_all();
  void poll_adoption();
  void await_news();
  void finish();
  void begin_drains(const Running& run);
  void cancel_drains(const Running& run);
  void close_connections();
  void cancel_closings();
  void count_connections();
  void closed(std::uint64_t matched, bool complete);
  void answer(Outcome outcome);

  void build(traffic::AppId app);
  base::Duration publish();

  [[nodiscard]] bool says_what_is(const Command& command, const Outcome& outcome,
                                  const RestoredApp& app) const;
  void acknowledge_recovered(Outcome& outcome);
  // Fills in active pool and epoch where the app is known.
  void tell_what_holds(Outcome& outcome) const;
  void record(Running& run, const Outcome& outcome);
  [[nodiscard]] AppDocument staged_record(const Running& run, const Receipt& receipt) const;
  [[nodiscard]] static std::optional<OperationRecord> operation(const Command& command,
                                                                const Outcome& outcome);
  [[nodiscard]] bool rollback_waits() const noexcept;
  [[nodiscard]] base::Instant deadline_after(base::Duration usual) const noexcept;
  void call_at(base::Instant when, void (Switchboard::*then)());
  void on_deadline();

  const traffic::Model& model_;
  proxy::DataPlane& data_plane_;
  Persister& persister_;
  EventSink& events_;
  const ControlTiming timing_;
  HealthBoard& health_;
  Drains& drains_;
  WorkerRequests& requests_;
  boost::asio::steady_timer timer_;  // the running command's
  boost::asio::steady_timer rebuild_timer_;
  std::optional<boost::asio::posix::stream_descriptor> news_;  // DataPlane::adoption_fd()
  Decisions decisions_;
  Ledger ledger_;
  std::vector<std::shared_ptr<const traffic::RoutingTable>> tables_;  // by AppId
  traffic::Revision revision_;
  std::size_t retained_ = 0;
  std::vector<bool> dirty_;  // by AppId
  bool rebuild_armed_ = false;
  std::function<void(traffic::NodeSlot, traffic::AdminState)> on_admin_;
  std::deque<Waiting> queue_;
  std::unique_ptr<Running> running_;
  bool busy_ = false;  // in the loop over the queue, or in an answer: no nesting
  bool stopping_ = false;
  std::uint64_t commands_ = 0;  // begun so far
  std::uint64_t wait_ = 0;      // number of the wait that counts, earlier ones are over
  Lifetime lifetime_;
};

}  // namespace shunt::control
