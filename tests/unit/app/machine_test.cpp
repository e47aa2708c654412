// What the machine has to say to a configuration: addresses that it lacks.
#include "src/app/machine.hpp"

#include <gmock/gmock.h>

namespace shunt::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

control::Config parsed(const std::string& text) {
  control::ConfigOutcome outcome = control::parse_config(text, "f");
  for (const control::ConfigError& error : outcome.errors) ADD_FAILURE() << error.to_string();
  return outcome.config ? std::move(*outcome.config) : control::Config{};
}

constexpr const char* kTwoKeys = R"(source: 10.0.0.1
apps:
  web:
    initial: blue
    listen: 8080
    source: [10.0.0.2, "fd00::3"]
    pools: {blue: ["10.0.0.9:80"]}
)";

TEST(Sources, ThatTheMachineLacksAreNamedByKeyPlaceAndWayOut) {
  const control::Config config = parsed(kTwoKeys);
  std::vector<std::string> said;
  for (const auto& missing : missing_sources(
           config, [](const base::Endpoint& address) { return address.host() == "10.0.0.2"; })) {
    said.push_back(missing.to_string());
  }
  EXPECT_THAT(
      said, ElementsAre(
                "f:1:9: source: 10.0.0.1 is not an address of this machine: connects to nodes from "
                "it fail (give it to an interface (ip address add), or write source: auto)",
                "f:6:24: apps.web.source[1]: fd00::3 is not an address of this machine: connects "
                "to nodes from it fail (give it to an interface (ip address add), or write source: "
                "auto)"));
}

TEST(Sources, ThatTheMachineHasAreFine) {
  EXPECT_THAT(missing_sources(parsed(kTwoKeys), [](const base::Endpoint&) { return true; }),
              IsEmpty());
}

TEST(Sources, AreAskedOfTheKernel) {
  EXPECT_TRUE(can_bind(*base::Endpoint::parse("127.0.0.1")));
  // TEST-NET-1 (RFC 5737) is nobody's.
  EXPECT_FALSE(can_bind(*base::Endpoint::parse("192.0.2.1")));
}

}  // namespace
}  // namespace shunt::app
