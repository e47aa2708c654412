// The scripts are made from the verbs themselves, so no flag is ever missing in them. Names of
// apps, pools and nodes they ask of the daemon, by this verb: `shunt completion pools`.
#include <iostream>
#include <set>

#include "src/cli/client.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/status_view.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

struct VerbHelp {
  Manual manual;
  std::vector<Parser::LongFlag> flags;
};

std::vector<VerbHelp> everything(const Hooks& hooks) {
  std::vector<VerbHelp> result;
  for (const auto& verb : verbs(hooks)) {
    result.push_back({.manual = verb->manual(), .flags = parser_of(*verb)->long_flags()});
  }
  return result;
}

std::string flag_names(const VerbHelp& verb) {
  std::vector<std::string> names;
  names.reserve(verb.flags.size());
  for (const Parser::LongFlag& flag : verb.flags) names.push_back(flag.name);
  return joined(names, " ");
}

std::string verb_names(const std::vector<VerbHelp>& all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const VerbHelp& verb : all) names.push_back(verb.manual.name);
  return joined(names, " ");
}

// Words that come after a verb itself, where they are known without asking the daemon.
std::string words_of(const std::string& verb) {
  if (verb == "wait") return "adopted confirmed drained empty healthy";
  if (verb == "completion") return "bash zsh fish";
  return "";
}

// Which names come after a verb itself, or as the value of a flag; empty: none.
std::string names_after(const std::string& verb) {
  if (verb == "switch" || verb == "split" || verb == "confirm" || verb == "prepare" ||
      verb == "retire" || verb == "status" || verb == "wait") {
    return "pools";
  }
  return verb == "drain" || verb == "ready" || verb == "maint" ? "nodes" : "";
}
std::string names_for_flag(const std::string& flag) {
  if (flag == "--app") return "apps";
  if (flag == "--node") return "nodes";
  return flag == "--pool" || flag == "--to" ? "pools" : "";
}
std::string words_for_flag(const std::string& flag) {
  if (flag == "--wait") return "adopted confirmed drained empty healthy";
  return flag == "--skip" ? "min_healthy usable_node last_node empty" : "";
}

bool takes_file(const std::string& verb) {
  return verb == "serve" || verb == "check";
}

std::string bash_script(const std::vector<VerbHelp>& all) {
  std::string text =
      "# bash completion for shunt; to install: shunt completion bash > "
      "/etc/bash_completion.d/shunt\n"
      "# Names that the daemon knows, where it runs; colons in them part words. Not by compgen -W, "
      "which\n"
      "# would expand them.\n"
      "_shunt_names() {\n"
      "  local current=$2 cut=\"\" i at=()\n"
      "  if [[ -n $COMP_LINE ]]; then\n"
      "    current=${COMP_LINE:0:COMP_POINT}\n"
      "    current=${current##*[[:space:]=]}\n"
      "  fi\n"
      "  if [[ $COMP_WORDBREAKS == *:* ]]; then cut=${current%\"${current##*:}\"}; fi\n"
      "  for ((i = 2; i < COMP_CWORD - 1; i++)); do\n"
      "    case ${COMP_WORDS[i]} in --socket|--app)\n"
      "      if [[ ${COMP_WORDS[i+1]} == = ]]; then\n"
      "        at+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i+2]}\")\n"
      "      else\n"
      "        at+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i+1]}\")\n"
      "      fi ;;\n"
      "    esac\n"
      "  done\n"
      "  local name\n"
      "  while IFS= read -r name; do\n"
      "    if [[ $name == \"$current\"* ]]; then COMPREPLY+=(\"${name#\"$cut\"}\"); fi\n"
      "  done < <(\"${COMP_WORDS[0]}\" completion \"$1\" \"${at[@]}\" 2>/dev/null)\n"
      "}\n"
      "_shunt() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local words=\"\"\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"" +
      verb_names(all) +
      " --help --version\" -- \"$current\")\n"
      "    return\n"
      "  fi\n"
      "  case $previous in\n"
      "    --socket|--config) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
      "    --app) _shunt_names apps \"$current\"; return ;;\n"
      "    --pool|--to) _shunt_names pools \"$current\"; return ;;\n"
      "    --node) _shunt_names nodes \"$current\"; return ;;\n"
      "    --wait|--skip)\n"
      "      words=\"" +
      words_for_flag("--wait") +
      "\"\n"
      "      if [[ $previous == --skip ]]; then words=\"" +
      words_for_flag("--skip") +
      "\"; fi\n"
      "      mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\"); return ;;\n"
      "  esac\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const VerbHelp& verb : all) {
    const std::string more = words_of(verb.manual.name);
    text += "    " + verb.manual.name + ") words=\"" + (more.empty() ? "" : more + ' ') +
            flag_names(verb) + "\" ;;\n";
  }
  return text +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "  if [[ $current == -* ]]; then return; fi\n"
         "  case ${COMP_WORDS[1]} in\n"
         "    switch|split|confirm|prepare|retire|status) _shunt_names pools \"$current\" ;;\n"
         "    drain|ready|maint) _shunt_names nodes \"$current\" ;;\n"
         "    wait)\n"
         "      case $previous in\n"
         "        empty) _shunt_names nodes \"$current\" ;;\n"
         "        confirmed|drained|healthy) _shunt_names pools \"$current\" ;;\n"
         "      esac ;;\n"
         "    serve|check) mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- "
         "\"$current\") ;;\n"
         "  esac\n"
         "}\n"
         "complete -F _shunt shunt\n";
}

// Within single quotes of zsh's _arguments, brackets and colons have a meaning.
std::string zsh_quoted(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return result;
}

std::string zsh_values(const std::string& flag) {
  if (const std::string names = names_for_flag(flag); !names.empty()) return "_shunt_" + names;
  const std::string words = words_for_flag(flag);
  return words.empty() ? "_default" : '(' + words + ')';
}

std::string zsh_script(const std::vector<VerbHelp>& all) {
  std::string text =
      "#compdef shunt\n"
      "# zsh completion for shunt; to install: shunt completion zsh > \"${fpath[1]}/_shunt\"\n"
      "_shunt_names() {\n"
      "  local -a at names\n"
      "  local i\n"
      "  for ((i = 3; i < CURRENT; i++)); do\n"
      "    case ${words[i]} in --socket|--app) at+=(${words[i]} ${words[i+1]}) ;; esac\n"
      "  done\n"
      "  names=(${(f)\"$(${words[1]} completion $1 $at 2>/dev/null)\"})\n"
      "  compadd -a names\n"
      "}\n"
      "_shunt_apps() { _shunt_names apps }\n"
      "_shunt_pools() { _shunt_names pools }\n"
      "_shunt_nodes() { _shunt_names nodes }\n"
      "_shunt() {\n"
      "  local -a verbs\n"
      "  verbs=(\n";
  for (const VerbHelp& verb : all) {
    text += "    '" + zsh_quoted(verb.manual.name) + ':' + zsh_quoted(verb.manual.summary) + "'\n";
  }
  text +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  case ${words[2]} in\n";
  for (const VerbHelp& verb : all) {
    text += "    " + verb.manual.name + ")\n      _arguments";
    for (const Parser::LongFlag& flag : verb.flags) {
      text += " \\\n        '*" + flag.name + '[' + zsh_quoted(flag.help) + ']' +
              (flag.takes_value ? ":value:" + zsh_values(flag.name) : "") + "'";
    }
    const std::string more = words_of(verb.manual.name);
    const std::string names = names_after(verb.manual.name);
    if (!more.empty()) {
      text += " \\\n        '" + std::string(names.empty() ? "*" : "2") + ":word:(" + more + ")'";
    }
    if (!names.empty()) text += " \\\n        '*:name:_shunt_" + names + "'";
    if (takes_file(verb.manual.name)) text += " \\\n        '*:file:_files'";
    text += "\n      ;;\n";
  }
  return text +
         "  esac\n"
         "}\n"
         "if [ \"${funcstack[1]}\" = \"_shunt\" ]; then _shunt \"$@\"; else compdef _shunt shunt; "
         "fi\n";
}

std::string fish_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string fish_values(const std::string& flag) {
  if (const std::string names = names_for_flag(flag); !names.empty()) {
    return " -f -a '(__shunt_names " + names + ")'";
  }
  const std::string words = words_for_flag(flag);
  return words.empty() ? "" : " -f -a " + fish_quoted(words);
}

std::string fish_script(const std::vector<VerbHelp>& all) {
  std::string text =
      "# fish completion for shunt; to install: shunt completion fish > "
      "~/.config/fish/completions/shunt.fish\n"
      "function __shunt_names\n"
      "  set -l at\n"
      "  set -l words (commandline -opc)\n"
      "  for i in (seq 2 (math (count $words) - 1))\n"
      "    switch $words[$i]\n"
      "      case --socket --app\n"
      "        set -a at $words[$i] $words[(math $i + 1)]\n"
      "    end\n"
      "  end\n"
      "  shunt completion $argv[1] $at 2>/dev/null\n"
      "end\n"
      "complete -c shunt -f\n";
  for (const VerbHelp& verb : all) {
    const std::string& name = verb.manual.name;
    const std::string here = " -n '__fish_seen_subcommand_from " + name + "'";
    text += "complete -c shunt -n __fish_use_subcommand -a " + name + " -d " +
            fish_quoted(verb.manual.summary) + '\n';
    if (takes_file(name)) text += "complete -c shunt" + here + " -F\n";
    if (const std::string more = words_of(name); !more.empty()) {
      text += "complete -c shunt" + here + " -a " + fish_quoted(more) + '\n';
    }
    if (const std::string names = names_after(name); !names.empty()) {
      text += "complete -c shunt" + here + " -a '(__shunt_names " + names + ")'\n";
    }
    for (const Parser::LongFlag& flag : verb.flags) {
      text += "complete -c shunt" + here + " -l " + flag.name.substr(2) +
              (flag.takes_value ? " -r" : "") + fish_values(flag.name) + " -d " +
              fish_quoted(flag.help) + '\n';
    }
  }
  return text;
}

class Completion final : public Verb {
 public:
  explicit Completion(const Hooks& hooks) : hooks_(hooks) {}

  [[nodiscard]] Manual manual() const override {
    return {.name = "completion",
            .summary = "print the completion script for a shell, or names for one",
            .examples = {"source <(shunt completion bash)",
                         "shunt completion zsh > \"${fpath[1]}/_shunt\"",
                         "shunt completion fish > ~/.config/fish/completions/shunt.fish",
                         "shunt completion pools   # what the scripts ask the daemon for"},
            .exit_codes = {kDone, kFailed, kUsage},
            .failed = "standard output could not be written"};
  }

  void declare(Parser& parser) override {
    parser.add({.names = "WHAT",
                .help = "bash, zsh or fish; or apps, pools or nodes: their names, a line each, and "
                        "nothing where no daemon answers",
                .required = true},
               [this](const std::string& text) -> std::string {
                 what_ = text;
                 if (text == "bash" || text == "zsh" || text == "fish" || is_names(text)) return {};
                 return "'" + escaped(text) + "' is none of bash, zsh, fish, apps, pools, nodes";
               });
    parser.add_name({.names = "--app", .help = "names of this app alone", .value = "NAME"}, app_);
    parser.add_text({.names = "--socket", .help = "the daemon's admin socket", .value = "PATH"},
                    socket_);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    if (is_names(what_)) return print_names(environment);
    const std::vector<VerbHelp> all = everything(hooks_);
    environment.out << (what_ == "bash"  ? bash_script(all)
                        : what_ == "zsh" ? zsh_script(all)
                                         : fish_script(all))
                    << std::flush;
    return kDone;
  }

 private:
  static bool is_names(const std::string& text) {
    return text == "apps" || text == "pools" || text == "nodes";
  }

  // Whoever presses a key wants no message, and not to wait.
  [[nodiscard]] int print_names(const Environment& environment) const {
    constexpr base::Duration kAnswerWithin = base::kSecond;
    const Client client(admin_socket_paths(environment, socket_));
    const Patience patience{.deadline = base::monotonic_now() + kAnswerWithin, .interrupt_fd = -1};
    const auto response = client.exchange(Request::get("/v1/status"), patience);
    json::object status;
    if (!response || response->status != 200 ||
        !wrong_with_answer(response->body, shape::kStatus, status).empty()) {
      return kDone;
    }
    const std::vector<std::string> names = what_ == "apps"    ? apps_of(status)
                                           : what_ == "pools" ? pools_of(status, app_)
                                                              : nodes_of(status, app_);
    for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
      environment.out << escaped(name) << "\n";
    }
    return kDone;
  }

  const Hooks& hooks_;
  std::string what_;
  std::string app_;
  std::string socket_;
};

}  // namespace

std::unique_ptr<Verb> make_completion(const Hooks& hooks) {
  return std::make_unique<Completion>(hooks);
}

}  // namespace shunt::cli
