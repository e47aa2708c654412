#include "shunt/traffic/model.hpp"

#include <gtest/gtest.h>

#include "tests/unit/traffic/fixture.hpp"

namespace shunt::traffic {
namespace {

TEST(Model, FindsAnAppByItsName) {
  Model model = make_model(1, 1);
  model.apps.push_back(model.apps[0]);
  model.apps[1].name = "shop";
  EXPECT_EQ(model.find_app("shop"), &model.apps[1]);
  EXPECT_EQ(model.find_app("web"), &model.apps[0]);
  EXPECT_EQ(model.find_app("we"), nullptr);
}

TEST(Model, FindsANodeOfAnyPoolByItsSlot) {
  const Model model = make_model(2, 2);
  EXPECT_EQ(model.find_node(0), &model.apps[0].pools[0].nodes[0]);
  EXPECT_EQ(model.find_node(3), &model.apps[0].pools[1].nodes[1]);
  EXPECT_EQ(model.find_node(4), nullptr);
  EXPECT_EQ(model.find_node(kNoSlot), nullptr);
}

TEST(Model, NamesAreThoseOfTheConfigurationFile) {
  EXPECT_EQ(to_string(Balance::kRoundRobin), "round_robin");
  EXPECT_EQ(to_string(Balance::kLeastConnections), "least_connections");
  EXPECT_EQ(to_string(Balance::kRandomTwo), "random_two");
  EXPECT_EQ(to_string(AdminState::kReady), "ready");
  EXPECT_EQ(to_string(AdminState::kDrain), "drain");
  EXPECT_EQ(to_string(AdminState::kMaint), "maint");
}

}  // namespace
}  // namespace shunt::traffic
