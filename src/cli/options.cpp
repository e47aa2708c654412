#include "src/cli/options.hpp"

#include <algorithm>
#include <string>

#include "shunt/base/limits.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

std::vector<std::string> names_of(const std::vector<Goal>& goals) {
  std::vector<std::string> names;
  names.reserve(goals.size());
  for (const Goal goal : goals) names.emplace_back(to_string(goal));
  return names;
}

std::string wrong_with_key(const std::string& text) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != '"'; });
  if (!text.empty() && text.size() <= base::kKeyBytesMax && visible) return {};
  return "a key has 1 to " + std::to_string(base::kKeyBytesMax) +
         " visible ASCII characters, no quote";
}

}  // namespace

std::optional<Goal> goal_of(const std::string& text, const std::vector<Goal>& goals) {
  const auto found =
      std::find_if(goals.begin(), goals.end(), [&](Goal goal) { return text == to_string(goal); });
  return found == goals.end() ? std::nullopt : std::optional(*found);
}

std::string wrong_with_goal(const std::string& text, const std::vector<Goal>& goals) {
  if (goal_of(text, goals)) return {};
  const std::vector<std::string> names = names_of(goals);
  return "'" + text + "' is none of " + joined(names, ", ") + suggestion(nearest(text, names));
}

void CommonOptions::declare(Parser& parser) {
  parser.add_name(
      {.names = "--app", .help = "which app; not needed where there is only one", .value = "NAME"},
      app);
  parser.add({.names = "--socket",
              .help = "the daemon's admin socket; else SHUNT_SOCKET; else "
                      "$XDG_RUNTIME_DIR/shunt/admin.sock, then /run/shunt/admin.sock",
              .value = "PATH"},
             // Empty is a variable of a script that was not set, and the default another daemon.
             [this](const std::string& text) -> std::string {
               socket = text;
               return text.empty() ? "a path is not empty" : "";
             });
  parser.add_switch({.names = "--json", .help = "print the daemon's answer as it is"}, json);
  parser.add_duration({.names = "--timeout", .help = "give up after this long: 500ms, 30s, 10m"},
                      timeout, {.zero = false});
}

void ChangeOptions::declare(Parser& parser, const ChangeFlags& flags) {
  parser.add({.names = "--wait",
              .help = "after the change, wait until it is " + joined(names_of(flags.goals), ", "),
              .value = "STATE"},
             [this, goals = flags.goals](const std::string& text) {
               wait = goal_of(text, goals);
               return wrong_with_goal(text, goals);
             });
  parser.add(
      {.names = "--reason", .help = "why, for the event that everybody sees", .value = "TEXT"},
      [this](const std::string& text) -> std::string {
        reason = text;
        const std::string wrong = wrong_with_text(text, base::kReasonBytesMax);
        return wrong.empty() ? "" : "the reason " + wrong;
      });
  parser.add_switch({.names = "--dry-run", .help = "say what would happen, change nothing"},
                    dry_run);
  parser.add_number(
      {.names = "--if-epoch",
       .help = "only if the app's epoch is still N: no decision about its pools since",
       .value = "N"},
      if_epoch);
  parser.add({.names = "--key",
              .help = "operation id: a repeat with the same one returns the first outcome",
              .value = "ID"},
             [this](const std::string& text) {
               key = text;
               return wrong_with_key(text);
             });
  if (flags.not_durable) {
    parser.add_switch(
        {.names = "--not-durable", .help = "do not wait for the disk, which may be full or stuck"},
        not_durable);
  }
  if (flags.force) parser.add_switch({.names = "--force", .help = flags.force_help}, force);
}

}  // namespace shunt::cli
