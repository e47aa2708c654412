// Names and bounds of a command, before anything is decided.
#include <cstddef>
#include <string>

#include <gmock/gmock.h>

#include "shunt/base/limits.hpp"
#include "src/control/plan.hpp"
#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

// The longest is taken, one byte more is not.
void expect_bound(std::string Command::* member, std::size_t bytes_max) {
  const traffic::Model model = test::web_model();
  Command command = test::switch_command("green");
  Resolved resolved;
  (command.*member).assign(bytes_max, 'x');
  EXPECT_FALSE(resolve(model, command, resolved));
  command.*member += 'x';
  const auto refused = resolve(model, command, resolved);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, OutcomeKind::kInvalid);
  EXPECT_THAT(refused->message,
              testing::HasSubstr("longer than " + std::to_string(bytes_max) + " bytes"));
}

TEST(Resolve, AReasonAsLongAsTheAdminInterfaceTakesIsTaken) {
  static_assert(base::kReasonBytesMax == 1024, "docs/admin-api.md and docs/openapi.json say so");
  expect_bound(&Command::reason, base::kReasonBytesMax);
}

TEST(Resolve, AKeyAsLongAsTheAdminInterfaceTakesIsTaken) {
  static_assert(base::kKeyBytesMax == 128, "docs/admin-api.md and docs/openapi.json say so");
  expect_bound(&Command::key, base::kKeyBytesMax);
}

TEST(Resolve, ARefusalSaysWhatHoldsWhereTheAppIsKnown) {
  test::ControlRig rig;
  rig.start();
  rig.switch_to("green");
  Command no_pool = test::switch_command("purple");
  Command no_sense = test::switch_command("");
  no_sense.app = "web";
  for (const Command& command : {no_pool, no_sense}) {
    const Outcome outcome = rig.run(command);
    EXPECT_NE(outcome.kind, OutcomeKind::kDone);
    EXPECT_EQ(outcome.app, "web");
    EXPECT_EQ(outcome.active, "green");
    EXPECT_EQ(outcome.epoch, 2U);
  }
  Command no_app = test::switch_command("green");
  no_app.app = "shop";
  const Outcome outcome = rig.run(no_app);
  EXPECT_EQ(outcome.kind, OutcomeKind::kNotFound);
  EXPECT_EQ(outcome.app, "shop");
  EXPECT_EQ(outcome.active, "");
}

}  // namespace
}  // namespace shunt::control
