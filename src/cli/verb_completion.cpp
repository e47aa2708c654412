// The scripts are made from the verbs themselves, so no flag is ever missing in them.
#include <iostream>

#include "src/cli/exit_code.hpp"
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
  for (const Parser::LongFlag& flag : verb.flags) names.push_back(flag.name);
  return joined(names, " ");
}

std::string verb_names(const std::vector<VerbHelp>& all) {
  std::vector<std::string> names;
  for (const VerbHelp& verb : all) names.push_back(verb.manual.name);
  return joined(names, " ");
}

// Words that come after a verb itself, where they are known without asking the daemon.
std::string words_of(const std::string& verb) {
  if (verb == "wait") return "adopted drained empty healthy";
  if (verb == "completion") return "bash zsh fish";
  return "";
}

bool takes_file(const std::string& verb) {
  return verb == "serve" || verb == "check";
}

std::string bash_script(const std::vector<VerbHelp>& all) {
  std::string text =
      "# bash completion for shunt; to install: shunt completion bash > "
      "/etc/bash_completion.d/shunt\n"
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
      "    --wait) mapfile -t COMPREPLY < <(compgen -W \"adopted drained empty healthy\" -- "
      "\"$current\"); "
      "return ;;\n"
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
         "  case ${COMP_WORDS[1]} in\n"
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

std::string zsh_script(const std::vector<VerbHelp>& all) {
  std::string text =
      "#compdef shunt\n"
      "# zsh completion for shunt; to install: shunt completion zsh > \"${fpath[1]}/_shunt\"\n"
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
              (flag.takes_value ? ":value:_default" : "") + "'";
    }
    const std::string more = words_of(verb.manual.name);
    if (!more.empty()) text += " \\\n        '*:word:(" + more + ")'";
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

std::string fish_script(const std::vector<VerbHelp>& all) {
  std::string text =
      "# fish completion for shunt; to install: shunt completion fish > "
      "~/.config/fish/completions/shunt.fish\n"
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
    for (const Parser::LongFlag& flag : verb.flags) {
      text += "complete -c shunt" + here + " -l " + flag.name.substr(2) +
              (flag.takes_value ? " -r" : "") + " -d " + fish_quoted(flag.help) + '\n';
    }
  }
  return text;
}

class Completion final : public Verb {
 public:
  explicit Completion(const Hooks& hooks) : hooks_(hooks) {}

  [[nodiscard]] Manual manual() const override {
    return {.name = "completion",
            .summary = "print the completion script for a shell",
            .examples = {"source <(shunt completion bash)",
                         "shunt completion zsh > \"${fpath[1]}/_shunt\"",
                         "shunt completion fish > ~/.config/fish/completions/shunt.fish"},
            .exit_codes = {kDone, kFailed, kUsage},
            .failed = "standard output could not be written"};
  }

  void declare(Parser& parser) override {
    parser.add({.names = "SHELL", .help = "bash, zsh or fish", .required = true},
               [this](const std::string& text) -> std::string {
                 shell_ = text;
                 if (text == "bash" || text == "zsh" || text == "fish") return {};
                 return "'" + escaped(text) + "' is none of bash, zsh, fish";
               });
  }

  [[nodiscard]] int run(const Environment& environment) override {
    const std::vector<VerbHelp> all = everything(hooks_);
    environment.out << (shell_ == "bash"  ? bash_script(all)
                        : shell_ == "zsh" ? zsh_script(all)
                                          : fish_script(all))
                    << std::flush;
    return kDone;
  }

 private:
  const Hooks& hooks_;
  std::string shell_;
};

}  // namespace

std::unique_ptr<Verb> make_completion(const Hooks& hooks) {
  return std::make_unique<Completion>(hooks);
}

}  // namespace shunt::cli
