// Operation ids: a command that is repeated with its key is answered as the first time. They live
// in the StateDocument; these functions keep them bounded and found. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "shunt/control/state_document.hpp"

namespace shunt::control {

inline constexpr std::int64_t kOperationKeptMs = 24LL * 60 * 60 * 1000;

// What the command asks for, without who, why and when: two commands with the same number are the
// same command given twice.
[[nodiscard]] std::uint64_t fingerprint_of(const Command& command);

// An answer that changed nothing is worth a record only where somebody chose the key: the command
// line makes one for each call ("cli-..."), and a script that calls in a loop would drive out those
// of decisions.
[[nodiscard]] bool worth_remembering(std::string_view key, const Outcome& outcome) noexcept;

// Null where there is none that is still kept.
[[nodiscard]] const OperationRecord* find_operation(const StateDocument& document,
                                                    std::string_view key, std::int64_t now_ms);
// Adds or replaces the key's record, its message and list of nodes cut to what limits.hpp keeps;
// what is too old or too many leaves, the oldest first.
void remember_operation(StateDocument& document, OperationRecord record);
// Drops the oldest beyond kOperationsKept and kOperationBytesKept.
void bound_operations(StateDocument& document);
void forget_operation(StateDocument& document, std::string_view key);

}  // namespace shunt::control
