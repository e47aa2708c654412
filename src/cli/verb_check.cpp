#include <iostream>

#include "src/cli/exit_code.hpp"
#include "src/cli/json.hpp"
#include "src/cli/options.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

json::array as_json(const std::vector<std::string>& texts) {
  json::array result;
  for (const std::string& text : texts) result.emplace_back(text);
  return result;
}

class Check final : public Verb {
 public:
  explicit Check(const Hooks& hooks) : hooks_(hooks) {}

  [[nodiscard]] Manual manual() const override {
    return {.name = "check",
            .summary = "check a configuration file, all errors at once; touches nothing",
            .examples = {"shunt check",
                         "shunt check new.yaml && sudo cp new.yaml /etc/shunt/shunt.yaml"},
            .exit_codes = {kDone, kFailed, kUsage},
            .failed = "the file has errors"};
  }

  void declare(Parser& parser) override {
    parser.add_text({.names = "CONFIG,-c,--config",
                     .help = "the configuration file",
                     .value = "PATH",
                     .shows_default = true},
                    path_);
    parser.add_switch(
        {.names = "--json", .help = "print {\"ok\": …, \"errors\": […], \"warnings\": […]}"},
        json_);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    const CheckReport report = hooks_.check(path_);
    const bool ok = report.errors.empty();
    if (json_) {
      const json::object answer{{"ok", ok},
                                {"path", path_},
                                {"errors", as_json(report.errors)},
                                {"warnings", as_json(report.warnings)},
                                {"summary", report.summary}};
      environment.out << json::serialize(answer) << "\n";
      return ok ? kDone : kFailed;
    }
    const bool color = environment.err_color;
    for (const std::string& error : report.errors) {
      environment.err << painted("error", Color::kRed, color) << ": " << escaped(error) << "\n";
    }
    for (const std::string& warning : report.warnings) {
      environment.err << painted("warning", Color::kYellow, color) << ": " << escaped(warning)
                      << "\n";
    }
    if (!ok) {
      environment.err << counted(report.error_count, "error") << " in " << escaped(path_) << "\n";
      return kFailed;
    }
    environment.out << escaped(path_) << ": " << painted("ok", Color::kGreen, environment.color)
                    << (report.summary.empty() ? "" : ", " + escaped(report.summary)) << "\n";
    return kDone;
  }

 private:
  const Hooks& hooks_;
  std::string path_ = default_config_path;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_check(const Hooks& hooks) {
  return std::make_unique<Check>(hooks);
}

}  // namespace shunt::cli
