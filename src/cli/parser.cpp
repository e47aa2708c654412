#include "src/cli/parser.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <CLI/CLI.hpp>

#include "shunt/base/limits.hpp"
#include "shunt/base/units.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

// CLI11's words for what it finds itself, in ours.
std::string in_our_words(const std::string& told) {
  const auto before = [&told](std::string_view words) {
    const std::size_t at = told.find(words);
    return at == std::string::npos ? std::string() : told.substr(0, at);
  };
  if (const std::string flag = before(": At Most 1 required but received"); !flag.empty()) {
    return flag + " is given more than once: give it once";
  }
  if (const std::string flag = before(": 1 required ");
      !flag.empty() && told.ends_with(" missing")) {
    return flag + " needs a value";
  }
  constexpr std::string_view kSwitch = "Could not convert: ";
  if (told.starts_with(kSwitch)) {
    return told.substr(kSwitch.size(), told.find(" = ") - kSwitch.size()) + " takes no value";
  }
  return told;
}

}  // namespace

Parser::Parser(const std::string& program, const std::string& summary, const std::string& epilogue)
    : app_(std::make_unique<CLI::App>(summary, program)) {
  app_->set_help_flag("-h,--help", "show this");
  app_->allow_extras();  // collected, so that all of them can be named with a suggestion
  app_->footer(epilogue);
}

Parser::~Parser() = default;

void Parser::finish(CLI::Option* option, const Flag& flag) {
  option->required(flag.required);
  option->type_name(flag.value);
}

void Parser::add(const Flag& flag, Take take) {
  const auto checked = [flag, take = std::move(take)](const std::string& value) {
    if (const std::string wrong = take(value); !wrong.empty()) {
      throw CLI::ValidationError(flag.names, wrong);
    }
  };
  finish(app_->add_option_function<std::string>(flag.names, checked, flag.help), flag);
}

void Parser::add_switch(const Flag& flag, bool& into) {
  app_->add_flag(flag.names, into, flag.help);
}

void Parser::add_text(const Flag& flag, std::string& into) {
  auto* option = app_->add_option(flag.names, into, flag.help);
  if (flag.shows_default) option->capture_default_str();
  finish(option, flag);
}

void Parser::add_name(const Flag& flag, std::string& into) {
  add(flag, [&into](const std::string& value) {
    into = value;
    return wrong_with_name(value);
  });
}

void Parser::add_names(const Flag& flag, std::vector<std::string>& into) {
  auto* option = app_->add_option(flag.names, into, flag.help);
  finish(option, flag);
  option->check(CLI::Validator([](std::string& value) { return wrong_with_name(value); }, ""));
  // One value a flag, so that `--skip GATE POOL` leaves POOL alone.
  if (!option->get_positional()) option->allow_extra_args(false);
}

void Parser::add_number(const Flag& flag, std::optional<std::uint64_t>& into, std::uint64_t min) {
  add(flag, [&into, min](const std::string& value) -> std::string {
    std::uint64_t number = 0;
    const char* last = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), last, number);
    if (error != std::errc{} || end != last || number < min) {
      return "'" + value + "' is not a whole number from " + std::to_string(min);
    }
    into = number;
    return {};
  });
}

void Parser::add_duration(const Flag& flag, std::optional<base::Duration>& into,
                          const DurationRule& rule) {
  Flag named = flag;
  named.value = rule.none == nullptr ? "DURATION" : "DURATION|none";
  add(named, [&into, rule](const std::string& value) -> std::string {
    if (rule.none != nullptr && (value == "none" || value == "off")) {
      *rule.none = true;
      return {};
    }
    const auto duration = base::parse_duration(value);
    if (!duration) return duration.error().message + ": " + duration.error().hint;
    if (*duration == 0 && !rule.zero) {
      return "'" + value + "' is no time at all: write a positive duration: 500ms, 30s, 10m";
    }
    // The daemon refuses the same; here it is told in terms of flags.
    if (*duration > base::kRequestDurationMax) {
      return "'" + value + "' is longer than " + base::format_duration(base::kRequestDurationMax) +
             ": write a shorter one";
    }
    into = *duration;
    return {};
  });
}

std::string Parser::unknown_arguments() const {
  std::vector<std::string> known;
  for (const LongFlag& flag : long_flags()) known.push_back(flag.name);
  std::string text;
  for (const std::string& argument : app_->remaining()) {
    if (argument == "--") continue;
    if (!text.empty()) text += '\n';
    if (argument.starts_with('-')) {
      const std::string name = argument.substr(0, argument.find('='));
      text += "unknown flag " + escaped(name) + suggestion(nearest(name, known));
    } else {
      text += "'" + escaped(argument) + "' is one argument too many";
    }
  }
  return text;
}

Parser::Outcome Parser::parse(std::vector<std::string> arguments) {
  try {
    // CLI11 takes its arguments from the back.
    std::reverse(arguments.begin(), arguments.end());
    app_->parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return {Outcome::Kind::kHelp, app_->help()};
  } catch (const CLI::ParseError& error) {
    // A misspelt flag explains more than what is missing because of it.
    const std::string unknown = unknown_arguments();
    return {Outcome::Kind::kWrong, unknown.empty() ? escaped(in_our_words(error.what())) : unknown};
  }
  std::string unknown = unknown_arguments();
  return {unknown.empty() ? Outcome::Kind::kParsed : Outcome::Kind::kWrong, std::move(unknown)};
}

std::vector<Parser::LongFlag> Parser::long_flags() const {
  std::vector<LongFlag> flags;
  for (const CLI::Option* option : std::as_const(*app_).get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back({.name = "--" + name,
                       .help = option->get_description(),
                       .takes_value = option->get_items_expected_max() > 0});
    }
  }
  return flags;
}

std::string wrong_with_name(std::string_view text) {
  if (text.empty()) return "a name is not empty";
  const std::string wrong = wrong_with_text(text, base::kNameBytesMax);
  return wrong.empty() ? "" : "the name " + wrong;
}

std::string suggestion(const std::string& near) {
  return near.empty() ? "" : ", did you mean " + escaped(near) + "?";
}

}  // namespace shunt::cli
