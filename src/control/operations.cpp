#include "src/control/operations.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include <xxhash.h>

#include "shunt/base/limits.hpp"

namespace shunt::control {
namespace {

// A repeat is answered with this, before and after a restart alike.
void shorten(Outcome& outcome) {
  std::string& message = outcome.message;
  if (message.size() > base::kOperationMessageBytesKept) {
    std::size_t end = base::kOperationMessageBytesKept;
    // Not in the middle of a character: 10xxxxxx continues one.
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U) --end;
    message.resize(end);
    message += " …";
  }
  const std::size_t nodes = outcome.nodes.size();
  if (nodes > base::kOperationNodesKept) {
    outcome.nodes.resize(base::kOperationNodesKept);
    message += " (" + std::to_string(nodes) + " nodes, the first " +
               std::to_string(base::kOperationNodesKept) + " are listed)";
  }
}

}  // namespace

std::uint64_t fingerprint_of(const Command& command) {
  std::string text;
  // Lengths keep "a" + "bc" apart from "ab" + "c".
  const auto add = [&](std::string_view part) {
    text += std::to_string(part.size()) + ':';
    text += part;
  };
  const auto add_number = [&](std::uint64_t number) { text += std::to_string(number) + ';'; };
  add_number(static_cast<std::uint64_t>(command.verb));
  add(command.app);
  add(command.pool);
  add_number(command.nodes.size());
  for (const std::string& node : command.nodes) add(node);
  add_number(static_cast<std::uint64_t>(command.admin));
  add_number(command.connection);
  add_number(command.close_over ? *command.close_over + 1 : 0);
  add_number(command.deadline ? *command.deadline + 1 : 0);
  if (command.cancel) add("cancel");
  if (command.undo) add("undo");
  if (!command.version.empty()) add(command.version);
  if (command.share) add("share " + std::to_string(*command.share));
  if (command.sticky) add(*command.sticky ? "sticky" : "not sticky");
  if (command.sources) {
    add("sources");
    for (const std::string& source : *command.sources) add(source);
  }
  if (command.confirm_within) add("trial " + std::to_string(*command.confirm_within));
  if (command.no_deadline) add("no deadline");  // the rest stays as earlier versions stored it
  return XXH3_64bits(text.data(), text.size());
}

bool worth_remembering(std::string_view key, const Outcome& outcome) noexcept {
  if (key.empty() || outcome.kind != OutcomeKind::kDone) return false;
  if (outcome.dry_run || outcome.replayed) return false;
  return outcome.changed || !key.starts_with("cli-");
}

const OperationRecord* find_operation(const StateDocument& document, std::string_view key,
                                      std::int64_t now_ms) {
  for (const OperationRecord& record : document.operations) {
    if (record.key == key && now_ms - record.wall_ms < kOperationKeptMs) return &record;
  }
  return nullptr;
}

void bound_operations(StateDocument& document) {
  auto& operations = document.operations;
  std::size_t count = 0;
  std::size_t bytes = 0;
  // From the newest on: those that fit stay.
  while (count < operations.size() && count < base::kOperationsKept) {
    OperationRecord& record = operations[operations.size() - 1 - count];
    if (record.encoded.empty()) encode(record);
    bytes += record.encoded.size() + 1;  // and a comma
    if (bytes > base::kOperationBytesKept) break;
    ++count;
  }
  operations.erase(operations.begin(), operations.end() - static_cast<std::ptrdiff_t>(count));
}

void remember_operation(StateDocument& document, OperationRecord record) {
  auto& operations = document.operations;
  std::erase_if(operations, [&](const OperationRecord& other) {
    return other.key == record.key || record.wall_ms - other.wall_ms >= kOperationKeptMs;
  });
  shorten(record.outcome);
  encode(record);
  operations.push_back(std::move(record));
  bound_operations(document);
}

void forget_operation(StateDocument& document, std::string_view key) {
  std::erase_if(document.operations,
                [&](const OperationRecord& record) { return record.key == key; });
}

}  // namespace shunt::control
