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
            .summary = "where the running state differs from the file",
            .examples = {"shunt diff || echo 'the file does not say what runs'"},
            .exit_codes = {kDone, kFailed, kUsage, kUnreachable},
            .failed = "there is a difference; also: not found, no answer"};
  }

  void declare(Parser& parser) override { common_.declare(parser); }

  [[nodiscard]] int run(const Environment& environment) override {
    const Session session(environment, common_);
    const auto answer = session.read(session.app_path("/diff"), shape::kDiff);
    if (!answer) return answer.error();
    const std::vector<std::string> drift = texts_at(*answer, "drift");
    if (!common_.json) {
      const std::string app = text_at(*answer, "app");
      for (const std::string& line : drift) environment.out << app << ": " << line << "\n";
      if (drift.empty()) environment.out << app << ": no drift\n";
      environment.out << std::flush;
    }
    return drift.empty() ? kDone : kFailed;
  }

 private:
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_diff() {
  return std::make_unique<Diff>();
}

}  // namespace shunt::cli
