// One verb's talk with the daemon: the client, the deadline of the whole verb, SIGINT, and the
// words for everything that can go wrong on the way.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "src/cli/client.hpp"
#include "src/cli/environment.hpp"
#include "src/cli/interrupt.hpp"
#include "src/cli/json.hpp"
#include "src/cli/options.hpp"
#include "src/cli/shape.hpp"

namespace shunt::cli {

class Session {
 public:
  Session(const Environment& environment, const CommonOptions& options);

  [[nodiscard]] const Environment& environment() const noexcept { return environment_; }
  [[nodiscard]] const Client& client() const noexcept { return client_; }
  // For the whole verb: --timeout from now on, or none.
  [[nodiscard]] const Patience& patience() const noexcept { return patience_; }
  // For one answer: the same, but at most `usual` where --timeout is not given.
  [[nodiscard]] Patience patience_for_answer(base::Duration usual) const;

  // GETs a JSON object of that shape (shape.hpp). On failure everything has been said, and the
  // error is the ExitCode.
  [[nodiscard]] tl::expected<json::object, int> fetch(const std::string& target, Shape shape) const;
  // The same; with --json the answer has been printed as it came.
  [[nodiscard]] tl::expected<json::object, int> read(const std::string& target, Shape shape) const;

  // Says why there is no answer to a request that changes nothing.
  [[nodiscard]] int say_no_answer(const Failure& failure) const;
  // Says that this is no answer of a shunt.
  [[nodiscard]] int say_not_understood(const std::string& why) const;
  // Says what an answer other than 200 means. Where it is that the app must be named, lists them.
  [[nodiscard]] int say_problem(const Response& response) const;
  // A problem of this side, for --json: {"kind": …, "detail": …}.
  void print_problem(const std::string& kind, const std::string& detail,
                     const std::string& key) const;

  // "/v1/apps/NAME" and what follows.
  [[nodiscard]] std::string app_path(const std::string& rest = {}) const;
  [[nodiscard]] static std::string path_of(const std::string& app, const std::string& rest = {});

 private:
  struct Got {
    json::object object;
    std::string text;  // as it came
  };
  [[nodiscard]] tl::expected<Got, int> get(const std::string& target, Shape shape) const;
  [[nodiscard]] std::vector<std::string> apps_of_daemon() const;

  const Environment& environment_;
  const CommonOptions& options_;
  Client client_;
  InterruptScope interrupt_;
  Patience patience_;
};

// The daemon's answer as it came, with one line feed at the end.
[[nodiscard]] std::string with_line_feed(const std::string& body);

}  // namespace shunt::cli
