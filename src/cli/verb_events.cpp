#include <algorithm>
#include <iostream>
#include <set>

#include "src/cli/event_stream.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

// From the first byte of the request to the header of the answer; events come whenever they come.
constexpr base::Duration kHeadersWithin = 10 * base::kSecond;
constexpr base::Duration kRetryFirst = 100 * base::kMillisecond;
constexpr base::Duration kRetryMax = 2 * base::kSecond;

std::string line_of(const json::object& event, bool color) {
  const std::string level = text_at(event, "level");
  const Color paint = level == "error"  ? Color::kRed
                      : level == "warn" ? Color::kYellow
                                        : Color::kPlain;
  const std::string app = text_at(event, "app");
  const std::string actor = text_at(event, "actor");
  const std::string reason = text_at(event, "reason");
  std::string line = text_at(event, "time") + "  " + std::to_string(number_at(event, "id")) + "  " +
                     painted(padded_right(level, 5), paint, color) + "  " + text_at(event, "type") +
                     "  " + (app.empty() ? "" : app + ": ") + text_at(event, "message");
  if (!actor.empty() || !reason.empty()) {
    line += " (" + actor + (actor.empty() || reason.empty() ? "" : ": ") + reason + ")";
  }
  return line;
}

class Events final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "events",
            .summary = "decisions, health changes and limits, with who and why",
            .examples = {"shunt events", "shunt events --follow --type switch --type rollback",
                         "shunt events --follow --since 4711 --json   # one JSON object a line"},
            .exit_codes = {kDone, kFailed, kUsage, kUnreachable, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_switch(
        {.names = "-f,--follow", .help = "go on with what happens, until interrupted or --timeout"},
        follow_);
    parser.add_names({.names = "--type",
                      .help = "only of this type, as the lines show it; repeatable",
                      .value = "TYPE"},
                     types_);
    parser.add_number({.names = "--since", .help = "only those after this id", .value = "ID"},
                      since_);
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    const Session session(environment, common_);
    // The stream is of all apps and knows no wrong name: one that is not there would be silence.
    if (common_.app != "-") {
      if (const auto app = session.fetch(session.app_path(), shape::kApp); !app) return app.error();
    }
    return follow_ ? follow(session) : list(session);
  }

 private:
  [[nodiscard]] bool wanted(const json::object& event) const {
    if (common_.app != "-" && raw_at(event, "app") != common_.app) return false;
    return types_.empty() ||
           std::find(types_.begin(), types_.end(), raw_at(event, "type")) != types_.end();
  }

  int list(const Session& session) {
    const auto answer = session.fetch("/v1/events", shape::kEvents);
    if (!answer) return answer.error();
    json::array chosen;
    for (const json::value& event : array_at(*answer, "events")) {
      if (!event.is_object() || !wanted(event.get_object())) continue;
      if (since_ && number_at(event.get_object(), "id") <= *since_) continue;
      chosen.push_back(event);
    }
    const Environment& environment = session.environment();
    if (common_.json) {
      environment.out << json::serialize(json::object{{"events", chosen}}) << "\n";
    } else {
      for (const json::value& event : chosen) {
        environment.out << line_of(event.get_object(), environment.color) << "\n";
      }
    }
    environment.out << std::flush;
    hint_at_types(environment, array_at(*answer, "events"));
    return kDone;
  }

  // A mistyped type would be silence. Types come and go with versions of the daemon, so it cannot
  // be an error: those of the events at hand are named.
  void hint_at_types(const Environment& environment, const json::array& events) const {
    std::set<std::string> there;
    for (const json::value& event : events) {
      if (event.is_object()) there.insert(text_at(event.get_object(), "type"));
    }
    for (const std::string& type : types_) {
      if (there.contains(escaped(type))) continue;
      environment.err << "no event of type " << escaped(type)
                      << " is kept; those that are: " << joined({there.begin(), there.end()}, ", ")
                      << "\n";
    }
  }

  void show(const Session& session, const StreamedEvent& streamed) const {
    const Environment& environment = session.environment();
    const auto event = parse_object(streamed.data);
    if (!event || !wanted(*event)) return;
    if (common_.json) {
      environment.out << json::serialize(*event) << "\n";
    } else {
      environment.out << line_of(*event, environment.color) << "\n";
    }
    environment.out << std::flush;
  }

  int follow(const Session& session) {
    EventStreamParser parser;
    std::string last_id = since_ ? std::to_string(*since_) : "";
    base::Duration retry = kRetryFirst;
    bool connected = false;
    for (;;) {
      Request request{
          .target = "/v1/events", .headers = {{"Accept", "text/event-stream"}}, .body = {}};
      if (!last_id.empty()) request.headers.emplace_back("Last-Event-ID", last_id);
      parser.restart();
      const auto response = session.client().stream(
          request, session.patience(), kHeadersWithin, [&](std::string_view piece) {
            for (const StreamedEvent& event : parser.feed(piece)) show(session, event);
            if (!parser.last_id().empty()) last_id = printable(parser.last_id());
            connected = true;
            retry = kRetryFirst;
            return session.environment().out.good();
          });
      if (!session.environment().out.good()) return kFailed;  // nobody reads
      if (response && response->status != 200) return session.say_problem(*response);
      if (response && !response->content_type.starts_with("text/event-stream")) {
        return session.say_not_understood("/v1/events: it is no stream of events");
      }
      const StepEnd why = response ? StepEnd::kClosed : response.error().why;
      if (why == StepEnd::kInterrupted) return kInterrupted;
      if (session.patience().over()) return kDone;
      // The first try tells whether there is a daemon; later ones outlast its restart.
      if (!connected && !response) return session.say_no_answer(response.error());
      connected = true;
      if (pause(session, retry) == StepEnd::kInterrupted) return kInterrupted;
      retry = std::min(retry * 2, kRetryMax);
    }
  }

  // An id goes back into a header; what is not plain text is none of our daemon's.
  static std::string printable(const std::string& id) {
    const bool plain =
        std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
    return plain ? id : "";
  }

  static StepEnd pause(const Session& session, base::Duration length) {
    Patience patience = session.patience();
    const base::Instant until = base::monotonic_now() + length;
    patience.deadline = patience.deadline ? std::min(*patience.deadline, until) : until;
    return await(-1, 0, patience);
  }

  CommonOptions common_;
  bool follow_ = false;
  std::optional<std::uint64_t> since_;
  std::vector<std::string> types_;
};

}  // namespace

std::unique_ptr<Verb> make_events() {
  return std::make_unique<Events>();
}

}  // namespace shunt::cli
