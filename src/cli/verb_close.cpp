#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Close final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {
        .name = "close",
        .summary = "close established connections, of a pool, a node, or one",
        .examples = {"shunt close --pool blue --over 30s --wait empty", "shunt close --node node17",
                     "shunt close --connection 4711", "shunt close --pool blue --cancel"},
        .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                       kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "--pool", .help = "all of this pool", .value = "NAME"}, pool_);
    parser.add_name({.names = "--node", .help = "all of this node", .value = "NAME"}, node_);
    parser.add_number({.names = "--connection",
                       .help = "this one, by the id that shunt connections shows",
                       .value = "ID"},
                      connection_, 1);
    parser.add_duration({.names = "--over",
                         .help = "spread over this, so that clients do not come back all at once"},
                        over_, {});
    parser.add_switch(
        {.names = "--cancel",
         .help = "end a closing of exactly these that was spread over a time; what is "
                 "left stays"},
        cancel_);
    options_.declare(parser,
                     {.goals = {Goal::kAdopted, Goal::kDrained, Goal::kEmpty}, .force_help = {}});
    common_.declare(parser);
  }

  [[nodiscard]] std::string usage_error() const override {
    const int named = (pool_.empty() ? 0 : 1) + (node_.empty() ? 0 : 1) + (connection_ ? 1 : 0);
    if (named != 1) return "name one of --pool, --node and --connection";
    if (cancel_ && over_) return "--cancel ends a closing, so it does not go with --over";
    const bool counts = options_.wait && *options_.wait != Goal::kAdopted;
    if (counts && connection_) return "--wait drained or empty needs --pool or --node";
    if (counts && cancel_) return "--cancel leaves connections alone: there is nothing to wait for";
    return {};
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "close", .body = {}, .wait_for = {}};
    if (!pool_.empty()) change.body["pool"] = pool_;
    if (!node_.empty()) change.body["node"] = node_;
    if (connection_) change.body["connection"] = *connection_;
    if (over_) change.body["over_ns"] = *over_;
    if (cancel_) change.body["cancel"] = true;
    change.wait_for = [this](const json::object& /*outcome*/) {
      WaitFor wanted;
      wanted.pool = pool_;
      if (!node_.empty()) wanted.nodes = {node_};
      return wanted;
    };
    // Known only to wait_for() it would be too late: the connections are closed by then.
    if (options_.wait == Goal::kDrained && !pool_.empty()) {
      change.unfit = [this](const json::object& app) {
        return raw_at(app, "active") != pool_
                   ? std::string()
                   : escaped(pool_) +
                         " is live, and a live pool does not drain: switch away from it "
                         "first, or close without --wait drained";
      };
    }
    return perform(environment, common_, options_, change);
  }

 private:
  CommonOptions common_;
  ChangeOptions options_;
  std::string pool_;
  std::string node_;
  std::optional<std::uint64_t> connection_;
  std::optional<base::Duration> over_;
  bool cancel_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_close() {
  return std::make_unique<Close>();
}

}  // namespace shunt::cli
