#include "src/control/ledger.hpp"

#include <chrono>
#include <utility>

#include "shunt/base/check.hpp"
#include "src/control/operations.hpp"

namespace shunt::control {

Ledger::Ledger(boost::asio::io_context& io, Persister& persister, EventSink& events,
               StateDocument document, base::Duration retry, base::Duration settle)
    : persister_(persister),
      events_(events),
      retry_(retry),
      settle_(settle),
      timer_(io),
      settle_timer_(io),
      document_(std::move(document)) {}

void Ledger::stage(const std::string& app, AppDocument record,
                   std::optional<OperationRecord> operation) {
  SHUNT_CHECK(!staged_);
  Staged staged;
  staged.app = app;
  staged.before = std::exchange(document_.apps[app], std::move(record));
  if (operation) {
    staged.key = operation->key;
    remember_operation(document_, std::move(*operation));
  }
  staged_ = std::move(staged);
  ++version_;
}

void Ledger::write(std::function<void(const PersistResult&)> written) {
  SHUNT_CHECK(staged_ && staged_->ticket == 0);
  staged_->written = std::move(written);
  staged_->attempt = ++attempts_;
  staged_->ticket = persister_.submit(
      serialize(document_),
      lifetime_.guard([this, attempt = attempts_, version = version_](const PersistResult& result) {
        attempt_done(attempt, version, result);
      }));
}

void Ledger::attempt_done(std::uint64_t attempt, std::uint64_t version,
                          const PersistResult& result) {
  const bool awaited = staged_ && staged_->attempt == attempt;
  if (result.write.ok) {
    on_disk(version, result.write.sequence);
  } else if (!result.write.restored) {
    in_trouble(result.write.error);
  } else if (result.write.too_large) {
    // The next decision may fare the same: told, until what is in force has been written again.
    in_trouble(result.write.error);
    flush_after(retry_);
  }
  if (awaited) {
    if (!result.write.ok && !result.write.restored) disk_is_behind();
    const auto written = std::move(staged_->written);
    staged_->ticket = 0;
    written(result);
    return;
  }
  // Late: the change was taken back meanwhile, and the disk may have it all the same.
  if (result.write.ok || !result.write.restored) disk_is_behind();
}

// What is in force has to be written again, over something else.
void Ledger::disk_is_behind() {
  in_force_ = ++version_;
  flush_after(trouble_.empty() ? 0 : retry_);
}

void Ledger::keep() {
  SHUNT_CHECK(staged_);
  staged_.reset();
  ahead_ = false;
  in_force_ = version_;
  // What waited for the end of the staging waits on: written now, it would be marked as not
  // acknowledged, and the mark would outlive the answer if the process were killed then.
  unacknowledged_ = true;
}

void Ledger::decided() noexcept {
  ahead_ = true;
  unacknowledged_ = true;
}

void Ledger::take_back(const std::string& stuck) {
  SHUNT_CHECK(staged_);
  // Begun and not ended: the disk may have it or not, so what is in force has to be written over
  // it.
  const bool unknown = staged_->ticket != 0 && !persister_.cancel(staged_->ticket);
  document_.apps[staged_->app] = std::move(staged_->before);
  if (!staged_->key.empty()) forget_operation(document_, staged_->key);
  staged_.reset();
  if (!stuck.empty()) in_trouble(stuck);
  if (unknown) {
    disk_is_behind();
  } else if (!stuck.empty()) {
    flush_after(retry_);  // finds out when the disk answers again
  }
  if (flush_wanted_) flush();
}

void Ledger::acknowledged(const std::string& app, std::optional<Receipt> receipt,
                          std::optional<OperationRecord> operation) {
  AppDocument& record = document_.apps[app];
  record.pending = false;
  record.pending_nodes.clear();
  if (receipt) record.receipt = std::move(receipt);
  if (operation) remember_operation(document_, std::move(*operation));
  unacknowledged_ = false;
  if (!persisted()) return flush();  // and the mark goes out when that is on disk
  persister_.acknowledge(sequence_);
  if (flush_wanted_) return flush();
  flush_when_quiet();
}

void Ledger::remember(OperationRecord operation) {
  remember_operation(document_, std::move(operation));
  flush();
}

void Ledger::settle_recovered(const std::string& app, bool nodes) {
  AppDocument& record = document_.apps[app];
  if (nodes) {
    record.recovered_nodes.clear();
  } else {
    record.recovered = false;
  }
  flush();
}

void Ledger::note_ending(const std::string& app, const std::string& what) {
  AppDocument& record = document_.apps[app];
  if (record.ending == what) return;
  record.ending = what;
  if (staged_ && staged_->app == app) staged_->before.ending = what;
  flush_when_quiet();
}

void Ledger::flush() {
  if (staged_ || background_running_) {
    flush_wanted_ = true;
    return;
  }
  flush_wanted_ = false;
  background_running_ = true;
  persister_.submit(serialize(document_),
                    lifetime_.guard([this, version = version_](const PersistResult& result) {
                      background_done(version, result);
                    }));
}

void Ledger::background_done(std::uint64_t version, const PersistResult& result) {
  background_running_ = false;
  if (!result.write.ok) {
    in_trouble(result.write.error);
    flush_after(retry_);
    return;
  }
  on_disk(version, result.write.sequence);
  if (flush_wanted_) flush();
}

void Ledger::on_disk(std::uint64_t version, std::uint64_t sequence) {
  written_ = version;
  sequence_ = sequence;
  if (!unacknowledged_ && persisted() && !staged_) persister_.acknowledge(sequence_);
  if (trouble_.empty()) return;
  trouble_.clear();
  Event event;
  event.type = "not_durable";
  event.message = "decisions can be persisted again";
  events_.publish(std::move(event));
}

void Ledger::in_trouble(const std::string& why) {
  const bool known = !trouble_.empty();
  trouble_ = why;
  if (known) return;
  Event event;
  event.level = EventLevel::kError;
  event.type = "not_durable";
  event.message = "decisions cannot be persisted: " + why + "; tried again until it works";
  events_.publish(std::move(event));
}

void Ledger::flush_after(base::Duration delay) {
  const base::Instant due = base::monotonic_now() + delay;
  if (flush_due_ != 0 && flush_due_ <= due) return;
  flush_due_ = due;
  timer_.expires_after(std::chrono::nanoseconds(delay));
  timer_.async_wait(lifetime_.guard([this](const boost::system::error_code& error) {
    if (error) return;
    flush_due_ = 0;
    flush();
  }));
}

// What may wait: its timer begins anew each time, and never that of what may not.
void Ledger::flush_when_quiet() {
  settle_timer_.expires_after(std::chrono::nanoseconds(settle_));
  settle_timer_.async_wait(lifetime_.guard([this](const boost::system::error_code& error) {
    if (!error) flush();
  }));
}

}  // namespace shunt::control
