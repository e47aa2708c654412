#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

class Serve final : public Verb {
 public:
  explicit Serve(const Hooks& hooks) : hooks_(hooks) {}

  [[nodiscard]] Manual manual() const override {
    return {.name = "serve",
            .summary = "run the daemon in the foreground",
            .examples =
                {"shunt serve", "shunt serve config/demo.yaml",
                 "shunt serve --reset-state   # the file's initial pools, not the last decision"},
            .exit_codes = {kDone, kFailed, kUsage},
            .failed =
                "did not start, or a decision in force at the stop is not on disk (the log "
                "says which)"};
  }

  void declare(Parser& parser) override {
    parser.add_text({.names = "CONFIG,-c,--config",
                     .help = "the configuration file",
                     .value = "PATH",
                     .shows_default = true},
                    options_.config_path);
    parser.add_switch(
        {.names = "--reset-state",
         .help = "put the stored decisions aside (the log says which and where): every app "
                 "starts with its initial pool"},
        options_.reset_state);
  }

  [[nodiscard]] int run(const Environment& /*environment*/) override {
    return hooks_.serve(options_);
  }

 private:
  const Hooks& hooks_;
  ServeOptions options_{.config_path = default_config_path};
};

}  // namespace

std::unique_ptr<Verb> make_serve(const Hooks& hooks) {
  return std::make_unique<Serve>(hooks);
}

}  // namespace shunt::cli
