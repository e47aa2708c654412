// The flags of one verb. The only file that knows CLI11 is parser.cpp: its header costs seconds a
// file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/clock.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace shunt::cli {

struct Flag {
  std::string names;  // "--pool", "-f,--follow"; "POOL" is positional; "CONFIG,-c,--config" is both
  std::string help;
  std::string value = {};  // what --help calls the value: "NAME"
  bool required = false;
  bool shows_default = false;
};

class Parser {
 public:
  // Takes a value; answers what is wrong with it, or nothing.
  using Take = std::function<std::string(const std::string& value)>;

  Parser(const std::string& program, const std::string& summary, const std::string& epilogue);
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // `into` is written by parse() and must outlive it.
  void add(const Flag& flag, Take take);
  void add_switch(const Flag& flag, bool& into);
  void add_text(const Flag& flag, std::string& into);
  void add_name(const Flag& flag, std::string& into);                // see wrong_with_name()
  void add_names(const Flag& flag, std::vector<std::string>& into);  // repeatable
  void add_number(const Flag& flag, std::optional<std::uint64_t>& into, std::uint64_t min = 0);
  struct DurationRule {
    bool zero = true;      // 0s has a meaning: "at once"
    bool* none = nullptr;  // "none" and "off" are good, too, and set this, as in the file
  };
  // At most 366 days, as in the API.
  void add_duration(const Flag& flag, std::optional<base::Duration>& into,
                    const DurationRule& rule);

  struct Outcome {
    enum class Kind { kParsed, kHelp, kWrong } kind = Kind::kParsed;
    std::string text;  // the help, or everything that is wrong, a line each
  };
  [[nodiscard]] Outcome parse(std::vector<std::string> arguments);

  struct LongFlag {
    std::string name;  // "--pool"
    std::string help;
    bool takes_value = false;
  };
  [[nodiscard]] std::vector<LongFlag> long_flags() const;

 private:
  void finish(CLI::Option* option, const Flag& flag);
  [[nodiscard]] std::string unknown_arguments() const;

  std::unique_ptr<CLI::App> app_;
};

// What a name of a pool, node, app or gate must not be; nothing where it is fine.
[[nodiscard]] std::string wrong_with_name(std::string_view text);

// ", did you mean NEAR?", or nothing.
[[nodiscard]] std::string suggestion(const std::string& near);

}  // namespace shunt::cli
