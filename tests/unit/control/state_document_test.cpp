#include "shunt/control/state_document.hpp"

#include <gmock/gmock.h>

namespace shunt::control {
namespace {

Receipt some_receipt() {
  Receipt receipt;
  receipt.epoch = 42;
  receipt.from = "blue";
  receipt.to = "green";
  receipt.gates = 1;
  receipt.persist = 2;
  receipt.store = 3;
  receipt.adoption = 4;
  receipt.total = 10;
  receipt.repointed = 5;
  receipt.left_behind = 903;
  receipt.durable = false;
  receipt.skipped = {"min_healthy"};
  receipt.wall_ms = 1'700'000'000'123;
  return receipt;
}

TEST(StateDocument, EveryMemberOfAnAppSurvivesTheDisk) {
  StateDocument document;
  AppDocument& app = document.apps["web"];
  app.epoch = 42;
  app.active = "green";
  app.kept = {"red", "blue"};
  app.pools["green"] = {.state = traffic::PoolState::kActive, .generation = 12, .version = "1.3.0"};
  app.pools["blue"] = {.state = traffic::PoolState::kRetiring,
                       .before = traffic::PoolState::kKept,
                       .generation = 11};
  app.pools["red"] = {.state = traffic::PoolState::kStandby, .generation = 13, .fresh = true};
  app.previous = "red";
  app.generations = 13;
  app.split.share = 50'000;
  app.confirm_by = 1'700'000'000'456;
  app.last = traffic::DecisionKind::kRollback;
  app.admin = {{"node1", traffic::AdminState::kDrain}, {"node2", traffic::AdminState::kMaint}};
  app.receipt = some_receipt();
  app.pending = true;
  app.recovered = true;
  app.pending_nodes = "node1 is drain";
  app.recovered_nodes = "node2 is maint";
  app.ending = "pool blue (drain deadline)";

  const auto parsed = parse_state_document(serialize(document));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const AppDocument& read = parsed->apps.at("web");
  EXPECT_EQ(read.epoch, 42U);
  EXPECT_EQ(read.active, "green");
  EXPECT_EQ(read.kept, app.kept);
  EXPECT_EQ(read.pools, app.pools);
  EXPECT_EQ(read.previous, "red");
  EXPECT_EQ(read.generations, 13U);
  EXPECT_EQ(read.split.share, 50'000U);
  EXPECT_EQ(read.confirm_by, 1'700'000'000'456);
  EXPECT_EQ(read.last, traffic::DecisionKind::kRollback);
  EXPECT_EQ(read.admin, app.admin);
  EXPECT_TRUE(read.pending);
  EXPECT_TRUE(read.recovered);
  EXPECT_EQ(read.pending_nodes, "node1 is drain");
  EXPECT_EQ(read.recovered_nodes, "node2 is maint");
  EXPECT_EQ(read.ending, "pool blue (drain deadline)");
  ASSERT_TRUE(read.receipt);
  EXPECT_EQ(read.receipt->from, "blue");
  EXPECT_EQ(read.receipt->left_behind, 903U);
  EXPECT_EQ(read.receipt->total, 10U);
  EXPECT_EQ(read.receipt->wall_ms, 1'700'000'000'123);
  EXPECT_FALSE(read.receipt->durable);
  EXPECT_THAT(read.receipt->skipped, testing::ElementsAre("min_healthy"));
}

TEST(StateDocument, AReceiptOfABuildThatDidNotTellAdoptionIsRead) {
  StateDocument document;
  document.apps["web"].active = "green";
  document.apps["web"].receipt = some_receipt();
  std::string text = serialize(document);
  const std::string member = "\"adopted\":true,";
  ASSERT_NE(text.find(member), std::string::npos);
  text.erase(text.find(member), member.size());
  const auto parsed = parse_state_document(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->apps.at("web").receipt->adopted);
  EXPECT_EQ(parsed->apps.at("web").receipt->wall_ms, 1'700'000'000'123);
}

TEST(StateDocument, AnOperationIsAnsweredTheSameAfterTheDisk) {
  OperationRecord record;
  record.key = "ci/\"4711\"";
  record.wall_ms = 5;
  record.fingerprint = 0xFFFF'FFFF'FFFF'FFFFULL;
  record.outcome.app = "web";
  record.outcome.changed = true;
  record.outcome.message = "green is live";
  record.outcome.active = "green";
  record.outcome.epoch = 42;
  record.outcome.nodes = {"node1"};
  record.outcome.deadline = 0;
  record.outcome.over = 30;
  record.outcome.receipt = some_receipt();
  record.outcome.receipt.adopted = false;
  OperationRecord close;
  close.key = "close";
  close.outcome.epoch = 42;
  close.outcome.closed = 3;
  StateDocument document;
  document.operations = {record, close};

  const auto parsed = parse_state_document(serialize(document));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const OperationRecord& read = parsed->operations.at(0);
  EXPECT_EQ(read.key, record.key);
  EXPECT_EQ(read.fingerprint, record.fingerprint);
  EXPECT_EQ(read.outcome.kind, OutcomeKind::kDone);
  EXPECT_TRUE(read.outcome.changed);
  EXPECT_EQ(read.outcome.message, "green is live");
  EXPECT_EQ(read.outcome.receipt.to, "green");
  EXPECT_EQ(read.outcome.receipt.left_behind, 903U);
  EXPECT_EQ(read.outcome.receipt.epoch, 42U);
  EXPECT_EQ(read.outcome.receipt.gates, 1U);
  EXPECT_EQ(read.outcome.receipt.persist, 2U);
  EXPECT_EQ(read.outcome.receipt.store, 3U);
  EXPECT_EQ(read.outcome.receipt.adoption, 4U);
  EXPECT_EQ(read.outcome.receipt.total, 10U);
  EXPECT_FALSE(read.outcome.receipt.adopted);
  EXPECT_FALSE(read.outcome.receipt.durable);
  EXPECT_EQ(parsed->operations.at(1).outcome.receipt.epoch, 0U) << "a close has none";
  EXPECT_EQ(parsed->operations.at(1).outcome.closed, 3U);
  EXPECT_EQ(read.outcome.deadline, base::Duration{0});
  EXPECT_EQ(read.outcome.over, base::Duration{30});
  EXPECT_FALSE(parsed->operations.at(1).outcome.deadline);
  // Encoded once, used from then on: the same bytes.
  EXPECT_EQ(serialize(*parsed), serialize(document));
}

TEST(StateDocument, WhatIsNotUnderstoodIsAnErrorAndNeverThrows) {
  for (
      const char* text :
      {"", "{", "[]", "{}", R"({"apps":{},"operations":{}})",
       R"({"apps":{"web":{"epoch":-1}},"operations":[]})",
       R"({"apps":{"web":{"epoch":1,"active":"b","kept":[],"last":"sideways","admin":{}}},"operations":[]})"}) {
    const auto parsed = parse_state_document(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, base::ErrorCode::kInvalid);
  }
}

TEST(StateDocument, OfABuildThatDidNotRecordAdoptionIsUnderstood) {
  StateDocument document;
  document.apps["web"].receipt = Receipt{};
  std::string json = serialize(document);
  const std::string field = "\"adopted\":true,";
  ASSERT_NE(json.find(field), std::string::npos);
  json.erase(json.find(field), field.size());
  const auto read = parse_state_document(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->apps.at("web").receipt->adopted);
}

}  // namespace
}  // namespace shunt::control
