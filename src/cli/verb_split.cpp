#include <algorithm>

#include "shunt/base/units.hpp"
#include "src/cli/change.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Split final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "split",
            .summary = "give a share of new connections to a pool that is not live, or end that",
            .examples = {"shunt split green 5% --sticky",
                         "shunt split green 25%   # more; what else was said stays",
                         "shunt split green --sources 10.0.0.0/8,192.0.2.7   # named clients first",
                         "shunt split off"},
            .exit_codes = {kDone, kFailed, kUsage, kRefused, kTimedOut, kEpochMoved, kUnreachable,
                           kUnknown, kAborted, kInterrupted}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "POOL",
                     .help = "the pool that takes the share, or off: the live one has all again",
                     .required = true},
                    pool_);
    parser.add({.names = "SHARE", .help = "of new connections: 5%, 0.5%, 100%"},
               [this](const std::string& text) -> std::string {
                 share_ = text;
                 const auto share = base::parse_share(text);
                 return share ? "" : share.error().message + ": " + share.error().hint;
               });
    parser.add_switch({.names = "--sticky",
                       .help = "by client address: who goes there goes there again, also when the "
                               "share grows, after a restart and at other instances"},
                      sticky_);
    parser.add_switch({.names = "--no-sticky", .help = "by chance, each connection by itself"},
                      not_sticky_);
    parser.add({.names = "--sources",
                .help = "clients from these networks go there, whatever the share; none: no more",
                .value = "CIDR,…|none"},
               [this](const std::string& text) -> std::string {
                 sources_ = text == "none" ? std::vector<std::string>() : parts_of(text);
                 return text != "none" && sources_->empty() ? "names no network" : "";
               });
    parser.add_names(
        {.names = "--skip", .help = "waive one gate that refused it (repeatable)", .value = "GATE"},
        skip_);
    options_.declare(parser, {.goals = {Goal::kAdopted, Goal::kDrained, Goal::kEmpty},
                              .not_durable = true,
                              .force = true,
                              .force_help = "waive every gate"});
    common_.declare(parser);
  }

  [[nodiscard]] std::string usage_error() const override {
    const bool off = pool_ == "off";
    const bool any = !share_.empty() || sticky_ || not_sticky_ || sources_.has_value();
    if (sticky_ && not_sticky_) return "--sticky does not go with --no-sticky";
    if (off && (any || !skip_.empty())) {
      return "split off ends the split: it takes no share and no terms";
    }
    if (!off && !any) {
      return "split " + escaped(pool_) + " needs a share (5%), or --sources";
    }
    if (!off && options_.wait && *options_.wait != Goal::kAdopted) {
      return "only split off leaves something to drain: --wait adopted";
    }
    return {};
  }

  [[nodiscard]] int run(const Environment& environment) override {
    Change change{.action = "split", .body = {}, .wait_for = {}};
    if (pool_ == "off") {
      change.body["off"] = true;
    } else {
      change.body["pool"] = pool_;
      if (!share_.empty()) change.body["share"] = share_;
      if (sticky_ || not_sticky_) change.body["sticky"] = sticky_;
      if (sources_) change.body["sources"] = json::array(sources_->begin(), sources_->end());
      if (!skip_.empty()) change.body["skip"] = json::array(skip_.begin(), skip_.end());
    }
    change.wait_for = [](const json::object& outcome) { return wait_for_left(outcome); };
    return perform(environment, common_, options_, change);
  }

 private:
  static std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      if (end > begin) parts.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return parts;
  }

  CommonOptions common_;
  ChangeOptions options_;
  std::string pool_;
  std::string share_;
  bool sticky_ = false;
  bool not_sticky_ = false;
  std::optional<std::vector<std::string>> sources_;
  std::vector<std::string> skip_;
};

}  // namespace

std::unique_ptr<Verb> make_split() {
  return std::make_unique<Split>();
}

}  // namespace shunt::cli
