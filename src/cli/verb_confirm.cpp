#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Confirm final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {
        .name = "confirm",
        .summary = "end the trial of the live pool: it stays live",
        .examples = {"shunt confirm", "shunt confirm green   # in a script, which has to name it",
                     "shunt confirm green#12   # and no later generation of it"},
        .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                       kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "POOL", .help = "what is confirmed: green, or green#12"}, pool_);
    options_.declare(parser, {.goals = {Goal::kAdopted}, .not_durable = true, .force_help = {}});
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    if (pool_.empty() && !environment.in_is_terminal) {
      environment.err
          << "name the pool that is confirmed: a script that runs late must not confirm "
             "another release\nsee: shunt confirm --help\n";
      return kUsage;
    }
    Change change{.action = "confirm", .body = {}, .wait_for = {}};
    if (!pool_.empty()) change.body["pool"] = pool_;
    change.wait_for = [](const json::object& outcome) {
      return WaitFor{.pool = {}, .nodes = {}, .active = raw_at(outcome, "active"), .admin = {}};
    };
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
  std::string pool_;
};

}  // namespace

std::unique_ptr<Verb> make_confirm() {
  return std::make_unique<Confirm>();
}

}  // namespace shunt::cli
