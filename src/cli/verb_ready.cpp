#include "src/cli/node_verb.hpp"

namespace shunt::cli {
namespace {

class Ready final : public NodeVerb {
 public:
  Ready() : NodeVerb("ready", {Goal::kAdopted, Goal::kHealthy}, false) {}

  [[nodiscard]] Manual manual() const override {
    return {.name = "ready",
            .summary = "let nodes take connections again",
            .examples = {"shunt ready node17 --wait healthy --timeout 30s"},
            .exit_codes = node_exit_codes()};
  }
};

}  // namespace

std::unique_ptr<Verb> make_ready() {
  return std::make_unique<Ready>();
}

}  // namespace shunt::cli
