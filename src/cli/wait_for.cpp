#include "src/cli/wait_for.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

// One question may take this long; the daemon's control thread answers within milliseconds.
constexpr base::Duration kAnswerWithin = 5 * base::kSecond;
// A daemon that restarts is back within this; one that does not is gone.
constexpr base::Duration kSilenceMax = 30 * base::kSecond;

// Quick at first, as most waits end soon; later the daemon is asked once a second.
base::Duration pause_after(base::Duration waited) {
  if (waited < base::kSecond) return 50 * base::kMillisecond;
  return waited < 10 * base::kSecond ? 250 * base::kMillisecond : base::kSecond;
}

Progress waiting(std::string text) {
  return {Progress::State::kWaiting, std::move(text)};
}
Progress reached(std::string text) {
  return {Progress::State::kReached, std::move(text)};
}
Progress undone(std::string text) {
  return {Progress::State::kUndone, std::move(text)};
}
Progress impossible(std::string text) {
  return {Progress::State::kImpossible, std::move(text)};
}

std::uint64_t open_of(const json::object& pool_or_node) {
  return number_at(pool_or_node, "established") + number_at(pool_or_node, "connecting");
}

std::string oldest_of(const json::object& pool) {
  const std::uint64_t oldest = number_at(object_at(pool, "drain"), "oldest_ns");
  return oldest == 0 ? "" : ", oldest " + base::format_duration_brief(oldest);
}

Progress judge_nodes(const WaitFor& wanted, const json::object& app) {
  std::uint64_t open = 0;
  std::vector<std::string> not_healthy;
  for (const std::string& name : wanted.nodes) {
    bool found = false;
    for (const json::value& pool_value : array_at(app, "pools")) {
      if (!pool_value.is_object()) continue;
      const json::object& pool = pool_value.get_object();
      // With checks off a node stays "assumed"; the daemon then counts it as healthy.
      const bool assumed_counts = number_at(pool, "healthy") >= number_at(pool, "ready");
      for (const json::value& value : array_at(pool, "node_list")) {
        if (!value.is_object() || raw_at(value.get_object(), "name") != name) continue;
        const json::object& node = value.get_object();
        found = true;
        const std::string admin = raw_at(node, "admin");
        if (wanted.admin && (*wanted.admin == "ready") != (admin == "ready")) {
          return undone(escaped(name) + " is " + escaped(admin) + " again");
        }
        open += open_of(node);
        const std::string health = raw_at(node, "health");
        if (health == "up" || (health == "assumed" && assumed_counts)) continue;
        const std::string why = text_at(node, "last_failure");
        not_healthy.push_back(escaped(name) + ' ' + escaped(health) +
                              (why.empty() ? "" : " (" + why + ")"));
      }
    }
    if (!found) return impossible("there is no node " + escaped(name));
  }
  std::vector<std::string> names;
  names.reserve(wanted.nodes.size());
  for (const std::string& name : wanted.nodes) names.push_back(escaped(name));
  const std::string who = joined(names, ", ");
  if (wanted.goal == Goal::kHealthy) {
    return not_healthy.empty() ? reached(who + ": healthy") : waiting(joined(not_healthy, ", "));
  }
  return open == 0 ? reached(who + ": empty") : waiting(who + ": " + counted(open, "connection"));
}

Progress judge_healthy(const json::object& pool, const std::string& name) {
  const std::uint64_t ready = number_at(pool, "ready");
  const std::uint64_t healthy = number_at(pool, "healthy");
  std::string text =
      name + ": " + std::to_string(healthy) + " of " + std::to_string(ready) + " healthy";
  if (ready != 0 && healthy >= ready) return reached(std::move(text));
  for (const json::value& value : array_at(pool, "node_list")) {
    if (!value.is_object()) continue;
    const json::object& node = value.get_object();
    if (raw_at(node, "admin") != "ready" || raw_at(node, "health") == "up") continue;
    const std::string why = text_at(node, "last_failure");
    text += ", " + text_at(node, "name") + ' ' + (why.empty() ? text_at(node, "health") : why);
    break;
  }
  return waiting(std::move(text));
}

std::string pools_in(const json::object& app) {
  std::vector<std::string> names;
  for (const json::value& pool : array_at(app, "pools")) {
    if (pool.is_object()) names.push_back(text_at(pool.get_object(), "name"));
  }
  return joined(names, ", ");
}

Progress judge_trial(const WaitFor& wanted, const json::object& app, const std::string& live) {
  // "green#12", as a confirm may name it.
  const std::string name = wanted.pool.substr(0, wanted.pool.find('#'));
  const json::array& pools = array_at(app, "pools");
  const auto found = std::find_if(pools.begin(), pools.end(), [&](const json::value& pool) {
    return pool.is_object() && raw_at(pool.get_object(), "name") == name;
  });
  if (found == pools.end()) {
    return impossible("there is no pool " + escaped(name) + "; pools: " + pools_in(app));
  }
  const json::object& pool = found->get_object();
  const std::string called = name + '#' + std::to_string(number_at(pool, "generation"));
  if (name != wanted.pool && called != wanted.pool) {
    return undone(escaped(name) + " is " + escaped(called) + " now");
  }
  if (raw_at(pool, "state") == "rejected") {
    return undone(escaped(name) + " was not confirmed in time, " + live + " is live");
  }
  if (raw_at(app, "active") != name) {
    return impossible(escaped(name) + " is not live: " + live + " is");
  }
  const auto left = maybe_number_at(app, "trial_ends_in_ns");
  if (!left) return reached(live + ": confirmed");
  return waiting(
      live + ": in trial, " +
      (*left == 0 ? "over and not confirmed" : base::format_duration_brief(*left) + " left"));
}

Progress judge_pool(const WaitFor& wanted, const json::object& app) {
  std::uint64_t remaining = 0;
  std::string oldest;
  bool found = false;
  for (const json::value& value : array_at(app, "pools")) {
    if (!value.is_object()) continue;
    const json::object& pool = value.get_object();
    const std::string state = raw_at(pool, "state");
    const bool active = state == "active" || state == "trial";
    if (wanted.pool.empty() ? active : raw_at(pool, "name") != wanted.pool) continue;
    found = true;
    if (wanted.retiring && state != "retired") {
      if (state != "retiring") {
        return undone(text_at(pool, "name") + " is " + text_at(pool, "state") + " again");
      }
      // Emptied it is retired a moment later.
      if (open_of(pool) == 0) return waiting(text_at(pool, "name") + ": empty, not retired yet");
    }
    if (wanted.goal == Goal::kHealthy) return judge_healthy(pool, text_at(pool, "name"));
    if (state == "canary" && wanted.goal == Goal::kDrained && !wanted.pool.empty()) {
      return impossible(text_at(pool, "name") + " takes a share: it does not drain");
    }
    if (active && wanted.goal == Goal::kDrained) {
      return impossible(text_at(pool, "name") + " is active: an active pool does not drain");
    }
    remaining += wanted.goal == Goal::kDrained ? number_at(object_at(pool, "drain"), "remaining")
                                               : open_of(pool);
    oldest = oldest_of(pool);
  }
  if (!found && !wanted.pool.empty()) {
    return impossible("there is no pool " + escaped(wanted.pool) + "; pools: " + pools_in(app));
  }
  const std::string who = wanted.pool.empty() ? "every other pool" : escaped(wanted.pool);
  if (remaining == 0) return reached(who + ": " + std::string(to_string(wanted.goal)));
  return waiting(who + ": " + counted(remaining, "connection") + oldest);
}

}  // namespace

std::string_view to_string(Goal goal) noexcept {
  switch (goal) {
    case Goal::kAdopted:
      return "adopted";
    case Goal::kConfirmed:
      return "confirmed";
    case Goal::kDrained:
      return "drained";
    case Goal::kEmpty:
      return "empty";
    case Goal::kHealthy:
      return "healthy";
  }
  return "";
}

Progress judge(const WaitFor& wanted, const json::object& app) {
  const std::string active = raw_at(app, "active");
  if (!wanted.active.empty() && active != wanted.active) {
    return undone(escaped(active) + " is live now, epoch " +
                  std::to_string(number_at(app, "epoch")));
  }
  if (wanted.goal == Goal::kAdopted) {
    // Of a daemon that does not say: an epoch ahead of its receipt is on its way.
    const auto followed = maybe_number_at(object_at(app, "last_receipt"), "epoch");
    const std::uint64_t epoch = number_at(app, "epoch");
    const bool adopted =
        app.contains("adopted") ? flag_at(app, "adopted") : !followed || *followed >= epoch;
    if (!adopted) {
      return waiting("epoch " + std::to_string(epoch) + ": not every worker follows");
    }
    return reached("epoch " + std::to_string(epoch) + ": adopted");
  }
  if (wanted.goal == Goal::kConfirmed) return judge_trial(wanted, app, escaped(active));
  return wanted.nodes.empty() ? judge_pool(wanted, app) : judge_nodes(wanted, app);
}

namespace {

// The one line that is rewritten while waiting.
class ProgressLine {
 public:
  explicit ProgressLine(const Environment& environment) : environment_(environment) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const std::string& text, base::Duration waited) {
    if (!environment_.err_is_terminal) return;
    const std::string line = "waiting " +
                             base::format_duration_brief(waited / base::kSecond * base::kSecond) +
                             "  " + text;
    environment_.err << "\r\x1b[K" << clipped(line, environment_.width) << std::flush;
    shown_ = true;
  }
  void clear() {
    if (std::exchange(shown_, false)) environment_.err << "\r\x1b[K" << std::flush;
  }

 private:
  const Environment& environment_;
  bool shown_ = false;
};

// One answer to "how far is it?"; empty where the daemon did not answer.
struct Answer {
  std::optional<Progress> progress;
  StepEnd end = StepEnd::kOk;
  std::string failure;
};

Answer answer_of(Progress progress) {
  return {std::move(progress), StepEnd::kOk, {}};
}
Answer no_answer(StepEnd end, std::string why) {
  return {std::nullopt, end, std::move(why)};
}

Answer ask(const Client& client, const WaitFor& wanted, const Patience& patience) {
  Patience once = patience;
  const base::Instant soon = base::monotonic_now() + kAnswerWithin;
  once.deadline = patience.deadline ? std::min(*patience.deadline, soon) : soon;
  auto response = client.exchange(Request::get("/v1/apps/" + percent_encoded(wanted.app)), once);
  if (!response) {
    return no_answer(response.error().why, response.error().message);
  }
  const bool is_app = response->status == 200;
  json::object body;
  if (const std::string wrong = is_app ? wrong_with_answer(response->body, shape::kApp, body)
                                       : wrong_with_problem(*response);
      !wrong.empty()) {
    return no_answer(StepEnd::kFailed, "the answer is not understood: " + wrong);
  }
  if (is_app) return answer_of(judge(wanted, body));
  std::string detail = text_at(*parse_object(response->body), "detail");
  if (detail.empty()) detail = "HTTP status " + std::to_string(response->status);
  if (response->status == 404) return answer_of(impossible(detail));
  return no_answer(StepEnd::kFailed, detail);
}

// Says how the waiting ended, once, and knows the exit code of each end.
class Ending {
 public:
  Ending(const Environment& environment, const WaitFor& wanted, bool changed, Telling telling)
      : environment_(environment), wanted_(wanted), changed_(changed), telling_(telling) {}

  int reached(const std::string& text, base::Duration waited) const {
    if (telling_ == Telling::kJson) return tell("done", text, waited, kDone);
    if (telling_ == Telling::kLine) {
      environment_.out << text << " (waited " << fine_duration(waited) << ")\n" << std::flush;
    }
    return kDone;
  }
  int undone(const std::string& text, base::Duration waited) const {
    if (telling_ == Telling::kJson) return tell("undone", text, waited, kAborted);
    environment_.err << "undone while waiting: " << text << "\n";
    return kAborted;
  }
  int impossible(const std::string& text, base::Duration waited) const {
    return failed("impossible", "cannot wait for that: ", text, waited, kFailed);
  }
  int timed_out(const std::string& text, base::Duration waited) const {
    return failed("timed_out", "timed out: ", text, waited, kTimedOut);
  }
  int interrupted(const std::string& text, base::Duration waited) const {
    return failed("interrupted", "interrupted: ", text, waited, kInterrupted);
  }
  int silent(const std::string& text, base::Duration waited) const {
    return failed("no_answer", "the daemon does not answer: ", text, waited, kFailed);
  }

 private:
  int failed(const char* kind, const char* words, const std::string& text, base::Duration waited,
             ExitCode code) const {
    if (telling_ == Telling::kJson) return tell(kind, text, waited, code);
    environment_.err << words << text << (changed_ ? "; the change stands" : "") << "\n";
    return code;
  }

  int tell(const char* kind, const std::string& text, base::Duration waited, ExitCode code) const {
    json::object result{
        {"kind", kind}, {"state", std::string(to_string(wanted_.goal))}, {"app", wanted_.app}};
    if (!wanted_.pool.empty()) result["pool"] = wanted_.pool;
    if (!wanted_.nodes.empty()) result["node"] = wanted_.nodes.front();
    result["message"] = text;
    result["waited_ns"] = waited;
    environment_.out << json::serialize(result) << "\n" << std::flush;
    return code;
  }

  const Environment& environment_;
  const WaitFor& wanted_;
  const bool changed_;
  const Telling telling_;
};

}  // namespace

int wait_for(const Environment& environment, const Client& client, const WaitFor& wanted,
             const Patience& patience, bool changed, Telling telling) {
  const base::Instant begun = base::monotonic_now();
  base::Instant heard = begun;
  bool seen_waiting = false;
  std::string last = "not known";
  ProgressLine line(environment);
  const Ending ending(environment, wanted, changed, telling);
  const auto ended = [&](int (Ending::*how)(const std::string&, base::Duration) const) {
    line.clear();
    return (ending.*how)(last, base::monotonic_now() - begun);
  };
  for (;;) {
    const Answer answer = ask(client, wanted, patience);
    const base::Instant now = base::monotonic_now();
    if (answer.progress) {
      heard = now;
      last = answer.progress->text;
      switch (answer.progress->state) {
        case Progress::State::kReached:
          return ended(&Ending::reached);
        case Progress::State::kImpossible:
          if (!seen_waiting) return ended(&Ending::impossible);
          [[fallthrough]];
        case Progress::State::kUndone:
          return ended(&Ending::undone);
        case Progress::State::kWaiting:
          seen_waiting = true;
          break;
      }
    } else if (answer.end == StepEnd::kFailed || answer.end == StepEnd::kClosed) {
      last = answer.failure;
    }
    if (answer.end == StepEnd::kInterrupted) return ended(&Ending::interrupted);
    if (patience.over()) return ended(&Ending::timed_out);
    if (now - heard > kSilenceMax) return ended(&Ending::silent);
    line.show(last, now - begun);
    Patience pause = patience;
    const base::Instant next = base::monotonic_now() + pause_after(now - begun);
    pause.deadline = patience.deadline ? std::min(*patience.deadline, next) : next;
    if (await(-1, 0, pause) == StepEnd::kInterrupted) {
      return ended(&Ending::interrupted);
    }
  }
}

}  // namespace shunt::cli
