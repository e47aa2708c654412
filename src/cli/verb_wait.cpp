#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

const std::vector<Goal> kGoals{Goal::kAdopted, Goal::kConfirmed, Goal::kDrained, Goal::kEmpty,
                               Goal::kHealthy};

class Wait final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {
        .name = "wait",
        .summary =
            "wait until a pool is confirmed, drained or healthy, a node empty, a change adopted",
        .examples = {"shunt wait drained blue --timeout 10m", "shunt wait confirmed green#12",
                     "shunt wait healthy green --timeout 1m", "shunt wait empty node17",
                     "shunt wait adopted"},
        .exit_codes = {kDone, kFailed, kUsage, kTimedOut, kUnreachable, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add({.names = "STATE",
                .help = "adopted, confirmed, drained, empty or healthy",
                .required = true},
               [this](const std::string& text) {
                 state_ = text;
                 return wrong_with_goal(text, kGoals);
               });
    parser.add_name(
        {.names = "NAME", .help = "the pool (confirmed, drained, healthy) or the node (empty)"},
        name_);
    common_.declare(parser);
  }

  [[nodiscard]] std::string usage_error() const override {
    const auto goal = goal_of(state_, kGoals);
    if (goal == Goal::kAdopted) return name_.empty() ? "" : "wait adopted takes no name";
    if (!name_.empty()) return {};
    return "wait " + state_ + " needs a " + (goal == Goal::kEmpty ? "node" : "pool");
  }

  [[nodiscard]] int run(const Environment& environment) override {
    const Session session(environment, common_);
    // Asked once before waiting, so that a daemon that is not there or an unknown app ends it at
    // once.
    const auto app = session.fetch(session.app_path(), shape::kApp);
    if (!app) return app.error();
    WaitFor wanted;
    wanted.goal = *goal_of(state_, kGoals);
    wanted.app = raw_at(*app, "name");
    if (wanted.goal == Goal::kEmpty) {
      wanted.nodes = {name_};
    } else {
      wanted.pool = name_;
    }
    return wait_for(environment, session.client(), wanted, session.patience(), false,
                    common_.json ? Telling::kJson : Telling::kLine);
  }

 private:
  CommonOptions common_;
  std::string state_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Verb> make_wait() {
  return std::make_unique<Wait>();
}

}  // namespace shunt::cli
