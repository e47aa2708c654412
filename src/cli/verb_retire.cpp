#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Retire final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "retire",
            .summary = "give up the way back to a pool; once empty it is retired",
            .examples = {"shunt retire blue --wait empty", "shunt retire blue --close-over 5m",
                         "shunt retire blue --undo   # while it still has connections"},
            .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                           kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "POOL", .help = "the pool", .required = true}, pool_);
    parser.add_duration(
        {.names = "--close-over", .help = "also close what it has left, spread over this"},
        close_over_, {});
    parser.add_switch({.names = "--undo", .help = "take it back: the pool is what it was"}, undo_);
    options_.declare(
        parser, {.goals = {Goal::kDrained, Goal::kEmpty}, .not_durable = true, .force_help = {}});
    common_.declare(parser);
  }

  [[nodiscard]] std::string usage_error() const override {
    if (undo_ && close_over_) return "--undo closes nothing, so it does not go with --close-over";
    if (undo_ && options_.wait) return "--undo keeps connections: there is nothing to wait for";
    return {};
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "retire", .body = {{"pool", pool_}}, .wait_for = {}};
    if (undo_) change.body["undo"] = true;
    if (close_over_) change.body["close_over_ns"] = *close_over_;
    change.wait_for = [this](const json::object& /*outcome*/) {
      return WaitFor{.pool = pool_, .nodes = {}, .active = {}, .admin = {}, .retiring = true};
    };
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
  std::string pool_;
  std::optional<base::Duration> close_over_;
  bool undo_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_retire() {
  return std::make_unique<Retire>();
}

}  // namespace shunt::cli
