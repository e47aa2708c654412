// The command line itself: help, version, mistakes and what they are told; hooks and completion.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/environment.hpp"
#include "src/cli/verb.hpp"
#include "tests/unit/cli/answers.hpp"
#include "tests/unit/cli/scripted_daemon.hpp"

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kVerbs{"serve", "check",    "status", "events",    "connections",
                                      "diff",  "prepare",  "switch", "confirm",   "abort",
                                      "split", "rollback", "retire", "drain",     "ready",
                                      "maint", "close",    "wait",   "completion"};

TEST(Help, ListsEveryVerb) {
  const Ran ran = run_line("--help");
  EXPECT_EQ(ran.code, 0);
  for (const std::string& verb : kVerbs) EXPECT_THAT(ran.out, HasSubstr("\n  " + verb + " "));
  EXPECT_EQ(run_line("").code, 2);
  EXPECT_EQ(run_line("").err, ran.out);
  EXPECT_EQ(run_line("help").out, ran.out);
}

TEST(Help, OfEachVerbHasExamplesAndExitCodes) {
  for (const std::string& verb : kVerbs) {
    const Ran ran = run_line(verb + " --help");
    EXPECT_EQ(ran.code, 0) << verb;
    EXPECT_THAT(ran.out, HasSubstr("Examples:\n  ")) << verb;
    EXPECT_THAT(ran.out, HasSubstr("Exit codes:\n  0    done")) << verb;
    EXPECT_EQ(run_line("help " + verb).out, ran.out);
  }
  EXPECT_THAT(run_line("switch --help").out, HasSubstr("7    sent, outcome unknown"));
}

TEST(Help, SaysWhatExitCode1MeansWhereItIsNoFailure) {
  EXPECT_THAT(run_line("diff --help").out, HasSubstr("\n  1    there is a difference; also: "));
  EXPECT_THAT(run_line("check --help").out, HasSubstr("\n  1    the file has errors\n"));
  EXPECT_THAT(run_line("switch --help").out, HasSubstr("\n  1    failed\n"));
}

TEST(Version, IsTheOneOfTheHooks) {
  EXPECT_EQ(run_line("--version").out, "shunt 9.9.9\n");
}

struct Mistake {
  const char* line;
  const char* told;
};
class Usage : public ::testing::TestWithParam<Mistake> {};

TEST_P(Usage, MistakeEndsWith2AndSaysTheWayOut) {
  const Ran ran = run_line(GetParam().line);
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr(GetParam().told));
  EXPECT_THAT(ran.err, HasSubstr("see: shunt "));
  EXPECT_EQ(ran.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    All, Usage,
    ::testing::Values(
        Mistake{"swich green", "unknown verb 'swich', did you mean switch?"},
        Mistake{"stat", "unknown verb 'stat', did you mean status?"},
        Mistake{"xyzzy", "unknown verb 'xyzzy'\n"},
        Mistake{"--json status", "the verb comes first"}, Mistake{"switch", "POOL is required"},
        Mistake{"switch green red", "'red' is one argument too many"},
        Mistake{"switch green --forse", "unknown flag --forse, did you mean --force?"},
        Mistake{"switch --dryrun", "unknown flag --dryrun, did you mean --dry-run?"},
        Mistake{"switch green --timeout=5", "'5' is not a duration"},
        Mistake{"switch green --timeout 5parsecs", "write a number and a unit"},
        Mistake{"switch green --timeout 0s", "--timeout: '0s' is no time at all"},
        Mistake{"wait adopted --timeout 0ms", "write a positive duration: 500ms, 30s, 10m"},
        Mistake{"status --timeout 0.1ns", "'0.1ns' is no time at all"},
        Mistake{"switch green --close-over 1000d", "--close-over: '1000d' is longer than 366d"},
        Mistake{"retire blue --undo --close-over 1s",
                "--undo closes nothing, so it does not go with --close-over"},
        Mistake{"retire blue --undo --wait empty",
                "--undo keeps connections: there is nothing to wait for"},
        Mistake{"rollback --close-over 1000d", "--close-over: '1000d' is longer than 366d"},
        Mistake{"close --pool blue --cancel --over 1s", "does not go with --over"},
        Mistake{"close --pool blue --cancel --wait empty", "nothing to wait for"},
        Mistake{"drain node1 --deadline 1000d", "--deadline: '1000d' is longer than 366d"},
        Mistake{"close --pool blue --over 367d", "--over: '367d' is longer than 366d"},
        Mistake{"close --connection 0", "--connection: '0' is not a whole number from 1"},
        Mistake{"switch green --if-epoch -1", "'-1' is not a whole number"},
        Mistake{"switch green --if-epoch 4x", "'4x' is not a whole number"},
        Mistake{"confirm", "name the pool that is confirmed"},
        Mistake{"switch green --confirm-within 0s", "--confirm-within: '0s' is no time at all"},
        Mistake{"split green", "needs a share (5%), or --sources"},
        Mistake{"split green --sticky --no-sticky", "--sticky does not go with --no-sticky"},
        Mistake{"split green 5", "'5' is not a share"},
        Mistake{"split green 101%", "'101%' is not a share"},
        Mistake{"split off 5%", "takes no share and no terms"},
        Mistake{"split green 5% --wait drained", "only split off leaves something to drain"},
        Mistake{"abort green", "'green' is one argument too many"},
        Mistake{"switch green --wait draind", "did you mean drained?"},
        Mistake{"switch green --wait", "--wait needs a value\n"},
        Mistake{"status --socket=", "--socket needs a value\n"},
        Mistake{"status --app a --app b", "--app is given more than once: give it once\n"},
        Mistake{"check a.yaml --config b.yaml", "--config is given more than once"},
        Mistake{"switch green --json=maybe", "--json takes no value\n"},
        Mistake{"switch green --not-durable", "unknown flag --not-durable"},
        Mistake{"ready node1 --wait empty", "'empty' is none of adopted, healthy"},
        Mistake{"drain", "NODE is required"},
        Mistake{"close", "name one of --pool, --node and --connection"},
        Mistake{"close --pool a --node b", "name one of --pool, --node and --connection"},
        Mistake{"close --connection 7 --wait empty", "needs --pool or --node"},
        Mistake{"connections --limit 0", "--limit: from 1 to 10000"},
        Mistake{"wait", "STATE is required"}, Mistake{"wait drained", "wait drained needs a pool"},
        Mistake{"wait empty", "wait empty needs a node"},
        Mistake{"wait adopted green", "takes no name"},
        Mistake{"wait helthy green", "did you mean healthy?"},
        Mistake{"completion tcsh", "none of bash, zsh, fish"}));

TEST(Usage, RefusesWhatWouldForgeAHeaderOrALine) {
  EXPECT_EQ(run_words({"switch", "green", "--key", "a\r\nX: y"}).code, 2);
  EXPECT_EQ(run_words({"switch", "gr\neen"}).code, 2);
  EXPECT_EQ(run_words({"switch", ""}).code, 2);
  EXPECT_EQ(run_words({"switch", "green", "--reason", std::string(2000, 'x')}).code, 2);
}

TEST(Usage, NamesTheFlagOfAReasonThatIsNoPlainText) {
  const auto told = [](const std::string& reason) {
    return run_words({"switch", "green", "--reason", reason}).err;
  };
  EXPECT_THAT(told("disk \xFF\xFE"),
              HasSubstr("--reason: the reason is not UTF-8 from byte 6 on (\\xff): write it in a "
                        "UTF-8 locale, or in ASCII\n"));
  EXPECT_THAT(told("cut \xC3"), HasSubstr("is not UTF-8 from byte 5 on"));
  EXPECT_THAT(told("a\nb"), HasSubstr("--reason: the reason holds a control character"));
  EXPECT_THAT(told(std::string(1025, 'x')), HasSubstr("is longer than 1024 bytes"));
  EXPECT_EQ(run_words({"drain", "n\xFF"}).code, 2);
  EXPECT_THAT(run_words({"switch", "gr\xFFn"}).err, HasSubstr("the name is not UTF-8 from byte 3"));
  EXPECT_THAT(run_words({"switch", "green", "--app", std::string(254, 'x')}).err,
              HasSubstr("--app: the name is longer than 253 bytes"));
}

Ran run_with(const Hooks& hooks, const std::vector<std::string>& words) {
  std::ostringstream out;
  std::ostringstream err;
  const Environment environment{.out = out,
                                .err = err,
                                .arguments = words,
                                .variable = [](const char*) { return std::string(); },
                                .wall_ms = [] { return std::int64_t{0}; }};
  const int code = run_in(environment, hooks);
  return {.code = code, .out = out.str(), .err = err.str()};
}

TEST(Serve, HandsItsOptionsToTheDaemon) {
  ServeOptions seen;
  Hooks hooks;
  hooks.serve = [&](const ServeOptions& options) {
    seen = options;
    return 42;
  };
  EXPECT_EQ(run_with(hooks, {"serve"}).code, 42);
  EXPECT_EQ(seen.config_path, "/etc/shunt/shunt.yaml");
  EXPECT_FALSE(seen.reset_state);
  EXPECT_EQ(run_with(hooks, {"serve", "a.yaml", "--reset-state"}).code, 42);
  EXPECT_EQ(seen.config_path, "a.yaml");
  EXPECT_TRUE(seen.reset_state);
  EXPECT_EQ(run_with(hooks, {"serve", "--config", "b.yaml"}).code, 42);
  EXPECT_EQ(seen.config_path, "b.yaml");
}

TEST(Check, PrintsEveryErrorAndFails) {
  Hooks hooks;
  hooks.check = [](const std::string& path) {
    return CheckReport{.errors = {path + ":3:5: bad", path + ":9:1: worse"},
                       .error_count = 2,
                       .warnings = {path + ":1:1: odd"},
                       .summary = ""};
  };
  const Ran ran = run_with(hooks, {"check", "a.yaml"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err,
            "error: a.yaml:3:5: bad\nerror: a.yaml:9:1: worse\nwarning: a.yaml:1:1: odd\n"
            "2 errors in a.yaml\n");
  EXPECT_EQ(run_with(hooks, {"check", "a.yaml", "--json"}).out,
            R"({"ok":false,"path":"a.yaml","errors":["a.yaml:3:5: bad","a.yaml:9:1: worse"],)"
            R"("warnings":["a.yaml:1:1: odd"],"summary":""})"
            "\n");
}

TEST(Check, CountsErrorsThatAreNotListed) {
  Hooks hooks;
  hooks.check = [](const std::string& path) {
    return CheckReport{.errors = {path + ": 1901 more errors are not listed"},
                       .error_count = 2001,
                       .warnings = {},
                       .summary = ""};
  };
  EXPECT_THAT(run_with(hooks, {"check", "a.yaml"}).err, HasSubstr("2001 errors in a.yaml\n"));
}

TEST(Socket, ThatIsEmptyIsNoOtherDaemons) {
  const Ran ran = run_words({"status", "--socket", ""});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("a path is not empty"));
}

TEST(Check, SaysThatAllIsWell) {
  Hooks hooks;
  hooks.check = [](const std::string&) {
    return CheckReport{.errors = {}, .error_count = 0, .warnings = {}, .summary = "1 app, 4 nodes"};
  };
  const Ran ran = run_with(hooks, {"check", "a.yaml"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "a.yaml: ok, 1 app, 4 nodes\n");
}

TEST(Completion, HasEveryVerbAndItsFlags) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = run_line(std::string("completion ") + shell);
    EXPECT_EQ(ran.code, 0);
    for (const std::string& verb : kVerbs) EXPECT_THAT(ran.out, HasSubstr(verb)) << shell;
    for (const char* flag : {"if-epoch", "close-over", "reset-state", "follow"}) {
      EXPECT_THAT(ran.out, HasSubstr(flag)) << shell;
    }
  }
}

class Bash : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "shunt-cli-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    std::ofstream(directory_ + "/script") << run_line("completion bash").out;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // Standard output of a bash command; `script` in it is the completion script.
  std::string output_of(const std::string& command) const {
    const std::string file = directory_ + "/out";
    std::ofstream(directory_ + "/command") << command;
    const std::string line = "cd " + directory_ + " && bash command > " + file + " 2>&1";
    EXPECT_EQ(std::system(line.c_str()), 0) << command;  // NOLINT(cert-env33-c)
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  std::string directory_;
};

TEST_F(Bash, TakesTheScript) {
  EXPECT_EQ(output_of("bash -n script"), "");
}

TEST_F(Bash, CompletesVerbsFlagsAndStates) {
  const auto completed = [this](const std::string& words, int at) {
    return output_of("source ./script; COMP_WORDS=(" + words +
                     "); COMP_CWORD=" + std::to_string(at) + "; _shunt; echo \"${COMPREPLY[*]}\"");
  };
  EXPECT_EQ(completed("shunt sw", 1), "switch\n");
  EXPECT_EQ(completed("shunt switch --cl", 2), "--close-over\n");
  EXPECT_EQ(completed("shunt switch green --wait dr", 4), "drained\n");
  EXPECT_EQ(completed("shunt wait h", 2), "healthy\n");
  EXPECT_EQ(completed("shunt completion f", 2), "fish\n");
  EXPECT_EQ(completed("shunt switch green --skip us", 4), "usable_node\n");
}

TEST_F(Bash, CompletesTheNamesThatTheDaemonKnows) {
  // A daemon's names by a function in the place of the binary, which tells what it was asked.
  const auto completed = [this](const std::string& words, int at, const std::string& line = "") {
    return output_of(
        "shunt() { echo \"$*\" > asked; case $2 in pools) printf 'blue\\nblack\\n$(touch x)\\n' ;; "
        "nodes) printf '10.0.0.1:80\\n10.0.0.1:81\\nb1\\n' ;; apps) echo shop ;; esac; }; "
        "source ./script; COMP_WORDS=(" +
        words + "); COMP_CWORD=" + std::to_string(at) + "; COMP_LINE='" + line +
        "'; COMP_POINT=${#COMP_LINE}; _shunt; echo \"${COMPREPLY[*]}\"");
  };
  EXPECT_THAT(completed("shunt switch bl", 2), HasSubstr("blue black"));
  EXPECT_EQ(completed("shunt rollback --to blu", 3), "blue\n");
  EXPECT_EQ(completed("shunt prepare blu", 2), "blue\n");
  EXPECT_EQ(completed("shunt retire blu", 2), "blue\n");
  EXPECT_EQ(completed("shunt wait drained blu", 3), "blue\n");
  EXPECT_EQ(completed("shunt drain b", 2), "b1\n");
  EXPECT_EQ(completed("shunt wait empty b", 3), "b1\n");
  EXPECT_EQ(completed("shunt status --app s", 3), "shop\n");
  EXPECT_EQ(completed("shunt drain --socket /s --app = shop b", 7), "b1\n");
  EXPECT_EQ(output_of("cat asked"), "completion nodes --socket /s --app shop\n");
  EXPECT_EQ(completed("shunt drain 10.0.0.1 : 8", 4, "shunt drain 10.0.0.1:8"), "80 81\n")
      << "readline parts words at colons";
  EXPECT_EQ(output_of("test ! -e x"), "") << "a name is no command";
}

TEST(Completion, PrintsNamesForTheScripts) {
  ScriptedDaemon daemon(in_turn({http(200, answers::snapshot(answers::app(0)))}));
  EXPECT_EQ(run_at(daemon, "completion apps").out, "web\n");
  EXPECT_EQ(run_at(daemon, "completion pools").out, "blue\ngreen\n");
  EXPECT_EQ(run_at(daemon, "completion nodes --app web").out, "b1\ng1\ng2\n");
  EXPECT_EQ(run_at(daemon, "completion nodes --app shop").out, "");
}

TEST(Completion, IsSilentWhereNoDaemonAnswers) {
  ScriptedDaemon foreign(in_turn({http(200, "{}")}));
  for (const Ran& ran : {run_line("completion pools --socket /nonexistent/admin.sock"),
                         run_at(foreign, "completion nodes")}) {
    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.out + ran.err, "");
  }
}

}  // namespace
}  // namespace shunt::cli
