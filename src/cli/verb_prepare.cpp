#include "shunt/base/limits.hpp"
#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Prepare final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {
        .name = "prepare",
        .summary = "open a generation of a pool that is not live, for what is built in it next",
        .examples = {"shunt prepare green --version 1.3.0",
                     "shunt prepare blue --version 1.3.1 --close-over 30s   # a kept pool: there "
                     "is no rollback to it any more"},
        .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                       kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "POOL", .help = "the pool", .required = true}, pool_);
    parser.add({.names = "--version",
                .help = "of what will be in it, as status and events show it",
                .value = "VERSION"},
               [this](const std::string& text) -> std::string {
                 version_ = text;
                 const std::string wrong = wrong_with_text(text, base::kVersionBytesMax);
                 if (!wrong.empty()) return "the version " + wrong;
                 return text.empty() ? "a version is not empty" : "";
               });
    parser.add_names(
        {.names = "--skip", .help = "waive one gate that refused it (repeatable)", .value = "GATE"},
        skip_);
    parser.add_duration({.names = "--close-over",
                         .help = "close what the last generation has left, spread over this"},
                        close_over_, {});
    options_.declare(parser, {.goals = {Goal::kDrained, Goal::kEmpty},
                              .not_durable = true,
                              .force = true,
                              .force_help = "even where it still has connections"});
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "prepare", .body = {{"pool", pool_}}, .wait_for = {}};
    if (!version_.empty()) change.body["version"] = version_;
    if (!skip_.empty()) change.body["skip"] = json::array(skip_.begin(), skip_.end());
    if (close_over_) change.body["close_over_ns"] = *close_over_;
    change.wait_for = [this](const json::object& /*outcome*/) {
      return WaitFor{.pool = pool_, .nodes = {}, .active = {}, .admin = {}};
    };
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
  std::string pool_;
  std::string version_;
  std::vector<std::string> skip_;
  std::optional<base::Duration> close_over_;
};

}  // namespace

std::unique_ptr<Verb> make_prepare() {
  return std::make_unique<Prepare>();
}

}  // namespace shunt::cli
