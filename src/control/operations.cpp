#include "src/control/operations.hpp"

#include <string>
#include <utility>

#include <xxhash.h>

#include "shunt/base/limits.hpp"

namespace shunt::control {

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
  return XXH3_64bits(text.data(), text.size());
}

const OperationRecord* find_operation(const StateDocument& document, std::string_view key,
                                      std::int64_t now_ms) {
  for (const OperationRecord& record : document.operations) {
    if (record.key == key && now_ms - record.wall_ms < kOperationKeptMs) return &record;
  }
  return nullptr;
}

void remember_operation(StateDocument& document, OperationRecord record) {
  auto& operations = document.operations;
  std::erase_if(operations, [&](const OperationRecord& other) {
    return other.key == record.key || record.wall_ms - other.wall_ms >= kOperationKeptMs;
  });
  if (operations.size() >= base::kOperationsKept) operations.erase(operations.begin());
  encode(record);
  operations.push_back(std::move(record));
}

void forget_operation(StateDocument& document, std::string_view key) {
  std::erase_if(document.operations,
                [&](const OperationRecord& record) { return record.key == key; });
}

}  // namespace shunt::control
