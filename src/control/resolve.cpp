#include <algorithm>
#include <charconv>

#include "shunt/base/limits.hpp"
#include "shunt/base/network.hpp"
#include "src/control/gates.hpp"
#include "src/control/phrases.hpp"
#include "src/control/plan.hpp"

namespace shunt::control {
namespace {

class Resolver {
 public:
  Resolver(const traffic::Model& model, const Command& command, Resolved& resolved)
      : model_(model), command_(command), resolved_(resolved) {}

  std::optional<Outcome> run() {
    check_common();
    const traffic::App* app = find_app();
    if (app != nullptr) {
      resolved_.app = static_cast<traffic::AppId>(app - model_.apps.data());
      check_verb(*app);
    }
    if (reasons_.empty()) return std::nullopt;
    Outcome outcome;
    outcome.kind = invalid_ ? OutcomeKind::kInvalid : OutcomeKind::kNotFound;
    outcome.app = app != nullptr ? app->name : command_.app;
    outcome.message = reasons_.front().message;
    outcome.reasons = std::move(reasons_);
    outcome.next = {"shunt status"};
    return outcome;
  }

 private:
  void not_found(const char* what, std::string message) {
    reasons_.push_back({what, std::move(message)});
  }
  void invalid(const char* what, std::string message) {
    invalid_ = true;
    reasons_.push_back({what, std::move(message)});
  }

  void check_common() {
    for (const std::string& gate : command_.skip) {
      if (std::find(std::begin(kGates), std::end(kGates), gate) == std::end(kGates)) {
        invalid("skip", "there is no gate " + gate +
                            "; gates: " + listed({std::begin(kGates), std::end(kGates)}));
      }
    }
    if (command_.key.size() > base::kKeyBytesMax) {
      invalid("key",
              "the operation id is longer than " + std::to_string(base::kKeyBytesMax) + " bytes");
    }
    if (command_.reason.size() > base::kReasonBytesMax) {
      invalid("reason",
              "the reason is longer than " + std::to_string(base::kReasonBytesMax) + " bytes");
    }
  }

  const traffic::App* find_app() {
    if (command_.app.empty()) {
      if (model_.apps.size() == 1) return &model_.apps.front();
      invalid("app", "there are several apps, name one: " + listed(names_of(model_.apps)));
      return nullptr;
    }
    const traffic::App* app = model_.find_app(command_.app);
    if (app == nullptr) {
      not_found("app",
                "there is no app " + command_.app + "; apps: " + listed(names_of(model_.apps)));
    }
    return app;
  }

  void check_verb(const traffic::App& app) {
    switch (command_.verb) {
      case Verb::kSwitch:
        if (command_.pool.empty()) {
          invalid("pool", "name the pool to switch to: " + listed(names_of(app.pools)));
        }
        if (const auto within = command_.confirm_within.value_or(base::kOff);
            within != base::kOff && within < base::kMillisecond) {
          invalid("confirm_within", "1ms at least, or off");
        }
        break;
      case Verb::kPrepare:
      case Verb::kRetire:
      case Verb::kEmptied:
        if (command_.pool.empty()) {
          invalid("pool", "name the pool: " + listed(names_of(app.pools)));
        }
        if (command_.undo && command_.close_over) {
          invalid("close_over", "a retire that is taken back closes nothing");
        }
        break;
      case Verb::kSplit:
        check_split(app);
        break;
      case Verb::kRollback:
      case Verb::kConfirm:
      case Verb::kAbort:
      case Verb::kExpired:
        break;
      case Verb::kAdmin:
        if (command_.nodes.empty()) invalid("node", "name the nodes");
        if (command_.deadline && command_.admin == traffic::AdminState::kReady) {
          invalid("deadline", "a node that becomes ready has no deadline");
        }
        break;
      case Verb::kClose: {
        const std::size_t targets = (command_.pool.empty() ? 0U : 1U) + command_.nodes.size() +
                                    (command_.connection == 0 ? 0U : 1U);
        if (targets != 1) {
          invalid("close", "name one of: a pool, a node, a connection");
        }
        break;
      }
    }
    if (!command_.pool.empty()) resolved_.pool = find_pool(app, pool_name());
    for (const std::string& name : command_.nodes) find_node(app, name);
  }

  void check_split(const traffic::App& app) {
    const bool any = command_.share || command_.sticky || command_.sources;
    if (command_.undo) {
      if (any || !command_.pool.empty()) {
        invalid("off", "a split that ends has no pool, share or sources");
      }
      return;
    }
    if (command_.pool.empty()) {
      invalid("pool", "name the pool that takes a share: " + listed(names_of(app.pools)));
    }
    if (!any) invalid("share", "a share, or sources; to end the split: shunt split off");
    if (command_.share && *command_.share > traffic::kWholeShare) {
      invalid("share", "at most 100%");
    }
    if (command_.sources) check_sources(*command_.sources);
  }

  // In one order and their own words, so that the same ones are the same.
  void check_sources(const std::vector<std::string>& sources) {
    if (sources.size() > base::kSplitSourcesMax) {
      invalid("sources", "more than " + std::to_string(base::kSplitSourcesMax) + " networks");
      return;
    }
    for (const std::string& source : sources) {
      const auto network = base::Network::parse(source);
      if (!network) {
        invalid("sources", network.error().message + ": " + network.error().hint);
      } else {
        resolved_.sources.push_back(network->to_string());
      }
    }
    std::sort(resolved_.sources.begin(), resolved_.sources.end());
    resolved_.sources.erase(std::unique(resolved_.sources.begin(), resolved_.sources.end()),
                            resolved_.sources.end());
  }

  // Of "green#12", where a generation may be named, its pool; names have no '#'.
  std::string pool_name() {
    const std::size_t mark = command_.pool.find('#');
    if (command_.verb != Verb::kConfirm || mark == std::string::npos) return command_.pool;
    const char* const begin = command_.pool.data() + mark + 1;
    const char* const end = command_.pool.data() + command_.pool.size();
    const auto read = std::from_chars(begin, end, resolved_.generation);
    if (read.ec != std::errc() || read.ptr != end || resolved_.generation == 0) {
      invalid("pool", "a generation is a number, as in green#12: " + command_.pool);
    }
    return command_.pool.substr(0, mark);
  }

  traffic::PoolId find_pool(const traffic::App& app, const std::string& name) {
    for (traffic::PoolId pool = 0; pool < app.pools.size(); ++pool) {
      if (app.pools[pool].name == name) return pool;
    }
    not_found("pool", "app " + app.name + " has no pool " + name +
                          "; pools: " + listed(names_of(app.pools)));
    return traffic::kNoPool;
  }

  void find_node(const traffic::App& app, const std::string& name) {
    for (const traffic::Pool& pool : app.pools) {
      for (const traffic::Node& node : pool.nodes) {
        if (node.name != name) continue;
        auto& nodes = resolved_.nodes;
        if (std::find(nodes.begin(), nodes.end(), node.slot) == nodes.end()) {
          nodes.push_back(node.slot);
        }
        return;
      }
    }
    not_found("node", "app " + app.name + " has no node " + name);
  }

  const traffic::Model& model_;
  const Command& command_;
  Resolved& resolved_;
  std::vector<Reason> reasons_;
  bool invalid_ = false;
};

}  // namespace

std::optional<Outcome> resolve(const traffic::Model& model, const Command& command,
                               Resolved& resolved) {
  return Resolver(model, command, resolved).run();
}

}  // namespace shunt::control
