#include "src/cli/node_verb.hpp"

namespace shunt::cli {
namespace {

class Drain final : public NodeVerb {
 public:
  Drain() : NodeVerb("drain", {Goal::kAdopted, Goal::kDrained, Goal::kEmpty}, true) {}

  [[nodiscard]] Manual manual() const override {
    return {
        .name = "drain",
        .summary = "send nothing new to nodes; what is established stays",
        .examples = {"shunt drain node17 --wait empty --timeout 10m",
                     "shunt drain node1 node2 --deadline 30m", "shunt drain node1 --deadline none"},
        .exit_codes = node_exit_codes()};
  }
};

}  // namespace

std::unique_ptr<Verb> make_drain() {
  return std::make_unique<Drain>();
}

}  // namespace shunt::cli
