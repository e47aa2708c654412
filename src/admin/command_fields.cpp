#include "src/admin/command_fields.hpp"

#include <algorithm>

namespace shunt::admin::command_fields {

const Field* find_field(Verb verb, std::string_view name) {
  const auto* const found = std::find_if(kFields.begin(), kFields.end(), [&](const Field& field) {
    return field.name == name && (field.verbs & bit(verb)) != 0;
  });
  return found == kFields.end() ? nullptr : found;
}

std::string known_fields(Verb verb) {
  std::string names;
  for (const Field& field : kFields) {
    if ((field.verbs & bit(verb)) == 0) continue;
    if (!names.empty()) names += ", ";
    names += field.name;
  }
  return names;
}

std::string_view expected(Type type) {
  switch (type) {
    case Type::kName:
    case Type::kReason:
      return "a string";
    case Type::kNames:
      return "a list of strings";
    case Type::kBool:
      return "true or false";
    case Type::kDuration:
      return "a whole number of nanoseconds from 0 to 366 days";
    case Type::kDeadline:
      return "a whole number of nanoseconds from 0 to 366 days, or null for none";
    case Type::kId:
      return "a connection id, a whole number from 1";
    case Type::kShare:
      return "a share like \"5%\"";
    case Type::kAdminState:
      return "\"ready\", \"drain\" or \"maint\"";
  }
  return "something else";
}

}  // namespace shunt::admin::command_fields
