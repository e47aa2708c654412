#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Abort final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "abort",
            .summary = "end a trial: the pool that was live before is live again",
            .examples = {"shunt abort --reason 'error rate'"},
            .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                           kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    options_.declare(parser, {.goals = {Goal::kAdopted, Goal::kDrained, Goal::kEmpty},
                              .not_durable = true,
                              .force = true,
                              .force_help = "even where no node of that pool is usable"});
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "abort", .body = {}, .wait_for = {}};
    change.wait_for = [](const json::object& outcome) { return wait_for_left(outcome); };
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_abort() {
  return std::make_unique<Abort>();
}

}  // namespace shunt::cli
