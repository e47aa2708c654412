// Operation ids: what is remembered of a command, for how long, and how much of it.
#include "src/control/operations.hpp"

#include <utility>

#include <gmock/gmock.h>

#include "shunt/base/limits.hpp"
#include "shunt/control/restored_state.hpp"
#include "src/control/state_slot.hpp"
#include "tests/unit/control/control_rig.hpp"

namespace shunt::control {
namespace {

using test::ControlRig;
using test::switch_command;
using testing::HasSubstr;

constexpr std::size_t kNameBytes = 63;  // config_address.hpp

// A name as long as one may be, another for each number.
std::string long_name(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kNameBytes - digits.size(), 'n') + digits;
}

OperationRecord drain_of(std::size_t nodes, std::string key) {
  OperationRecord record;
  record.key = std::move(key);
  record.wall_ms = 1;
  record.outcome.changed = true;
  record.outcome.app = long_name(0);
  record.outcome.active = long_name(0);
  for (std::size_t node = 0; node < nodes; ++node) {
    record.outcome.nodes.push_back(long_name(node));
    record.outcome.message += long_name(node) + ", ";
  }
  return record;
}

std::string key_of(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(200 - digits.size(), '"') + digits;  // each quote is two bytes in JSON
}

TEST(Operations, ManyOfManyNodesStayWithinTheirBytesAndTheNewestAreKept) {
  StateDocument document;
  constexpr std::size_t kCommands = 1000;
  for (std::size_t number = 0; number < kCommands; ++number) {
    remember_operation(document, drain_of(400, key_of(number)));
  }
  std::size_t bytes = 0;
  for (const OperationRecord& record : document.operations) bytes += record.encoded.size() + 1;
  EXPECT_LE(bytes, base::kOperationBytesKept);
  ASSERT_GT(document.operations.size(), 50U);
  EXPECT_LT(document.operations.size(), kCommands);
  EXPECT_EQ(document.operations.back().key, key_of(kCommands - 1));
  EXPECT_EQ(document.operations.front().key, key_of(kCommands - document.operations.size()));
}

TEST(Operations, SmallOnesAreBoundedByTheirNumber) {
  StateDocument document;
  for (std::uint32_t number = 0; number <= base::kOperationsKept; ++number) {
    OperationRecord record;
    record.key = std::to_string(number);
    remember_operation(document, std::move(record));
  }
  EXPECT_EQ(document.operations.size(), base::kOperationsKept);
  EXPECT_EQ(find_operation(document, "0", 0), nullptr);
  EXPECT_NE(find_operation(document, "1", 0), nullptr);
}

TEST(Operations, ALongListOfNodesIsCutAndSaysSo) {
  StateDocument document;
  OperationRecord record = drain_of(400, "k");
  record.outcome.message.assign(base::kOperationMessageBytesKept - 1, 'x');
  record.outcome.message += "é and on";  // the bound is in the middle of a character
  remember_operation(document, std::move(record));
  const Outcome& kept = document.operations.at(0).outcome;
  EXPECT_EQ(kept.nodes.size(), base::kOperationNodesKept);
  EXPECT_THAT(kept.message, HasSubstr("x …"));
  EXPECT_THAT(kept.message, HasSubstr("400 nodes, the first 16 are listed"));

  remember_operation(document, drain_of(2, "short"));
  EXPECT_EQ(document.operations.at(1).outcome.nodes.size(), 2U);
}

TEST(Operations, AFileOfAVersionThatCountedThemOnlyIsCutAtTheStart) {
  StateLoad load;
  for (std::size_t number = 0; number < 20; ++number) {
    load.document.operations.push_back(drain_of(400, key_of(number)));
  }
  const auto state = restore_state(test::web_model(), load);
  ASSERT_TRUE(state);
  EXPECT_LT(state->document.operations.size(), 20U);
  EXPECT_EQ(state->document.operations.back().key, key_of(19));
}

TEST(Operations, TheLargestDocumentFitsIntoItsSlot) {
  StateDocument document;
  for (std::size_t number = 0; number < base::kAppsMax + base::kAbsentAppsKept; ++number) {
    AppDocument& app = document.apps[long_name(number)];
    app.epoch = UINT64_MAX;
    app.active = long_name(0);
    for (std::size_t pool = 1; pool < base::kPoolsPerAppMax; ++pool) {
      app.kept.push_back(long_name(pool));
    }
    for (std::size_t pool = 0; pool < base::kPoolsPerAppMax; ++pool) {
      app.pools[long_name(pool)] = {.state = traffic::PoolState::kRetiring,
                                    .before = traffic::PoolState::kRejected,
                                    .generation = UINT64_MAX,
                                    .version = std::string(base::kVersionBytesMax, '"'),
                                    .fresh = true};
    }
    app.previous = long_name(1);
    app.generations = UINT64_MAX;
    app.split.share = traffic::kWholeShare;
    app.split.sticky = true;
    app.split.sources.assign(base::kSplitSourcesMax, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
    app.confirm_by = INT64_MIN;
    app.last = traffic::DecisionKind::kRollback;
    app.pending = app.recovered = true;
    Receipt receipt;
    receipt.epoch = receipt.repointed = receipt.left_behind = UINT64_MAX;
    receipt.gates = receipt.persist = receipt.store = receipt.adoption = receipt.total = UINT64_MAX;
    receipt.from = receipt.to = long_name(0);
    receipt.durable = receipt.adopted = false;
    receipt.skipped = {"min_healthy", "last_node"};
    receipt.wall_ms = INT64_MIN;
    app.receipt = receipt;
    app.pending_nodes = app.recovered_nodes = std::string(8 * (kNameBytes + 2), 'n');
    app.ending = std::string(4 * (kNameBytes + 32), 'n');
  }
  for (std::size_t node = 0; node < base::kNodeSlotsMax + base::kAbsentNodesKept; ++node) {
    document.apps.begin()->second.admin[long_name(node)] = traffic::AdminState::kDrain;
  }
  for (std::size_t number = 0; number < 1000; ++number) {
    remember_operation(document, drain_of(400, key_of(number)));
  }
  EXPECT_LE(serialize(document).size() + kSlotHeaderBytes, base::kStateSlotBytes);
}

TEST(Operations, ADecisionThatDoesNotFitIsRefusedAndReported) {
  ControlRig rig;
  rig.start();
  rig.run_until([&] { return rig.plane->status().process.durable; });
  rig.kill();
  {
    // Room for what is in force and a few bytes: an app that the file lacks has the rest.
    auto store = test::open_on(rig.medium);
    StateDocument document = store->loaded().document;
    AppDocument& other = document.apps["other"];
    other.active = "blue";
    const std::size_t used = serialize(document).size() + kSlotHeaderBytes;
    other.active += std::string(base::kStateSlotBytes - used - 10, 'e');
    const WriteResult written = store->write(serialize(document));
    ASSERT_TRUE(written.ok) << written.error;
    store->acknowledge(written.sequence);
  }
  rig.start();
  rig.run_until([&] { return rig.plane->status().process.durable; });
  ASSERT_EQ(rig.events.count("not_durable"), 0U);
  const Outcome outcome = rig.switch_to("green");
  EXPECT_EQ(outcome.kind, OutcomeKind::kUnavailable);
  EXPECT_THAT(outcome.message, HasSubstr("does not fit"));
  EXPECT_EQ(rig.app().active, "blue");
  ASSERT_EQ(rig.events.count("not_durable"), 1U);
  EXPECT_EQ(rig.events.last("not_durable").level, EventLevel::kError);
  // What is in force fits, and is written again.
  rig.run_until([&] { return rig.events.count("not_durable") == 2; });
  EXPECT_TRUE(rig.plane->degraded_because().empty());
}

TEST(Operations, ANoOpIsRememberedOnlyUnderAKeyThatSomebodyChose) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("blue");  // live already
  for (const auto& [key, remembered] :
       {std::pair("cli-0123456789abcdef01234567", false), std::pair("release-7", true)}) {
    command.key = key;
    EXPECT_FALSE(rig.run(command).changed);
    EXPECT_EQ(rig.run(command).replayed, remembered) << key;
  }
}

TEST(Operations, ADecisionIsRememberedUnderAGeneratedKey) {
  ControlRig rig;
  rig.start();
  Command command = switch_command("green", "cli-0123456789abcdef01234567");
  EXPECT_TRUE(rig.run(command).changed);
  EXPECT_TRUE(rig.run(command).replayed);
}

}  // namespace
}  // namespace shunt::control
