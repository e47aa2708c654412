// What is refused, where it is said to be, and what is said about it.
#include <gmock/gmock.h>

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "shunt/control/config.hpp"
#include "src/control/config_keys.hpp"
#include "src/control/config_report.hpp"

namespace shunt::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> errors_of(const std::string& text) {
  const ConfigOutcome outcome = parse_config(text, "f");
  EXPECT_NE(outcome.config.has_value(), !outcome.errors.empty());
  std::vector<std::string> texts;
  for (const ConfigError& error : outcome.errors) texts.push_back(error.to_string());
  return texts;
}

// A file whose app `web` has these lines besides what an app needs at least.
std::string app_with(const std::string& lines) {
  return "apps:\n  web:\n    initial: blue\n    listen: 8080\n    pools: {blue: "
         "[\"10.0.0.1:80\"]}\n" +
         lines;
}
std::string top_with(const std::string& lines) {
  return lines + app_with("");
}
std::string nodes_with(const std::string& nodes) {
  return "apps:\n  web:\n    initial: blue\n    listen: 8080\n    pools:\n      blue: " + nodes;
}

std::string listening_on(const std::string& address) {
  return "apps: {web: {initial: b, listen: " + address + ", pools: {b: [10.0.0.1:80]}}}";
}

struct Wrong {
  std::string name;
  std::string text;
  std::string said;  // part of the only error, with its place
};

class ConfigRefuses : public ::testing::TestWithParam<Wrong> {};

TEST_P(ConfigRefuses, WithOneErrorThatNamesPlaceValueAndExpectation) {
  EXPECT_THAT(errors_of(GetParam().text), ElementsAre(HasSubstr(GetParam().said)));
}

const Wrong kWrong[] = {
    // Text and YAML
    {"AnEmptyFile", "", "f: the file is empty"},
    {"OnlyComments", "# nothing\n", "f: the file is empty"},
    {"ANullDocument", "---\n", "expected a mapping"},
    {"AScalarDocument", "hello", "f:1:1: the configuration: expected a mapping"},
    {"AListDocument", "- a\n", "got a list"},
    {"BadUtf8", "apps: \xC3(\n", "f:1:7: the byte 0xC3 is not UTF-8"},
    {"AnUtf16File",
     std::string("\xFF\xFE"
                 "a\0",
                 4),
     "f:1:1: the byte 0xFF is not UTF-8"},
    {"AnEscapeCharacter", "a: \x1B[1m\n", "f:1:4: the control character 0x1B"},
    {"ANulByte", std::string("a: b\0\n", 6), "the control character 0x00"},
    {"ATabAsIndentation", "apps:\n\tweb: 1\n", "f:2:1: a tab is used for indentation"},
    {"ASyntaxError", "apps: [1, 2\n", "not valid YAML: "},
    {"AnUnclosedQuote", "apps: \"x\n", "f:1:7: the quote is never closed"},
    {"AnUnclosedSingleQuote", "workers: &a 'it''s\n", "f:1:10: the quote is never closed"},
    {"AnUnclosedQuoteAfterAnEscape",
     "\xEF\xBB\xBF"
     "apps: \"x\\\"\n",
     "f:1:7: the quote is never closed"},
    {"ASecondDocument", app_with("---\na: 1\n"), "f:6:1: a second document begins here"},
    {"AMergeKey", top_with("admin: {<<: {socket: /x}}\n"),
     "f:1:9: the merge key '<<' is not supported"},
    {"ATag", top_with("workers: !!int 3\n"), "f:1:10: the tag "},
    {"AnUnknownAlias", "apps: *nowhere\n", "f:1:7: not valid YAML: "},
    {"AnAliasOfItself", "apps: &a {web: *a}\n",
     "f:1:16: an alias refers to the value that it is part of"},
    {"AListAsKey", top_with("? [a]\n: 1\n"), "a key is not a word"},
    {"ADuplicateKey", top_with("workers: 1\nworkers: 2\n"),
     "f:2:1: the key 'workers' is there twice, first in line 1 (keep one of them)"},
    {"ADuplicateNodeKey", nodes_with("[{address: 10.0.0.1:80, address: 10.0.0.2:80}]\n"),
     "the key 'address' is there twice"},
    {"DeepNesting", "apps: " + std::string(300, '[') + std::string(300, ']'), "levels deep"},
    {"TooDeepForTheLibraryToo", std::string(200'000, '['), "levels deep"},
    {"AnAliasBomb",
     "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
     "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
     "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
     "more than 200000 values"},
    {"AFileAboveTheLimit", std::string(4 * 1024 * 1024 + 1, '#'), "f: larger than 4 MiB"},
    // Keys
    {"AnUnknownKey", top_with("workesr: 2\n"),
     "f:1:1: 'workesr' is not a known key (did you mean 'workers'?)"},
    {"AnUnknownKeyOfAnApp", app_with("    helth: {}\n"),
     "f:6:5: apps.web.'helth' is not a known key (did you mean 'health'?)"},
    {"AKeyOfAnotherSection", app_with("    interval: 2s\n"), "(it belongs in "},
    {"AKeyLikeNoOther", top_with("zzzzzz: 1\n"), "(keys here: admin, state, "},
    {"AValueThatIsMissing", top_with("workers:\n"),
     "got nothing (leave the key out for its default)"},
    {"ASectionThatIsEmpty", top_with("limits:\n"), "limits: expected a mapping"},
    // Later features
    {"Tracing", top_with("tracing: 50us\n"), "f:1:1: 'tracing' is not supported by this version"},
    {"PerSource", top_with("limits: {per_source: 5}\n"), "limits.'per_source' is not supported by"},
    {"ConfirmWithin", app_with("    release: {confirm_within: 5}\n"), "confirm_within"},
    {"ReleaseGuard", app_with("    release: {guard: warn}\n"), "'guard' is not supported"},
    {"Preview",
     "apps: {web: {initial: b, pools: {b: [10.0.0.1:80]}, services: {s: {listen: 80, "
     "preview: 127.0.0.1:1}}}}",
     "'preview' is not supported by this version"},
    {"NodesFrom", nodes_with("{nodes_from: {file: x}}\n"), "'nodes_from' is not supported"},
    {"SlowStart", nodes_with("[{address: 10.0.0.1:80, slow_start: 10s}]\n"),
     "'slow_start' is not supported"},
    {"NodeLimit", nodes_with("[{address: 10.0.0.1:80, limit: 10}]\n"), "'limit' is not supported"},
    {"SourceHash", app_with("    balance: source_hash\n"),
     "balance: 'source_hash' is not supported by this version"},
    {"HttpChecks", app_with("    health: {type: http}\n"),
     "health.type: 'http' is not supported by"},
    // Values
    {"WorkersOutOfRange", top_with("workers: 257\n"),
     "workers: '257' is not auto or a whole number from 1 to 256"},
    {"WorkersZero", top_with("workers: 0\n"), "workers: '0' is not auto or"},
    {"WorkersAsList", top_with("workers: [2]\n"), "got a list"},
    {"BusyPollAsAWord", top_with("busy_poll: yes\n"),
     "busy_poll: 'yes' is none of auto, off, and a duration from 1us to 10ms (write auto, off"},
    {"BusyPollTooLong", top_with("busy_poll: 11ms\n"),
     "busy_poll: '11ms' is none of auto, off, and a duration from 1us to 10ms"},
    {"BusyPollAsAList", top_with("busy_poll: [auto]\n"), "auto, off or a duration such as 50us"},
    {"ConnectionsNegative", top_with("limits: {connections: -1}\n"),
     "limits.connections: '-1' is not"},
    {"ConnectionsBeyondWhatServeTakes", top_with("limits: {connections: 1048577}\n"),
     "limits.connections: '1048577' is not auto or a whole number from 1 to 1048576"},
    {"ADurationWithoutUnit", top_with("timeouts: {idle: 30}\n"),
     "f:1:18: timeouts.idle: '30' is not a duration (write a number and a unit: 250ms, 5s, 10m, 2h "
     "or off)"},
    {"ADurationOfZero", top_with("timeouts: {idle: 0s}\n"), "(write off for no limit)"},
    {"ConnectOff", top_with("timeouts: {connect: off}\n"),
     "timeouts.connect: 'off': this cannot be off"},
    {"ADurationOfAges", top_with("shutdown_grace: 400d\n"), "is not from 0s to 365d"},
    {"AnIdleTimeoutThatWouldBeCutShort", top_with("timeouts: {idle: 50d}\n"),
     "timeouts.idle: '50d' is not from 1ms to 49d (write off for no limit)"},
    {"AConnectTimeoutOfAges", top_with("timeouts: {connect: 50d}\n"), "is not from 1ms to 49d"},
    {"AHalfClosedTimeoutThatWouldBeCutShort", app_with("    timeouts: {half_closed: 1177h}\n"),
     "timeouts.half_closed: '1177h' is not from 1ms to 49d"},
    {"AStalledTimeoutThatWouldBeCutShort", app_with("    timeouts: {stalled: 50d}\n"),
     "timeouts.stalled: '50d' is not from 1ms to 49d"},
    {"ADurationBelowNothing", top_with("timeouts: {connect: -5s}\n"),
     "timeouts.connect: '-5s' is not from 1ms to 49d"},
    {"ADurationBeyondWhatANumberHolds", top_with("timeouts: {idle: 999999999999d}\n"),
     "timeouts.idle: '999999999999d' is not from 1ms to 49d (write off for no limit)"},
    {"KeepaliveInFractions", top_with("keepalive: {idle: 1500ms}\n"),
     "not a whole number of seconds"},
    {"KeepaliveCount", top_with("keepalive: {count: 200}\n"), "a whole number from 1 to 127"},
    {"DeferAcceptInFractions", app_with("    defer_accept: 1500ms\n"),
     "apps.web.defer_accept: '1500ms' is not a whole number of seconds"},
    {"DeferAcceptForAges", app_with("    defer_accept: 61s\n"),
     "f:6:19: apps.web.defer_accept: '61s' is not from 1s to 1m (write off for accepting at once)"},
    {"DeferAcceptWithoutATime", app_with("    defer_accept: on\n"),
     "'on' is not a duration (write a number and a unit: 250ms, 5s, 10m, 2h or off)"},
    {"FastOpenAsANumber", app_with("    fast_open: 3\n"),
     "f:6:16: apps.web.fast_open: '3' is none of on, off, true, false"},
    {"ALongCongestionControl", app_with("    congestion: sixteen_letters_\n"),
     "f:6:17: apps.web.congestion: 'sixteen_letters_' is not the name of a congestion control: 1 "
     "to 15 letters, digits, '.', '_' or '-' (write auto for the machine's default, or such as "
     "cubic)"},
    {"ACongestionControlOfOtherLetters", app_with("    congestion: {node: \"bb r\"}\n"),
     "f:6:24: apps.web.congestion.node: 'bb r' is not the name"},
    {"NoCongestionControl", app_with("    congestion: off\n"),
     "apps.web.congestion: 'off': this cannot be off (write auto"},
    {"ACongestionControlOfThirdParties", app_with("    congestion: {server: bbr}\n"),
     "apps.web.congestion.'server' is not a known key (keys here: client, node)"},
    {"AListOfCongestionControls", app_with("    congestion: [bbr, reno]\n"),
     "f:6:17: apps.web.congestion: expected the name of a congestion control, or auto, got a list"},
    {"AnEmptyCongestionControl", app_with("    congestion: \"\"\n"),
     "apps.web.congestion: expected the name of a congestion control, or auto, got"},
    {"DeferAcceptAtTheTop", top_with("defer_accept: 1s\n"), "it belongs in apps.NAME"},
    {"ALevel", top_with("log: {level: loud}\n"),
     "log.level: 'loud' is none of debug, info, warn, error"},
    {"ARelativeLog", top_with("log: {access: a.log}\n"),
     "log.access: 'a.log' is not an absolute path"},
    {"ARelativeSocket", top_with("admin: {socket: a.sock}\n"),
     "admin.socket: 'a.sock' is not an absolute path"},
    {"ALongSocket", top_with("admin: {socket: /" + std::string(120, 'a') + "}\n"), "107 bytes"},
    {"AMode", top_with("admin: {socket_mode: 0990}\n"),
     "admin.socket_mode: '0990' is not permissions in octal"},
    {"Sync", top_with("state: {sync: maybe}\n"), "state.sync: 'maybe' is none of on, off"},
    {"APercentage", app_with("    release: {min_healthy: 90}\n"),
     "'90' is not a percentage from 0% to 100%"},
    {"ABalance", app_with("    balance: fair\n"),
     "'fair' is none of round_robin, least_connections"},
    {"ATimeoutAboveTheInterval", app_with("    health: {interval: 1s, timeout: 2s}\n"),
     "health.timeout: a check may not take longer than the interval"},
    {"RiseZero", app_with("    health: {rise: 0}\n"),
     "health.rise: '0' is not a whole number from 1"},
    // Addresses
    {"AdminOnEveryAddress", top_with("admin: {http: 0.0.0.0:9900}\n"),
     "admin.http: '0.0.0.0:9900' is not a loopback address; elsewhere admin HTTP needs TLS and "
     "tokens"},
    {"AdminWithoutPort", top_with("admin: {http: 127.0.0.1}\n"), "has no port"},
    {"AListenerWithoutPort",
     "apps: {web: {initial: b, listen: 127.0.0.1, pools: {b: [10.0.0.1:80]}}}",
     "f:1:34: apps.web.listen: '127.0.0.1' has no port (write ADDRESS:PORT)"},
    {"APortOutOfRange", "apps: {web: {initial: b, listen: 65536, pools: {b: [10.0.0.1:80]}}}",
     "apps.web.listen: '65536' is not a port from 1 to 65535"},
    {"APortOfZero", "apps: {web: {initial: b, listen: 127.0.0.1:0, pools: {b: [10.0.0.1:80]}}}",
     "port 0 is not a port"},
    {"ANodePortOutOfRange", nodes_with("[\"10.0.0.1:70000\"]\n"), "the port '70000'"},
    {"ATargetPortOutOfRange", app_with("    target_port: 0\n"),
     "target_port: '0' is not a whole number"},
    {"AListenerOfANegativePort", listening_on("-1"),
     "apps.web.listen: '-1' is not a port from 1 to 65535 (write 8080, or an address too: "
     "127.0.0.1:8080)"},
    {"AListenerWithALeadingZero", listening_on("08080"),
     "apps.web.listen: '08080' is not a port from 1 to 65535 (write 8080, without a leading zero)"},
    {"AListenerInHexadecimal", listening_on("0x50"), "'0x50' is not a port from 1 to 65535"},
    {"AListenerByHostName", listening_on("localhost:80"),
     "apps.web.listen: 'localhost:80' is not an IP address, with or without a port (host names are "
     "not resolved: write 127.0.0.1:80 or [::1]:80)"},
    {"AListenerByAnotherName", listening_on("example.com"),
     "(write 8080, 10.0.0.1:8080 or [::1]:8080; host names are not resolved)"},
    {"AListenerPortOutOfRange", listening_on("10.0.0.1:70000"),
     "'10.0.0.1:70000': the port '70000' is not a number from 1 to 65535 (write 10.0.0.1:8080)"},
    {"AListenerPortWithALeadingZero", listening_on("10.0.0.1:080"),
     "'10.0.0.1:080': the port '080' has a leading zero (write 10.0.0.1:80)"},
    {"AListenerWithoutBrackets", listening_on("\"::1:80\""),
     "'::1:80' may be an IPv6 address with a port or without one (with brackets it is clear: write "
     "[::1]:80 for the port 80, or [::1:80] for the address alone)"},
    {"ANodeWithoutBrackets", nodes_with("[\"fd00::5:80\"]\n"),
     "write [fd00::5]:80 for the port 80"},
    {"ANodeThatIsAPort", nodes_with("[8081]\n"),
     "'8081' is not an IP address, with or without a port (for a node on this machine write "
     "127.0.0.1:8081)"},
    {"ANodeWithAZone", nodes_with("[\"[fe80::1%eth0]:80\"]\n"), "has a zone (%)"},
    {"AnAdminPort", top_with("admin: {http: 9900}\n"),
     "admin.http: '9900' is not an address and a port (write 127.0.0.1:9900, or off)"},
    {"ASourceByName", top_with("source: eth0\n"),
     "source: 'eth0' is not an IP address, with or without a port (write an address of this "
     "machine such as 10.0.0.1, or auto; host names are not resolved)"},
    {"ATargetPortWithALeadingZero", app_with("    target_port: 080\n"),
     "target_port: '080' has a leading zero (write 80)"},
    {"AnOwnPortWithALeadingZero", nodes_with("[{address: 10.0.0.1, ports: {default: 080}}]\n"),
     "ports.default: '080' is not a port from 1 to 65535 (write 80, without a leading zero)"},
    {"AHostName", nodes_with("[\"web1.example.com:80\"]\n"), "host names are not resolved"},
    {"ANodeOnEveryAddress", nodes_with("[\"0.0.0.0:80\"]\n"), "stands for every address"},
    {"AMulticastNode", nodes_with("[\"224.0.0.1:80\"]\n"), "is not an address of one host"},
    {"AMappedNode", nodes_with("[\"[::ffff:10.0.0.1]:80\"]\n"), "(write it as 10.0.0.1)"},
    {"ANulInAnAddress", nodes_with("[\"10.0.0.1\\0:80\"]\n"), "is not an address"},
    {"ANodeWithoutPort", nodes_with("[10.0.0.1]\n"),
     "f:6:14: apps.web.pools.blue[0]: '10.0.0.1' has no port, and the service 'default' no "
     "target_port "
     "(write 10.0.0.1:PORT here, or target_port at the service)"},
    {"ARelativeUnixNode", nodes_with("[\"unix:x.sock\"]\n"), "not an absolute path"},
    {"PortsOfAUnixNode", nodes_with("[{address: \"unix:/x\", ports: {default: 1}}]\n"),
     "has no ports"},
    {"PortsOfNoService", nodes_with("[{address: 10.0.0.1:80, ports: {defualt: 1}}]\n"),
     "there is no service 'defualt' (did you mean 'default'?)"},
    {"ASourceWithPort", top_with("source: 10.0.0.1:99\n"), "has a port"},
    {"ASourceTwice", top_with("source: [10.0.0.1, 10.0.0.1]\n"),
     "source[1]: 10.0.0.1 is there twice"},
    {"AUnixListener", "apps: {web: {initial: b, listen: \"unix:/x\", pools: {b: [10.0.0.1:80]}}}",
     "only supported for nodes"},
    {"AListenerTwice",
     app_with("  api: {initial: b, listen: 8080, pools: {b: [10.0.0.2:80]}}\n")
         .replace(app_with("").find("listen: 8080"), 12, "listen: 0.0.0.0:8080"),
     "f:6:29: apps.api.listen: 0.0.0.0:8080 is already listened on by apps.web.listen in line 4"},
    {"OverlappingListeners",
     "apps: {web: {initial: b, listen: [0.0.0.0:80, 127.0.0.1:80], pools: {b: [10.0.0.1:80]}}}",
     "127.0.0.1:80 overlaps with 0.0.0.0:80 of apps.web.listen"},
    {"OverlappingAdmin", top_with("admin: {http: 127.0.0.1:8080}\n"),
     "apps.web.listen: 0.0.0.0:8080 overlaps with 127.0.0.1:8080 of admin.http in line 1"},
    {"ALoop", nodes_with("[\"127.0.0.1:8080\"]\n"), "127.0.0.1:8080 is shunt itself"},
    {"TheAdminSocketAsANode",
     "admin: {socket: /run/x/a.sock}\n" + nodes_with("[\"unix:/run/./x//a.sock\"]\n"),
     "unix:/run/./x//a.sock is shunt's own admin socket"},
    // Model
    {"NoApps", "workers: 1\n", "there are no apps"},
    {"AnEmptyApps", "apps: {}\n", "apps: expected one app at least"},
    {"NoListener", "apps: {web: {initial: b, pools: {b: [10.0.0.1:80]}}}",
     "apps.web listens nowhere"},
    {"ServicesAndListen", app_with("    services: {s: {listen: 81}}\n"), "there are services too"},
    {"ServicesAndFastOpen",
     "apps:\n  web:\n    initial: b\n    fast_open: on\n    services: {s: {listen: 81}}\n    "
     "pools: "
     "{b: [\"10.0.0.1:80\"]}\n",
     "f:4:16: apps.web.fast_open: there are services too (move it into one of them)"},
    {"AServiceWithoutListen",
     "apps: {web: {initial: b, services: {s: {}}, pools: {b: [10.0.0.1:80]}}}",
     "services.s.listen is missing"},
    {"NoPools", "apps: {web: {initial: b, listen: 80, pools: {}}}",
     "apps.web.pools: expected a mapping"},
    {"AnEmptyPool", app_with("").replace(app_with("").find("{blue:"), 6, "{green: [], blue:"),
     "f:5:13: apps.web.pools.green has no nodes"},
    {"APoolOfNothing", app_with("").replace(app_with("").find("{blue:"), 6, "{green: , blue:"),
     "apps.web.pools.green has no nodes"},
    {"NoInitial", "apps: {web: {listen: 80, pools: {b: [10.0.0.1:80], g: [10.0.0.2:80]}}}",
     "apps.web.initial is missing: the pool that is active at the first start (pools: b, g)"},
    {"AnUnknownInitial", "apps: {web: {initial: bleu, listen: 80, pools: {blue: [10.0.0.1:80]}}}",
     "apps.web.initial: there is no pool 'bleu' (did you mean 'blue'? pools: blue)"},
    {"ANodeNameTwice", nodes_with("[\"10.0.0.1:80\"]\n      green: [\"10.0.0.1:80\"]\n"),
     "f:7:15: apps.web.pools.green[0]: the name '10.0.0.1:80' is already used in line 6"},
    {"ANodeAddressTwice", nodes_with("[\"10.0.0.1:80\", {name: n, address: 10.0.0.1:80}]\n"),
     "the nodes '10.0.0.1:80' and 'n' have the same address 10.0.0.1:80"},
    {"AWeight", nodes_with("[{address: 10.0.0.1:80, weight: 257}]\n"),
     "apps.web.pools.blue[0].weight: '257' is not a whole number from 1 to 256"},
    {"ANodeWithoutAddress", nodes_with("[{name: n}]\n"), "address is missing"},
    {"ANodeName", nodes_with("[{name: 'a b', address: 10.0.0.1:80}]\n"), "'a b' is not a name"},
    {"AnAppName", "apps: {'a/b': {initial: b, listen: 80, pools: {b: [10.0.0.1:80]}}}",
     "'a/b' cannot be the name of an app"},
    {"APoolName", app_with("").replace(app_with("").find("{blue:"), 6, "{-: [10.0.0.1:1], blue:"),
     "'-' cannot be the name of a pool"},
    {"ALabelKey", nodes_with("{labels: {\"a b\": c}, nodes: [10.0.0.1:80]}\n"),
     "'a b' is not a label key"},
    {"ALabelValue", nodes_with("{labels: {a: -c}, nodes: [10.0.0.1:80]}\n"),
     "labels.a: '-c' is not a label value"},
    {"ALabelOfThePool",
     nodes_with("{labels: {a: b}, nodes: [{address: 10.0.0.1:80, labels: {a: c}}]}\n"),
     "'a' is a label of the pool ('b'), which a node cannot override"},
    {"EscapesInAName", "apps: {\"a\\e[1m\": {initial: b, listen: 80, pools: {b: [10.0.0.1:80]}}}",
     "'a?[1m' cannot be the name"},
};

INSTANTIATE_TEST_SUITE_P(Of, ConfigRefuses, ::testing::ValuesIn(kWrong),
                         [](const auto& tested) { return tested.param.name; });

TEST(ConfigErrors, AreAllToldAtOnceInTheOrderOfTheFile) {
  const std::vector<std::string> errors = errors_of(R"(workers: none
timeouts: {idle: 5, conect: 1s}
apps:
  web:
    initial: blue
    listen: 99999
    pools:
      blue: ["10.0.0.1:80", "10.0.0.1:80"]
      green: []
  api: {}
workers: 2
)");
  EXPECT_THAT(errors, ElementsAre(HasSubstr("f:1:10: workers"), HasSubstr("f:2:18: timeouts.idle"),
                                  HasSubstr("f:2:21: timeouts.'conect'"),
                                  HasSubstr("f:6:13: apps.web.listen"),
                                  HasSubstr("f:8:29: apps.web.pools.blue[1]: the name"),
                                  HasSubstr("f:8:29: apps.web.pools.blue: the nodes"),
                                  HasSubstr("f:9:7: apps.web.pools.green has no nodes"),
                                  HasSubstr("f:10:8: apps.api listens nowhere"),
                                  HasSubstr("f:10:8: apps.api.pools is missing"),
                                  HasSubstr("f:10:8: apps.api.initial is missing"),
                                  HasSubstr("f:11:1: the key 'workers' is there twice")));
}

TEST(ConfigErrors, OfKeysThatYamlAllowsDoNotHideTheOthers) {
  EXPECT_THAT(
      errors_of(R"(x: &x {initial: blue}
? [a]
: 1
apps:
  web:
    <<: *x
    listen: 99999
    bogus: 1
    pools: {blue: []}
)"),
      ElementsAre(HasSubstr("f:1:1: 'x'"), HasSubstr("f:2:3: a key is not a word"),
                  HasSubstr("f:6:5: the merge key '<<' is not supported"),
                  HasSubstr("f:6:5: apps.web.initial is missing"),
                  HasSubstr("f:7:13: apps.web.listen"), HasSubstr("f:8:5: apps.web.'bogus'"),
                  HasSubstr("f:9:13: apps.web.pools.blue has no nodes")));
}

TEST(ConfigErrors, OfANodesPortsAreNotHiddenByOthersOfTheNode) {
  const std::vector<std::string> errors = errors_of(R"(apps:
  web:
    initial: blue
    services:
      http: {listen: 8080}
      https: {listen: 8443}
    pools:
      blue:
        - {address: 10.0.0.300, ports: {http: 0, https: 70000, htp: 1}}
        - {ports: {http: 80, https: x}}
        - {name: "a b", address: 10.0.0.1, ports: {http: -1}}
        - {name: n, address: 10.0.0.2}
        - {name: n, address: nowhere}
      "gr een":
        - {address: 10.0.0.3, ports: {http: no}}
)");
  EXPECT_THAT(
      errors,
      ElementsAre(HasSubstr("f:9:21: apps.web.pools.blue[0]: '10.0.0.300' is not"),
                  HasSubstr("blue[0].ports.http: '0' is not a port"),
                  HasSubstr("blue[0].ports.https: '70000' is not a port"),
                  HasSubstr("blue[0].ports: there is no service 'htp'"),
                  HasSubstr("f:10:11: apps.web.pools.blue[1].address is missing"),
                  HasSubstr("blue[1].ports.https: 'x' is not a port"),
                  HasSubstr("f:11:18: apps.web.pools.blue[2].name: 'a b' is not a name"),
                  HasSubstr("'10.0.0.1' has no port, and the service 'https' no target_port"),
                  HasSubstr("blue[2].ports.http: '-1' is not a port"),
                  HasSubstr("'10.0.0.2' has no port, and the service 'http' no target_port"),
                  HasSubstr("'10.0.0.2' has no port, and the service 'https' no target_port"),
                  HasSubstr("blue[4]: the name 'n' is already used in line 12"),
                  HasSubstr("'nowhere' is not an IP address"),
                  HasSubstr("'gr een' cannot be the name of a pool"),
                  HasSubstr("'10.0.0.3' has no port, and the service 'https' no target_port"),
                  HasSubstr("ports.http: 'no' is not a port")));
}

TEST(ConfigErrors, AreShortHoweverLongTheNamesAre) {
  const std::string name(1'000, 'n');  // YAML takes no longer keys without a '?'
  for (const std::string& text :
       {"apps: {" + name + ": {}}", "apps: {web: {services: {" + name + ": {}}, pools: {}}}",
        "apps: {web: {listen: 80, pools: {" + name + ": []}}}",
        "apps: {web: {listen: 80, pools: {b: {labels: {" + name + ": x}}}}}",
        "apps: {web: {listen: 80, pools: {b: [{address: 10.0.0.1:80, ports: {" + name + ": 1}}]}}}",
        "apps: {web: {listen: 80, initial: " + name + ", pools: {b: [" + name + "]}}}"}) {
    for (const std::string& error : errors_of(text)) EXPECT_LT(error.size(), 600U) << text.size();
  }
}

TEST(ConfigErrors, AreCountedAboveAHundred) {
  std::string text = app_with("");
  for (int i = 0; i < 150; ++i) text = "unknown_key_" + std::to_string(i) + ": 1\n" + text;
  const std::vector<std::string> errors = errors_of(text);
  ASSERT_THAT(errors, SizeIs(kConfigErrorsMax + 1));
  EXPECT_THAT(errors.back(), HasSubstr("50 more errors are not listed"));
}

TEST(ConfigErrors, LimitsOfTheModelAreSaidOnce) {
  std::string nodes = "[";
  for (int i = 0; i < 4100; ++i)
    nodes += "\"10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + ":80\",";
  EXPECT_THAT(errors_of(nodes_with(nodes + "]\n")),
              ElementsAre(HasSubstr("more than 4096 nodes in all apps")));
  std::string services = "apps: {web: {initial: b, pools: {b: [10.0.0.1:80]}, services: {";
  for (int i = 0; i < 300; ++i)
    services += "s" + std::to_string(i) + ": {listen: " + std::to_string(1000 + i) + "}, ";
  EXPECT_THAT(errors_of(services + "}}}"), ElementsAre(HasSubstr("more than 256 services in all")));
}

TEST(ConfigErrors, EveryKeyOfALaterVersionSaysThatItIsNotSupported) {
  for (const std::string_view key : kTopKeys.later) {
    EXPECT_THAT(errors_of(top_with(std::string(key) + ": x\n")),
                ElementsAre(HasSubstr("is not supported by this version")));
  }
  for (const std::string_view key : kAppKeys.later) {
    EXPECT_THAT(errors_of(app_with("    " + std::string(key) + ": x\n")),
                ElementsAre(HasSubstr("is not supported by this version")));
  }
}

TEST(ConfigFile, ThatIsMissingADirectoryOrUnreadableIsOneErrorOfTheFile) {
  const auto error_of = [](const std::string& path) {
    const ConfigOutcome outcome = load_config(path);
    EXPECT_FALSE(outcome.config);
    return outcome.errors.empty() ? "" : outcome.errors[0].to_string();
  };
  EXPECT_THAT(error_of("/nonexistent/shunt.yaml"),
              HasSubstr("/nonexistent/shunt.yaml: cannot be read: No such file or directory"));
  EXPECT_THAT(error_of("/tmp"), HasSubstr("/tmp: is a directory, not a file"));
}

class ConfigPath : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "shunt-config-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string error_of(const std::string& path) const {
    const ConfigOutcome outcome = load_config(path);
    EXPECT_FALSE(outcome.config);
    return outcome.errors.empty() ? "" : outcome.errors[0].to_string();
  }
  std::string directory_;
};

TEST_F(ConfigPath, ToAPipeOrADeviceIsRefusedAtOnceAndNeverWaitedFor) {
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(error_of(fifo),
              HasSubstr("fifo: is a pipe, not a file (write the configuration into a file"));
  EXPECT_THAT(error_of("/dev/zero"), HasSubstr("/dev/zero: is a device, not a file"));
  EXPECT_THAT(error_of("/dev/null"), HasSubstr("/dev/null: is a device, not a file"));
}

TEST_F(ConfigPath, ToAHugeFileIsRefusedWithoutReadingAllOfIt) {
  const std::string huge = directory_ + "/huge";
  std::ofstream(huge).put('#');
  std::filesystem::resize_file(huge, std::uintmax_t{1} << 40);  // a hole: no disk is used
  EXPECT_THAT(error_of(huge), HasSubstr("huge: larger than 4 MiB"));
}

TEST(ConfigNearestWord, AllowsATypingMistakeButNotAnotherWord) {
  constexpr std::array<std::string_view, 3> kWords = {"idle", "interval", "initial"};
  EXPECT_EQ(nearest_word("inital", kWords), "initial");
  EXPECT_EQ(nearest_word("intervla", kWords), "interval");
  EXPECT_EQ(nearest_word("ilde", kWords), "idle");
  EXPECT_EQ(nearest_word("weight", kWords), "");
  EXPECT_EQ(nearest_word("x", kWords), "");
}

TEST(ConfigErrors, OfAnEmptyValueAreAtItsKeyOrDash) {
  EXPECT_THAT(
      errors_of("log:\n  level:\n\n  # about format\n  format: text\n"
                "apps: {web: {initial: blue, listen: 80, pools: {blue: [\"10.0.0.1:80\"]}}}\n"),
      ElementsAre(HasSubstr("f:2:3: log.level: ")));
  EXPECT_THAT(
      errors_of("apps:\n  web:\n    initial: blue\n    listen: 80\n    pools:\n      blue:\n"
                "        - 10.0.0.1:80\n        -   # later\n\n        - 10.0.0.2:80\n"),
      ElementsAre(HasSubstr("f:8:9: apps.web.pools.blue[1]")));
  EXPECT_THAT(
      errors_of("apps:\n  web:\n    initial: blue\n    listen: 80\n    pools:\n      blue:\n"
                "        - 10.0.0.1:80\n        -"),
      ElementsAre(HasSubstr("f:8:9: apps.web.pools.blue[1]")));
  EXPECT_THAT(errors_of("apps:\n  web:\n    initial: blue\n    listen: 80\n    pools:\n"),
              ElementsAre(HasSubstr("f:5:5: apps.web.pools")));
}

TEST(ConfigErrors, OfANumberInQuotesSayThatItIsText) {
  EXPECT_THAT(
      errors_of("workers: \"4\"\n"
                "apps: {web: {initial: blue, listen: \"80\", pools: {blue: [{address: 10.0.0.1, "
                "ports: {default: '81'}, weight: '2'}]}}}\n"),
      ElementsAre(HasSubstr("f:1:10: workers: '4' in quotes is text, not auto or a whole number "
                            "from 1 to 256 (write it without quotes)"),
                  HasSubstr("ports.default: '81' in quotes is text, not a port from 1 to 65535"),
                  HasSubstr("weight: '2' in quotes is text, not a whole number from 1 to 256")));
}

}  // namespace
}  // namespace shunt::control
