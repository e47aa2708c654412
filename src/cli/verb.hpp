// One verb of the command line. Each has a file of its own (verb_*.cpp); verbs() is the list of
// all.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/cli/main.hpp"
#include "src/cli/environment.hpp"
#include "src/cli/parser.hpp"

namespace shunt::cli {

struct Manual {
  std::string name;
  std::string summary;                // one line, as in `shunt --help`
  std::vector<std::string> examples;  // whole commands
  std::vector<int> exit_codes;        // which of ExitCode it can end with
  std::string failed = "failed";      // what kFailed means for it
};

// Used once: declare() binds the flags to the object's members, run() reads them.
class Verb {
 public:
  virtual ~Verb() = default;
  [[nodiscard]] virtual Manual manual() const = 0;
  virtual void declare(Parser& parser) = 0;
  // What the flags cannot say one by one ("one of --pool and --node"); empty: fine.
  [[nodiscard]] virtual std::string usage_error() const { return {}; }
  // Returns an ExitCode.
  [[nodiscard]] virtual int run(const Environment& environment) = 0;
};

// In the order of `shunt --help`.
[[nodiscard]] std::vector<std::unique_ptr<Verb>> verbs(const Hooks& hooks);

// Parses and runs; what run() of the front door does, with the environment as an argument.
[[nodiscard]] int run_in(const Environment& environment, const Hooks& hooks);

// A parser with the verb's flags, `--help` and its epilogue.
[[nodiscard]] std::unique_ptr<Parser> parser_of(Verb& verb);

std::unique_ptr<Verb> make_serve(const Hooks& hooks);
std::unique_ptr<Verb> make_check(const Hooks& hooks);
std::unique_ptr<Verb> make_status();
std::unique_ptr<Verb> make_events();
std::unique_ptr<Verb> make_connections();
std::unique_ptr<Verb> make_diff();
std::unique_ptr<Verb> make_prepare();
std::unique_ptr<Verb> make_switch();
std::unique_ptr<Verb> make_rollback();
std::unique_ptr<Verb> make_split();
std::unique_ptr<Verb> make_confirm();
std::unique_ptr<Verb> make_abort();
std::unique_ptr<Verb> make_retire();
std::unique_ptr<Verb> make_drain();
std::unique_ptr<Verb> make_ready();
std::unique_ptr<Verb> make_maint();
std::unique_ptr<Verb> make_close();
std::unique_ptr<Verb> make_wait();
std::unique_ptr<Verb> make_completion(const Hooks& hooks);

}  // namespace shunt::cli
