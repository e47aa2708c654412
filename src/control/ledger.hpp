// Ledger: the StateDocument in memory and its way to disk. A command stages its change, which is
// then kept or taken back; everything else (receipts, operation ids, what went ahead without the
// disk) goes out in the background and is tried again until it is there. Control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shunt/base/clock.hpp"
#include "shunt/control/event.hpp"
#include "shunt/control/persister.hpp"
#include "src/control/lifetime.hpp"

namespace shunt::control {

class Ledger {
 public:
  // retry: after a failed write. settle: quiet time after a decision before its receipt goes out.
  Ledger(boost::asio::io_context& io, Persister& persister, EventSink& events,
         StateDocument document, base::Duration retry, base::Duration settle);

  [[nodiscard]] const StateDocument& document() const noexcept { return document_; }

  // ---- One staged change at a time: stage, perhaps write, then keep or take_back.

  // Puts the app's new record, and the operation of a command with a key, into the document.
  void stage(const std::string& app, AppDocument record, std::optional<OperationRecord> operation);
  // Writes the staged document; `written` is called once, unless it is taken back before.
  void write(std::function<void(const PersistResult&)> written);
  // The change is in force.
  void keep();
  // It is not. A write that was begun may still reach the disk: then what is in force follows it.
  // stuck: not empty when it is taken back because the disk did not answer.
  void take_back(const std::string& stuck = {});

  // ---- Or, where nobody waits for the disk:

  // A decision is in force that the document lacks: nothing is persisted until stage() and keep().
  void decided() noexcept;

  // ---- At any time.

  // What was kept is acknowledged: its receipt where it was a decision, and what its key is
  // answered.
  void acknowledged(const std::string& app, std::optional<Receipt> receipt,
                    std::optional<OperationRecord> operation);
  // An answer that came with no decision.
  void remember(OperationRecord operation);
  // Whose connections are being ended now, in words; written with what comes next, or soon.
  void note_ending(const std::string& app, const std::string& what);
  // What a restart found unacknowledged was asked for again and answered: the decision, or `nodes`.
  void settle_recovered(const std::string& app, bool nodes);
  // Writes the document as soon as nothing is staged.
  void flush();
  // Writes what the disk lacks and waits for it, at most `bound`: nobody waits for what is running
  // any more. What is in force and did not get there is told, an event an app. Once.
  [[nodiscard]] LastWords finish(base::Duration bound);

  // The decisions in force are on disk (and synced, where syncing is on).
  [[nodiscard]] bool persisted() const noexcept { return !ahead_ && written_ >= in_force_; }
  [[nodiscard]] bool durable() const noexcept { return persisted() && persister_.syncs(); }
  // Why decisions cannot be persisted now; empty where they can.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

 private:
  struct Staged {
    std::string app;
    AppDocument before;
    std::string key;               // of its operation; empty: none
    Persister::Ticket ticket = 0;  // 0: no write was begun
    std::uint64_t attempt = 0;
    std::function<void(const PersistResult&)> written;
  };

  void attempt_done(std::uint64_t attempt, std::uint64_t version, const PersistResult& result);
  void background_done(std::uint64_t version, const PersistResult& result);
  void on_disk(std::uint64_t version, std::uint64_t sequence);
  void disk_is_behind();
  void in_trouble(const std::string& why);
  void flush_after(base::Duration delay);  // or sooner, where that was asked for before
  void flush_when_quiet();
  [[nodiscard]] bool tell_lost(const LastWrite& last);

  Persister& persister_;
  EventSink& events_;
  const base::Duration retry_;
  const base::Duration settle_;
  boost::asio::steady_timer timer_;  // of flush_after()
  boost::asio::steady_timer settle_timer_;
  base::Instant flush_due_ = 0;  // 0: timer_ is not armed
  StateDocument document_;
  std::optional<Staged> staged_;
  std::uint64_t version_ = 1;    // of document_; rises with every staged change
  std::uint64_t in_force_ = 1;   // the version that the disk must have for persisted()
  std::uint64_t written_ = 0;    // the version that the disk has
  std::uint64_t sequence_ = 0;   // of the slot that holds it
  std::uint64_t attempts_ = 0;   // of write()
  bool ahead_ = false;           // decided(), and not kept yet
  bool unacknowledged_ = false;  // a decision is kept whose client has no answer yet
  bool background_running_ = false;
  bool flush_wanted_ = false;
  std::string trouble_;
  Lifetime lifetime_;
};

}  // namespace shunt::control
