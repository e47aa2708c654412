#include "src/cli/node_verb.hpp"

namespace shunt::cli {
namespace {

class Maint final : public NodeVerb {
 public:
  Maint() : NodeVerb("maint", {Goal::kAdopted, Goal::kDrained, Goal::kEmpty}, false) {}

  [[nodiscard]] Manual manual() const override {
    return {.name = "maint",
            .summary = "take nodes out: nothing new, no health checks",
            .examples = {"shunt maint node17 --reason 'disk replacement'"},
            .exit_codes = node_exit_codes()};
  }
};

}  // namespace

std::unique_ptr<Verb> make_maint() {
  return std::make_unique<Maint>();
}

}  // namespace shunt::cli
