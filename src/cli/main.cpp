#include "shunt/cli/main.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "src/cli/exit_code.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

// A descriptor that the caller has closed would be given to the next socket, and what is printed
// would go to the daemon. The wrong direction: reading and writing fail as on a closed one.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free one is this (open(2)).
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

std::string_view meaning_of(int code) {
  switch (code) {
    case kDone:
      return "done; also where there was nothing to do (changed: false)";
    case kUsage:
      return "the command line or the request makes no sense";
    case kRefused:
      return "refused, nothing changed; all reasons are listed";
    case kTimedOut:
      return "timed out waiting; the change stands";
    case kEpochMoved:
      return "the epoch moved, nothing changed";
    case kUnreachable:
      return "the daemon cannot be reached, nothing was sent";
    case kUnknown:
      return "sent, outcome unknown; repeat with the same --key";
    case kAborted:
      return "undone by someone while waiting";
    case kInterrupted:
      return "interrupted; what was acknowledged stands";
    default:
      return "";
  }
}

std::string epilogue_of(const Manual& manual) {
  std::string text = "Examples:\n";
  for (const std::string& example : manual.examples) text += "  " + example + '\n';
  text += "\nExit codes:\n";
  for (const int code : manual.exit_codes) {
    const std::string meaning = code == kFailed ? manual.failed : std::string(meaning_of(code));
    text += "  " + padded_right(std::to_string(code), 3) + "  " + meaning + '\n';
  }
  return text;
}

std::string overview(const std::vector<std::unique_ptr<Verb>>& all) {
  std::string text =
      "shunt: moves production traffic from one pool of nodes to another, and back, at once\n\n"
      "usage: shunt VERB [ARGUMENTS] [FLAGS]\n\n";
  for (const auto& verb : all) {
    const Manual manual = verb->manual();
    text += "  " + padded_right(manual.name, 12) + manual.summary + '\n';
  }
  return text +
         "\nshunt VERB --help shows a verb's flags, examples and exit codes; shunt --version the "
         "version.\n"
         "The daemon is found by --socket, else by SHUNT_SOCKET, else at\n"
         "$XDG_RUNTIME_DIR/shunt/admin.sock (not for root), then at /run/shunt/admin.sock.\n";
}

int usage_error(const Environment& environment, const std::string& text, const std::string& verb) {
  environment.err << text << "\n"
                  << "see: shunt " << (verb.empty() ? "" : verb + ' ') << "--help\n";
  return kUsage;
}

bool changes_something(Verb& verb) {
  const std::vector<int> codes = verb.manual().exit_codes;
  return std::find(codes.begin(), codes.end(), kUnknown) != codes.end();
}

// What was printed has arrived, or it is said that it has not: a script that reads an empty file
// must not take it for an answer. A code that says more stays.
int delivered(const Environment& environment, int code, bool change) {
  environment.out << std::flush;
  if (environment.out.good()) return code;
  environment.err << "cannot write to standard output (is its disk full, or its reader gone?)"
                  << (change && code == kDone ? "; the change stands" : "") << "\n";
  return code == kDone ? kFailed : code;
}

int run_verb(const Environment& environment, Verb& verb, std::vector<std::string> arguments) {
  const std::string name = verb.manual().name;
  const Parser::Outcome parsed = parser_of(verb)->parse(std::move(arguments));
  switch (parsed.kind) {
    case Parser::Outcome::Kind::kHelp:
      environment.out << parsed.text;
      return delivered(environment, kDone, false);
    case Parser::Outcome::Kind::kWrong:
      return usage_error(environment, parsed.text, name);
    case Parser::Outcome::Kind::kParsed:
      break;
  }
  if (const std::string text = verb.usage_error(); !text.empty()) {
    return usage_error(environment, text, name);
  }
  const int code = verb.run(environment);
  return delivered(environment, code, changes_something(verb));
}

}  // namespace

std::vector<std::unique_ptr<Verb>> verbs(const Hooks& hooks) {
  std::vector<std::unique_ptr<Verb>> all;
  all.push_back(make_serve(hooks));
  all.push_back(make_check(hooks));
  all.push_back(make_status());
  all.push_back(make_events());
  all.push_back(make_connections());
  all.push_back(make_diff());
  all.push_back(make_prepare());
  all.push_back(make_split());
  all.push_back(make_switch());
  all.push_back(make_confirm());
  all.push_back(make_rollback());
  all.push_back(make_abort());
  all.push_back(make_retire());
  all.push_back(make_drain());
  all.push_back(make_ready());
  all.push_back(make_maint());
  all.push_back(make_close());
  all.push_back(make_wait());
  all.push_back(make_completion(hooks));
  return all;
}

std::unique_ptr<Parser> parser_of(Verb& verb) {
  const Manual manual = verb.manual();
  auto parser =
      std::make_unique<Parser>("shunt " + manual.name, manual.summary, epilogue_of(manual));
  verb.declare(*parser);
  return parser;
}

int run_in(const Environment& environment, const Hooks& hooks) {
  const auto all = verbs(hooks);
  std::vector<std::string> arguments = environment.arguments;
  if (arguments.size() > 1 && arguments[0] == "help") arguments = {arguments[1], "--help"};
  if (arguments.empty()) {
    environment.err << overview(all);
    return kUsage;
  }
  const std::string first = arguments[0];
  if (first == "--help" || first == "-h" || first == "help") {
    environment.out << overview(all);
    return delivered(environment, kDone, false);
  }
  if (first == "--version" || first == "-V") {
    environment.out << "shunt " << (hooks.version.empty() ? SHUNT_VERSION : hooks.version) << "\n";
    return delivered(environment, kDone, false);
  }
  if (first.starts_with('-')) {
    return usage_error(environment, "the verb comes first: shunt VERB " + escaped(first), "");
  }
  std::vector<std::string> names;
  for (const auto& verb : all) {
    if (verb->manual().name == first) {
      return run_verb(environment, *verb, {arguments.begin() + 1, arguments.end()});
    }
    names.push_back(verb->manual().name);
  }
  return usage_error(
      environment, "unknown verb '" + escaped(first) + "'" + suggestion(nearest(first, names)), "");
}

int run(int argc, char** argv, const Hooks& hooks) {
  occupy_standard_streams();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  return run_in(process_environment(arguments), hooks);
}

}  // namespace shunt::cli
