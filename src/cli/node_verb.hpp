// What drain, ready and maint have in common: an admin state for some nodes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/cli/change.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {

class NodeVerb : public Verb {
 public:
  [[nodiscard]] int run(const Environment& environment) override;

 protected:
  // admin: as the API names the state. goals: what --wait may name.
  NodeVerb(std::string admin, std::vector<Goal> goals, bool with_deadline)
      : admin_(std::move(admin)), goals_(std::move(goals)), with_deadline_(with_deadline) {}

  void declare(Parser& parser) override;

 private:
  const std::string admin_;
  const std::vector<Goal> goals_;
  const bool with_deadline_;
  CommonOptions common_;
  ChangeOptions options_;
  std::vector<std::string> nodes_;
  std::optional<base::Duration> deadline_;
  bool no_deadline_ = false;
};

// The exit codes that the three share.
[[nodiscard]] std::vector<int> node_exit_codes();

}  // namespace shunt::cli
