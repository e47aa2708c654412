#include <algorithm>
#include <iostream>

#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/status_view.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class ShowStatus final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "status",
            .summary = "what is live, how well, and whether a rollback is possible",
            .examples = {"shunt status", "shunt status green   # every node of green",
                         "shunt status --json | jq '.apps[].active'"},
            .exit_codes = {kDone, kFailed, kUsage, kUnreachable}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "POOL", .help = "only this pool, with every node"}, pool_);
    parser.add_switch(
        {.names = "--nodes", .help = "every node, not only those in trouble; services too"},
        all_nodes_);
    common_.declare(parser);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    const Session session(environment, common_);
    // With --json and --app the answer is that app alone, as it came.
    const bool one_app = common_.json && common_.app != "-";
    const auto snapshot = one_app ? session.read(session.app_path(), shape::kApp)
                                  : session.read("/v1/status", shape::kStatus);
    if (!snapshot) return snapshot.error();
    if (common_.json) return kDone;
    StatusView view{.app = common_.app == "-" ? "" : common_.app,
                    .pool = pool_,
                    .all_nodes = all_nodes_,
                    .color = environment.color,
                    .width = environment.width,
                    .now_ms = environment.wall_ms()};
    const std::vector<std::string> pools = pools_of(*snapshot, view.app);
    if (pools.empty() && !view.app.empty()) {
      environment.err << "not found: there is no app " << escaped(view.app)
                      << "; apps: " << joined(apps_of(*snapshot), ", ") << "\n";
      return kFailed;
    }
    if (!pool_.empty() && std::find(pools.begin(), pools.end(), pool_) == pools.end()) {
      const std::string near = nearest(pool_, pools);
      environment.err << "not found: there is no pool " << escaped(pool_)
                      << (near.empty() ? "" : ", did you mean " + escaped(near) + "?") << "\n";
      return kFailed;
    }
    environment.out << render_status(*snapshot, view) << std::flush;
    return kDone;
  }

 private:
  CommonOptions common_;
  std::string pool_;
  bool all_nodes_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_status() {
  return std::make_unique<ShowStatus>();
}

}  // namespace shunt::cli
