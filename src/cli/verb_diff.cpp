#include <iostream>

#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Diff final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "diff",
            .summary = "where the running state differs from the file, of one app or all",
            .examples = {"shunt diff || echo 'the file does not say what runs'",
                         "shunt diff --json | jq -r .app   # one JSON object a line and app"},
            .exit_codes = {kDone, kFailed, kUsage, kUnreachable},
            .failed = "there is a difference; also: not found, no answer"};
  }

  void declare(Parser& parser) override { common_.declare(parser); }

  [[nodiscard]] int run(const Environment& environment) override {
    const Session session(environment, common_);
    if (common_.app != "-") {
      const auto answer = session.read(session.app_path("/diff"), shape::kDiff);
      if (!answer) return answer.error();
      return show(environment, *answer) ? kFailed : kDone;
    }
    const auto status = session.fetch("/v1/status", shape::kStatus);
    if (!status) return status.error();
    bool differs = false;
    for (const json::value& value : array_at(*status, "apps")) {
      if (!value.is_object()) continue;
      const json::object& app = value.get_object();
      const json::object answer{{"app", raw_at(app, "name")}, {"drift", array_at(app, "drift")}};
      if (common_.json) environment.out << json::serialize(answer) << "\n";
      differs |= show(environment, answer);
    }
    environment.out << std::flush;
    return differs ? kFailed : kDone;
  }

 private:
  // Whether there is drift.
  [[nodiscard]] bool show(const Environment& environment, const json::object& answer) const {
    const std::vector<std::string> drift = texts_at(answer, "drift");
    if (common_.json) return !drift.empty();
    const std::string app = text_at(answer, "app");
    for (const std::string& line : drift) environment.out << app << ": " << line << "\n";
    if (drift.empty()) environment.out << app << ": no drift\n";
    environment.out << std::flush;
    return !drift.empty();
  }

  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_diff() {
  return std::make_unique<Diff>();
}

}  // namespace shunt::cli
