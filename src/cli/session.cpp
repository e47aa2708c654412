#include "src/cli/session.hpp"

#include <array>
#include <iostream>
#include <string_view>

#include "src/cli/exit_code.hpp"
#include "src/cli/report.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/status_view.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

constexpr base::Duration kReadWithin = 10 * base::kSecond;

struct Title {
  std::string_view kind;
  std::string_view text;
  unsigned status;  // what the daemon answers with; 0: it never says this itself
};

// Of the problems that the command line finds by itself.
constexpr std::array<Title, 7> kTitles = {{
    {"refused", "refused, nothing changed", 409},
    {"not_found", "not found", 404},
    {"app_needed", "an app has to be named", 0},
    {"not_understood", "the answer is not understood", 0},
    {"no_answer", "no answer", 0},
    {"unreachable", "the daemon cannot be reached, nothing was sent", 0},
    {"outcome_unknown", "sent, outcome unknown", 0},
}};

}  // namespace

Session::Session(const Environment& environment, const CommonOptions& options)
    : environment_(environment),
      options_(options),
      client_(admin_socket_paths(environment, options.socket)) {
  if (options.timeout) patience_.deadline = base::monotonic_now() + *options.timeout;
  patience_.interrupt_fd = interrupt_.fd();
}

Patience Session::patience_for_answer(base::Duration usual) const {
  Patience patience = patience_;
  if (!patience.deadline) patience.deadline = base::monotonic_now() + usual;
  return patience;
}

std::string Session::app_path(const std::string& rest) const {
  return path_of(options_.app, rest);
}

std::string Session::path_of(const std::string& app, const std::string& rest) {
  return "/v1/apps/" + percent_encoded(app) + rest;
}

tl::expected<json::object, int> Session::fetch(const std::string& target, Shape shape) const {
  return get(target, shape).map([](Got&& got) { return std::move(got.object); });
}

tl::expected<json::object, int> Session::read(const std::string& target, Shape shape) const {
  return get(target, shape).map([this](Got&& got) {
    if (options_.json) environment_.out << with_line_feed(got.text) << std::flush;
    return std::move(got.object);
  });
}

tl::expected<Session::Got, int> Session::get(const std::string& target, Shape shape) const {
  auto response = client_.exchange(Request::get(target), patience_for_answer(kReadWithin));
  if (!response) return tl::unexpected(say_no_answer(response.error()));
  if (response->status != 200) return tl::unexpected(say_problem(*response));
  Got got;
  if (const std::string wrong = wrong_with_answer(response->body, shape, got.object);
      !wrong.empty()) {
    return tl::unexpected(say_not_understood(target + ": " + wrong));
  }
  got.text = std::move(response->body);
  return got;
}

int Session::say_not_understood(const std::string& why) const {
  const std::string detail = "the answer is not understood: " + why;
  if (options_.json) {
    print_problem("not_understood", detail, {});
  } else {
    environment_.err << painted(detail, Color::kRed, environment_.err_color) << "\n"
                     << "is it a shunt that listens there? --socket PATH or the variable "
                        "SHUNT_SOCKET names another one\n";
  }
  return kFailed;
}

int Session::say_no_answer(const Failure& failure) const {
  if (options_.json) {
    print_problem(failure.sent ? "no_answer" : "unreachable", failure.message, {});
  } else {
    environment_.err << painted(failure.message, Color::kRed, environment_.err_color) << "\n";
    if (!failure.hint.empty()) environment_.err << failure.hint << "\n";
  }
  if (failure.why == StepEnd::kInterrupted) return kInterrupted;
  return failure.sent ? kFailed : kUnreachable;
}

std::vector<std::string> Session::apps_of_daemon() const {
  const auto response =
      client_.exchange(Request::get("/v1/status"), patience_for_answer(kReadWithin));
  if (!response || response->status != 200) return {};
  const auto status = parse_object(response->body);
  return status ? apps_of(*status) : std::vector<std::string>{};
}

int Session::say_problem(const Response& response) const {
  if (const std::string wrong = wrong_with_problem(response); !wrong.empty()) {
    return say_not_understood(wrong);
  }
  const json::object problem = parse_object(response.body).value_or(json::object{});
  const std::string kind = raw_at(problem, "kind");
  const bool about_name = response.status == 404 || response.status == 400 || kind == "not_found";
  if (options_.app == "-" && about_name) {
    if (const auto names = apps_of_daemon(); names.size() > 1) {
      const std::string detail =
          "this daemon holds several apps, name one with --app: " + joined(names, ", ");
      if (options_.json) {
        print_problem("app_needed", detail, {});
      } else {
        environment_.err << detail << "\n";
      }
      return kUsage;
    }
  }
  if (options_.json && !problem.empty()) {
    environment_.out << with_line_feed(response.body) << std::flush;
  } else {
    environment_.err << render_problem(response.status, problem, environment_.err_color);
  }
  return exit_code_of(response.status, problem);
}

void Session::print_problem(const std::string& kind, const std::string& detail,
                            const std::string& key) const {
  json::object problem{{"type", "urn:shunt:problem:" + kind}};
  for (const Title& title : kTitles) {
    if (title.kind != kind) continue;
    problem["title"] = title.text;
    if (title.status != 0) problem["status"] = title.status;
  }
  problem["detail"] = detail;
  problem["kind"] = kind;
  if (!key.empty()) problem["key"] = key;
  environment_.out << json::serialize(problem) << "\n" << std::flush;
}

std::string with_line_feed(const std::string& body) {
  return body.ends_with('\n') ? body : body + '\n';
}

}  // namespace shunt::cli
