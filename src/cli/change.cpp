#include "src/cli/change.hpp"

#include <sys/random.h>

#include <array>
#include <iostream>

#include "src/cli/exit_code.hpp"
#include "src/cli/report.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

// Longer than the daemon itself takes to give up on a stuck disk or a worker that does not follow.
constexpr base::Duration kChangeWithin = 30 * base::kSecond;

std::string fresh_key() {
  std::array<unsigned char, 12> bytes{};
  // Up to 256 bytes are never cut short once the pool is initialised (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string key = "cli-";
  for (const unsigned char byte : bytes) {
    key += kHex[byte >> 4];
    key += kHex[byte & 15];
  }
  return key;
}

// The same command again, with the key that makes the repeat harmless.
std::string repeat_command(const Environment& environment, const ChangeOptions& options,
                           const std::string& key) {
  std::string command = "shunt";
  for (const std::string& argument : environment.arguments) command += ' ' + shell_quoted(argument);
  if (options.key.empty()) command += " --key " + shell_quoted(key);
  return command;
}

Request request_of(const Session& session, const ChangeOptions& options, const Change& change,
                   const std::string& key) {
  json::object body = change.body;
  if (options.force) body["force"] = true;
  if (options.dry_run) body["dry_run"] = true;
  if (options.not_durable) body["not_durable"] = true;
  if (!options.reason.empty()) body["reason"] = options.reason;
  Request request{.method = "POST",
                  .target = session.app_path("/" + change.action),
                  .headers = {},
                  .body = json::serialize(body)};
  if (!key.empty()) request.headers.emplace_back("Idempotency-Key", key);
  if (options.if_epoch) {
    request.headers.emplace_back("If-Match", '"' + std::to_string(*options.if_epoch) + '"');
  }
  return request;
}

int say_unknown(const Session& session, bool as_json, const std::string& why,
                const std::string& repeat, const std::string& key) {
  const Environment& environment = session.environment();
  if (as_json) {
    session.print_problem("outcome_unknown", why, key);
    return kUnknown;
  }
  environment.err << painted("sent, outcome unknown", Color::kRed, environment.err_color) << ": "
                  << why << "\n"
                  << "a repeat with the same key does it at most once:\n"
                  << "next: shunt status | " << repeat << "\n";
  return kUnknown;
}

int say_unfit(const Session& session, bool as_json, const std::string& why) {
  const Environment& environment = session.environment();
  if (as_json) {
    session.print_problem("refused", why, {});
  } else {
    environment.err << painted("refused, nothing changed", Color::kRed, environment.err_color)
                    << ": " << why << "\n";
  }
  return kRefused;
}

// Whether the key's first outcome would be repeated and nothing done: a dry run asks that. On
// failure everything has been said, and the error is the ExitCode.
tl::expected<bool, int> answered_before(const Session& session, ChangeOptions options,
                                        const Change& change) {
  if (options.key.empty()) return false;
  options.dry_run = true;
  const auto response = session.client().exchange(request_of(session, options, change, options.key),
                                                  session.patience_for_answer(kChangeWithin));
  if (!response) return tl::unexpected(session.say_no_answer(response.error()));
  if (response->status < 200 || response->status >= 300) {
    return tl::unexpected(session.say_problem(*response));
  }
  json::object outcome;
  if (const std::string wrong = wrong_with_answer(response->body, shape::kOutcome, outcome);
      !wrong.empty()) {
    return tl::unexpected(session.say_not_understood(wrong));
  }
  return flag_at(outcome, "replayed");
}

}  // namespace

WaitFor wait_for_left(const json::object& outcome) {
  const std::string active = raw_at(outcome, "active");
  std::string left = raw_at(object_at(outcome, "receipt"), "from");
  // Where only a split ended, it is the pool that took the share.
  if (const std::string about = raw_at(object_at(outcome, "pool"), "name");
      left.empty() && about != active) {
    left = about;
  }
  return {.pool = left, .nodes = {}, .active = active, .admin = {}};
}

int perform(const Environment& environment, const CommonOptions& common,
            const ChangeOptions& options, const Change& change) {
  const Session session(environment, common);
  if (change.unfit && !options.dry_run) {
    const auto app = session.fetch(session.app_path(), shape::kApp);
    if (!app) return app.error();
    if (const std::string why = change.unfit(*app); !why.empty()) {
      const auto answered = answered_before(session, options, change);
      if (!answered) return answered.error();
      if (!*answered) return say_unfit(session, common.json, why);
    }
  }
  // A dry run does nothing that a key would have to protect, and must not use it up.
  const std::string key = options.dry_run || !options.key.empty() ? options.key : fresh_key();
  const Request request = request_of(session, options, change, key);
  const auto response =
      session.client().exchange(request, session.patience_for_answer(kChangeWithin));
  const std::string repeat = repeat_command(environment, options, key);
  if (!response) {
    const Failure& failure = response.error();
    if (options.dry_run || !failure.sent) {
      const int code = session.say_no_answer(failure);
      if (!failure.sent && !common.json) environment.err << "nothing was sent, nothing changed\n";
      return code;
    }
    return say_unknown(session, common.json, failure.message, repeat, key);
  }
  const bool is_outcome = response->status >= 200 && response->status < 300;
  json::object outcome;
  if (const std::string wrong = is_outcome
                                    ? wrong_with_answer(response->body, shape::kOutcome, outcome)
                                    : wrong_with_problem(*response);
      !wrong.empty()) {
    if (options.dry_run) return session.say_not_understood(wrong);
    return say_unknown(session, common.json, "the answer is not understood: " + wrong, repeat, key);
  }
  if (!is_outcome) return session.say_problem(*response);
  if (common.json) {
    environment.out << with_line_feed(response->body) << std::flush;
  } else {
    environment.out << render_outcome(outcome, environment.color) << std::flush;
  }
  if (!options.wait || options.dry_run) return exit_code_of_outcome(outcome);
  WaitFor wanted = change.wait_for(outcome);
  wanted.goal = *options.wait;
  // The daemon named the app; "-" would turn ambiguous if a reload added one meanwhile.
  if (const std::string app = raw_at(outcome, "app"); !app.empty()) wanted.app = app;
  const int code = wait_for(environment, session.client(), wanted, session.patience(), true,
                            common.json ? Telling::kFailure : Telling::kLine);
  // Whatever else was reached: the change is not done where a worker does not follow.
  return code == kDone && wanted.goal != Goal::kAdopted ? exit_code_of_outcome(outcome) : code;
}

}  // namespace shunt::cli
