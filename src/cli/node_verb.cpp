#include "src/cli/node_verb.hpp"

#include "src/cli/exit_code.hpp"

namespace shunt::cli {

void NodeVerb::declare(Parser& parser) {
  parser.add_names({.names = "NODE",
                    .help = "nodes, by the names that shunt status --nodes shows",
                    .required = true},
                   nodes_);
  if (with_deadline_) {
    parser.add_duration(
        {.names = "--deadline",
         .help = "close what is left after this; given again it moves, none takes it back"},
        deadline_, {.none = &no_deadline_});
  }
  options_.declare(
      parser,
      {.goals = goals_, .not_durable = true, .force = true, .force_help = "waive every gate"});
  common_.declare(parser);
}

int NodeVerb::run(const Environment& environment) {
  Change change{.action = "nodes", .body = {{"admin", admin_}}, .wait_for = {}};
  json::array nodes;
  for (const std::string& node : nodes_) nodes.emplace_back(node);
  change.body["nodes"] = std::move(nodes);
  if (deadline_) change.body["deadline_ns"] = *deadline_;
  if (no_deadline_) change.body["deadline_ns"] = nullptr;
  change.wait_for = [this](const json::object& /*outcome*/) {
    return WaitFor{.pool = {}, .nodes = nodes_, .active = {}, .admin = admin_};
  };
  return perform(environment, common_, options_, change);
}

std::vector<int> node_exit_codes() {
  return {kDone,       kFailed,      kUsage,   kRefused, kTimedOut,
          kEpochMoved, kUnreachable, kUnknown, kAborted, kInterrupted};
}

}  // namespace shunt::cli
