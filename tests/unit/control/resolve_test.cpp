// Names and bounds of a command, before anything is decided.
#include <gmock/gmock.h>

#include "shunt/base/limits.hpp"
#include "src/control/plan.hpp"
#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

TEST(Resolve, AReasonAsLongAsTheAdminInterfaceTakesIsTaken) {
  static_assert(base::kReasonBytesMax == 1024, "docs/admin-api.md and docs/openapi.json say so");
  const traffic::Model model = test::web_model();
  Command command = test::switch_command("green");
  Resolved resolved;
  command.reason.assign(base::kReasonBytesMax, 'r');
  EXPECT_FALSE(resolve(model, command, resolved));
  command.reason += 'r';
  const auto refused = resolve(model, command, resolved);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, OutcomeKind::kInvalid);
  EXPECT_THAT(refused->message, testing::HasSubstr("longer than 1024 bytes"));
}

TEST(Resolve, AKeyAsLongAsTheAdminInterfaceTakesIsTaken) {
  static_assert(base::kKeyBytesMax == 128, "docs/admin-api.md and docs/openapi.json say so");
  const traffic::Model model = test::web_model();
  Command command = test::switch_command("green");
  Resolved resolved;
  command.key.assign(base::kKeyBytesMax, 'k');
  EXPECT_FALSE(resolve(model, command, resolved));
  command.key += 'k';
  const auto refused = resolve(model, command, resolved);
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->message, testing::HasSubstr("longer than 128 bytes"));
}

}  // namespace
}  // namespace shunt::control
