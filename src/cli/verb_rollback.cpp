#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Rollback final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "rollback",
            .summary = "undo the last switch; repeated, it does nothing",
            .examples = {"shunt rollback --reason 'error rate'",
                         "shunt rollback --close-over 30s   # and move long-lived clients, too",
                         "shunt rollback --to blue          # an older pool that is still kept"},
            .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                           kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "--to", .help = "an older kept pool", .value = "POOL"}, to_);
    parser.add_duration(
        {.names = "--close-over",
         .help = "also close what is left on the pool being left, spread over this"},
        close_over_, {});
    options_.declare(parser,
                     {.goals = {Goal::kAdopted, Goal::kDrained, Goal::kEmpty, Goal::kHealthy},
                      .not_durable = true,
                      .force = true,
                      .force_help = "even where no node of that pool is usable"});
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "rollback", .body = {}, .wait_for = {}};
    if (!to_.empty()) change.body["to"] = to_;
    if (close_over_) change.body["close_over_ns"] = *close_over_;
    change.wait_for = [this](const json::object& outcome) {
      WaitFor wanted = wait_for_left(outcome);
      if (options_.wait == Goal::kHealthy) wanted.pool = wanted.active;
      return wanted;
    };
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
  std::string to_;
  std::optional<base::Duration> close_over_;
};

}  // namespace

std::unique_ptr<Verb> make_rollback() {
  return std::make_unique<Rollback>();
}

}  // namespace shunt::cli
