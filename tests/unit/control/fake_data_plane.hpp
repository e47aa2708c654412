// A DataPlane of scripted workers around a real Publication.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "shunt/proxy/data_plane.hpp"

namespace shunt::control::test {

// How a worker behaves; the default sleeps with nothing connecting.
struct FakeWorker {
  bool online = false;  // busy: holds a root until it follows
  bool connecting = false;
  bool follows = true;  // when woken
  bool answers = true;  // its mailbox
  bool full = false;    // its mailbox takes nothing
  bool has_ended = false;
  proxy::BusyPollHold busy_poll_hold = proxy::BusyPollHold::kNone;
  traffic::Revision revision = 1;
  std::uint64_t matches = 0;  // relays that a CloseRelays or Survey finds
  std::uint32_t marks = 0;    // relays of each node that a Survey finds marked; set by CloseRelays
  std::vector<proxy::ConnectionInfo> connections;
  std::vector<std::pair<traffic::NodeSlot, base::Instant>> oldest;
  std::deque<proxy::ConnectOutcome> outcomes;
  std::vector<proxy::Request> unanswered;
  std::uint32_t turned_away = 0;  // CancelCloses with `all` that found it full
};

struct SeenClose {
  std::uint32_t worker = 0;
  proxy::RelayFilter filter;
  base::Duration over = 0;
  proxy::CloseCause cause = proxy::CloseCause::kDone;
  bool cancel = false;
  proxy::Withdrawn withdrawn;             // of a CloseRelays
  std::vector<proxy::CloseOrder> others;  // of a CancelClose, for the next two as well
  bool all = false;
  traffic::Revision revision = 0;  // published when it came
};

class FakeDataPlane final : public proxy::DataPlane {
 public:
  FakeDataPlane(const traffic::Model& model, std::uint32_t workers,
                std::unique_ptr<const traffic::RoutingRoot> root)
      : worker(workers), publication_(workers, std::move(root)), live_(model.slots) {
    for (std::uint32_t index = 0; index < workers; ++index) {
      counters_.push_back(std::make_unique<proxy::WorkerCounters>(
          model.slots, static_cast<std::uint32_t>(model.services.size())));
    }
    for (const traffic::Service& service : model.services) listening_.push_back(service.listen);
  }

  std::vector<FakeWorker> worker;  // the script
  std::vector<SeenClose> closes;   // CloseRelays and CancelClose, in the order of arrival
  std::uint32_t pings = 0;

  // Writes the worker's word after its script was changed.
  void settle(std::uint32_t index) {
    const FakeWorker& state = worker[index];
    if (state.online) {
      (void)publication_.begin_turn(index, state.revision, state.connecting);
    } else {
      publication_.go_offline(index, state.revision, state.connecting);
    }
  }
  // Awake on the root that it has now, and it stays there until follow().
  void keep_busy(std::uint32_t index, bool connecting = false) {
    worker[index].online = true;
    worker[index].connecting = connecting;
    worker[index].follows = false;
    settle(index);
  }
  // The worker follows what is published now.
  void follow(std::uint32_t index) {
    worker[index].revision = publication_.current().revision;
    settle(index);
  }
  void answer_all(std::uint32_t index) {
    worker[index].answers = true;
    for (const proxy::Request& request : std::exchange(worker[index].unanswered, {})) {
      answer(index, request);
    }
  }
  [[nodiscard]] proxy::WorkerCounters& bump(std::uint32_t index) { return *counters_[index]; }

  [[nodiscard]] std::uint32_t workers() const noexcept override {
    return static_cast<std::uint32_t>(worker.size());
  }
  [[nodiscard]] proxy::Publication& publication() noexcept override { return publication_; }
  void wake(traffic::Revision) noexcept override {
    for (std::uint32_t index = 0; index < workers(); ++index) {
      if (worker[index].follows) follow(index);
    }
  }
  [[nodiscard]] bool send(std::uint32_t index, const proxy::Request& request) noexcept override {
    if (worker[index].full) {
      const auto* cancel = std::get_if<proxy::CancelClose*>(&request);
      if (cancel != nullptr && (*cancel)->all) ++worker[index].turned_away;
      return false;
    }
    if (worker[index].answers) {
      answer(index, request);
    } else {
      worker[index].unanswered.push_back(request);
    }
    return true;
  }
  [[nodiscard]] const proxy::WorkerCounters& counters(std::uint32_t index) const noexcept override {
    return *counters_[index];
  }
  [[nodiscard]] const traffic::LiveCounts& live() const noexcept override { return live_; }
  std::size_t take_ends(std::uint32_t, proxy::ConnectionEnd*, std::size_t) noexcept override {
    return 0;
  }
  std::size_t take_outcomes(std::uint32_t index, proxy::ConnectOutcome* out,
                            std::size_t max) noexcept override {
    std::size_t count = 0;
    auto& outcomes = worker[index].outcomes;
    for (; count < max && !outcomes.empty(); ++count) {
      out[count] = outcomes.front();
      outcomes.pop_front();
    }
    return count;
  }
  [[nodiscard]] proxy::BusyPollHold busy_poll_hold(std::uint32_t index) const noexcept override {
    return worker[index].busy_poll_hold;
  }
  [[nodiscard]] bool ended(std::uint32_t index) const noexcept override {
    return worker[index].has_ended;
  }
  [[nodiscard]] std::string features() const override { return "fake"; }
  [[nodiscard]] const std::vector<std::vector<base::Endpoint>>& listening()
      const noexcept override {
    return listening_;
  }

 private:
  void answer(std::uint32_t index, const proxy::Request& request) {
    const FakeWorker& state = worker[index];
    if (auto* survey = std::get_if<proxy::Survey*>(&request)) {
      for (const auto& info : state.connections) {
        if ((*survey)->connections.size() < (*survey)->list_max) {
          (*survey)->connections.push_back(info);
        }
      }
      for (const auto& [slot, at] : state.oldest) (*survey)->oldest.at(slot) = at;
      for (auto& marked : (*survey)->marked) marked = state.marks;
      (*survey)->found.assign((*survey)->found.size(), state.marks != 0);
      (*survey)->matched = state.matches;
      (*survey)->done.store(true);
    } else if (auto* close = std::get_if<proxy::CloseRelays*>(&request)) {
      const proxy::CloseOrder& order = (*close)->order;
      closes.push_back({index,
                        order.filter,
                        order.over,
                        order.cause,
                        false,
                        order.withdrawn,
                        {},
                        false,
                        publication_.current().revision});
      if (order.over != 0) worker[index].marks = static_cast<std::uint32_t>(state.matches);
      (*close)->matched = state.matches;
      (*close)->done.store(true);
    } else if (auto* cancel = std::get_if<proxy::CancelClose*>(&request)) {
      closes.push_back({index, (*cancel)->filter, 0, (*cancel)->cause, true, nullptr,
                        (*cancel)->others, (*cancel)->all, publication_.current().revision});
      (*cancel)->done.store(true);
    } else if (auto* ping = std::get_if<proxy::Ping*>(&request)) {
      ++pings;
      (*ping)->done.store(true);
    }
  }

  proxy::Publication publication_;
  traffic::LiveCounts live_;
  std::vector<std::unique_ptr<proxy::WorkerCounters>> counters_;
  std::vector<std::vector<base::Endpoint>> listening_;
};

}  // namespace shunt::control::test
