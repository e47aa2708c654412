// The fields that the body of a command may have, and of which verbs.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/control/command.hpp"

namespace shunt::admin::command_fields {

using control::Verb;

enum class Type : std::uint8_t {
  kName,
  kReason,
  kNames,
  kBool,
  kDuration,
  kDeadline,
  kId,
  kAdminState,
  kShare,
};

inline constexpr unsigned bit(Verb verb) {
  return 1U << static_cast<unsigned>(verb);
}
inline constexpr unsigned kMoves = bit(Verb::kSwitch) | bit(Verb::kRollback);
inline constexpr unsigned kOfPool = bit(Verb::kPrepare) | bit(Verb::kRetire);
inline constexpr unsigned kOfTrial = bit(Verb::kConfirm) | bit(Verb::kAbort);
inline constexpr unsigned kDecides =
    kMoves | kOfPool | kOfTrial | bit(Verb::kSplit) | bit(Verb::kAdmin);
// Without gates.
inline constexpr unsigned kPlain = bit(Verb::kRetire) | bit(Verb::kConfirm);
inline constexpr unsigned kEvery = kDecides | bit(Verb::kClose);

enum class FieldId : std::uint8_t {
  kTo,
  kSkip,
  kForce,
  kCloseOver,
  kDryRun,
  kNotDurable,
  kReason,
  kNodes,
  kAdmin,
  kDeadline,
  kPool,
  kNode,
  kConnection,
  kOver,
  kCancel,
  kVersion,
  kUndo,
  kConfirmWithin,
  kShare,
  kSticky,
  kSources,
  kOff,
};

struct Field {
  FieldId id;
  std::string_view name;
  Type type;
  unsigned verbs;
};

inline constexpr std::array kFields = {
    Field{FieldId::kTo, "to", Type::kName, kMoves},
    Field{FieldId::kSkip, "skip", Type::kNames,
          bit(Verb::kSwitch) | bit(Verb::kSplit) | bit(Verb::kPrepare)},
    Field{FieldId::kForce, "force", Type::kBool, kDecides & ~kPlain},
    Field{FieldId::kCloseOver, "close_over_ns", Type::kDuration, kMoves | kOfPool},
    Field{FieldId::kShare, "share", Type::kShare, bit(Verb::kSplit)},
    Field{FieldId::kSticky, "sticky", Type::kBool, bit(Verb::kSplit)},
    Field{FieldId::kSources, "sources", Type::kNames, bit(Verb::kSplit)},
    Field{FieldId::kOff, "off", Type::kBool, bit(Verb::kSplit)},
    Field{FieldId::kConfirmWithin, "confirm_within_ns", Type::kDuration, bit(Verb::kSwitch)},
    Field{FieldId::kDryRun, "dry_run", Type::kBool, kEvery},
    Field{FieldId::kNotDurable, "not_durable", Type::kBool, kDecides},
    Field{FieldId::kReason, "reason", Type::kReason, kEvery},
    Field{FieldId::kNodes, "nodes", Type::kNames, bit(Verb::kAdmin)},
    Field{FieldId::kAdmin, "admin", Type::kAdminState, bit(Verb::kAdmin)},
    Field{FieldId::kDeadline, "deadline_ns", Type::kDeadline, bit(Verb::kAdmin)},
    Field{FieldId::kVersion, "version", Type::kName, bit(Verb::kPrepare)},
    Field{FieldId::kUndo, "undo", Type::kBool, bit(Verb::kRetire)},
    Field{FieldId::kPool, "pool", Type::kName,
          bit(Verb::kClose) | bit(Verb::kSplit) | bit(Verb::kConfirm) | kOfPool},
    Field{FieldId::kNode, "node", Type::kName, bit(Verb::kClose)},
    Field{FieldId::kConnection, "connection", Type::kId, bit(Verb::kClose)},
    Field{FieldId::kOver, "over_ns", Type::kDuration, bit(Verb::kClose)},
    Field{FieldId::kCancel, "cancel", Type::kBool, bit(Verb::kClose)},
};

// Null where the verb has none of that name.
[[nodiscard]] const Field* find_field(Verb verb, std::string_view name);
// Names, with a comma between.
[[nodiscard]] std::string known_fields(Verb verb);
[[nodiscard]] std::string_view expected(Type type);

}  // namespace shunt::admin::command_fields
