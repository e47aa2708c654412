#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Switch final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "switch",
            .summary = "make another pool take all new connections",
            .examples =
                {"shunt switch green --reason 'release 1.3.0'",
                 "shunt switch green --dry-run   # every reason against it, at once",
                 "shunt switch green --wait drained --timeout 10m",
                 "shunt switch green --confirm-within 5m   # goes back by itself unless confirmed",
                 "shunt switch green --skip min_healthy --reason 'node17 is being replaced'"},
            .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                           kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "POOL", .help = "the pool that becomes active", .required = true},
                    pool_);
    parser.add_names(
        {.names = "--skip", .help = "waive one gate that refused it (repeatable)", .value = "GATE"},
        skip_);
    parser.add_duration(
        {.names = "--close-over",
         .help = "also close what is left on the pool being left, spread over this"},
        close_over_, {});
    parser.add_duration(
        {.names = "--confirm-within",
         .help = "a trial: go back by itself unless shunt confirm comes within this; "
                 "without the flag as the app has it"},
        confirm_within_, {.zero = false, .none = &no_trial_});
    options_.declare(parser, {.goals = {Goal::kAdopted, Goal::kConfirmed, Goal::kDrained,
                                        Goal::kEmpty, Goal::kHealthy},
                              .force = true,
                              .force_help = "waive every gate"});
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "switch", .body = {{"to", pool_}}, .wait_for = {}};
    if (!skip_.empty()) {
      json::array skip;
      for (const std::string& gate : skip_) skip.emplace_back(gate);
      change.body["skip"] = std::move(skip);
    }
    if (close_over_) change.body["close_over_ns"] = *close_over_;
    if (confirm_within_) change.body["confirm_within_ns"] = *confirm_within_;
    if (no_trial_) change.body["confirm_within_ns"] = 0;
    change.wait_for = [this](const json::object& outcome) {
      if (options_.wait == Goal::kConfirmed) {
        return WaitFor{.pool = pool_, .nodes = {}, .active = pool_, .admin = {}};
      }
      return WaitFor{.pool = options_.wait == Goal::kHealthy
                                 ? pool_
                                 : raw_at(object_at(outcome, "receipt"), "from"),
                     .nodes = {},
                     .active = pool_,
                     .admin = {}};
    };
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
  std::string pool_;
  std::vector<std::string> skip_;
  std::optional<base::Duration> close_over_;
  std::optional<base::Duration> confirm_within_;
  bool no_trial_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_switch() {
  return std::make_unique<Switch>();
}

}  // namespace shunt::cli
