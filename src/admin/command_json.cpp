#include "src/admin/command_json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <string>

#include "shunt/base/limits.hpp"
#include "shunt/base/units.hpp"
#include "src/admin/command_fields.hpp"
#include "src/admin/text.hpp"

namespace shunt::admin {
namespace {

using control::Command;
using control::Verb;
using namespace command_fields;

// Bounds of what a request may name, beside those of limits.hpp.
constexpr std::size_t kListMax = base::kNodeSlotsMax;
constexpr std::size_t kNestingMax = 8;  // the deepest that is understood is 2: a list in the object
constexpr std::size_t kFaultsMax = 32;  // more help nobody and would echo a hostile body back

// Receives the parser's events (Boost.JSON basic_parser) and fills the command without building a
// tree, so that a duplicate key is seen and a hostile body costs no memory but its own.
class Reader {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  using Code = boost::json::error_code;
  using Text = boost::json::string_view;

  explicit Reader(Verb verb) : verb_(verb) { command.verb = verb; }

  void fault(std::string_view gate, std::string message) {
    if (faults.size() < kFaultsMax) faults.push_back({std::string(gate), std::move(message)});
  }
  [[nodiscard]] bool has(FieldId id) const {
    return (seen_ & (1U << static_cast<unsigned>(id))) != 0;
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }

  bool on_object_begin(Code&) {
    if (depth_ > 0) wrong_type("an object");
    ++depth_;
    return true;
  }
  bool on_object_end(std::size_t, Code&) { return --depth_, true; }

  bool on_array_begin(Code&) {
    const bool wanted = depth_ == 1 && field_ != nullptr && field_->type == Type::kNames;
    if (!wanted) wrong_type("a list");
    ++depth_;
    in_list_ = wanted || in_list_;
    return true;
  }
  bool on_array_end(std::size_t, Code&) {
    --depth_;
    if (depth_ == 1) in_list_ = false;
    return true;
  }

  bool on_key_part(Text part, std::size_t, Code&) { return text_.append(part), true; }
  bool on_key(Text part, std::size_t, Code&) {
    text_.append(part);
    if (depth_ == 1) begin_field(text_);
    text_.clear();
    return true;
  }

  bool on_string_part(Text part, std::size_t, Code&) { return text_.append(part), true; }
  bool on_string(Text part, std::size_t, Code&) {
    text_.append(part);
    take_string(std::move(text_));
    text_.clear();
    return true;
  }

  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t value, Text, Code&) {
    if (value < 0) return wrong_type("a negative number"), true;
    return take_number(static_cast<std::uint64_t>(value)), true;
  }
  bool on_uint64(std::uint64_t value, Text, Code&) { return take_number(value), true; }
  bool on_double(double, Text, Code&) {
    return wrong_type("a fraction, an exponent or a number out of range"), true;
  }
  bool on_bool(bool value, Code&) { return take_bool(value), true; }
  bool on_null(Code&) {
    if (!takes(Type::kDeadline)) return wrong_type("null"), true;
    command.no_deadline = true;
    return true;
  }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  Command command;
  std::vector<control::Reason> faults;

 private:
  void begin_field(std::string_view name) {
    field_ = find_field(verb_, name);
    if (field_ == nullptr) {
      fault(excerpt(name, 64), "unknown field; known here: " + known_fields(verb_));
      return;
    }
    const unsigned mark = 1U << static_cast<unsigned>(field_->id);
    if ((seen_ & mark) != 0) {
      fault(field_->name, "given twice");
      field_ = nullptr;
      return;
    }
    seen_ |= mark;
    if (field_->id == FieldId::kSources) command.sources.emplace();
  }

  // Says so once: what is nested in a value of the wrong type belongs to no field.
  void wrong_type(std::string_view got) {
    if (depth_ == 0) {
      fault("body", "expected a JSON object, got " + std::string(got));
    } else if (field_ != nullptr) {
      fault(field_->name,
            "expected " + std::string(expected(field_->type)) + ", got " + std::string(got));
      field_ = nullptr;
    }
  }

  [[nodiscard]] bool takes(Type type) const {
    return field_ != nullptr && field_->type == type && depth_ == 1;
  }

  bool check_text(std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max) {
      fault(field_->name, "longer than " + std::to_string(bytes_max) + " bytes");
      return false;
    }
    if (has_control_characters(text)) {
      // Log lines and terminals take names and reasons as they are.
      fault(field_->name, "must not hold control characters");
      return false;
    }
    return true;
  }
  bool check_name(std::string_view text) {
    if (!text.empty()) {
      const bool version = field_->id == FieldId::kVersion;
      if (version && text.find_first_of(" #") != std::string_view::npos) {
        fault(field_->name, "must not hold blanks or #: it stands behind green#12");
        return false;
      }
      return check_text(text, version ? base::kVersionBytesMax : base::kNameBytesMax);
    }
    fault(field_->name, "must not be empty");
    return false;
  }

  void take_string(std::string text) {
    if (field_ != nullptr && in_list_ && depth_ == 2) {
      take_list_entry(std::move(text));
    } else if (takes(Type::kName)) {
      if (!check_name(text)) return;
      if (field_->id == FieldId::kNode) {
        command.nodes.push_back(std::move(text));
      } else if (field_->id == FieldId::kVersion) {
        command.version = std::move(text);
      } else {
        command.pool = std::move(text);
      }
    } else if (takes(Type::kReason)) {
      if (check_text(text, base::kReasonBytesMax)) command.reason = std::move(text);
    } else if (takes(Type::kShare)) {
      const auto share = base::parse_share(text);
      if (!share)
        return fault(field_->name, excerpt(share.error().message, 128) + ": " + share.error().hint);
      command.share = *share;
    } else if (takes(Type::kAdminState)) {
      take_admin_state(text);
    } else {
      wrong_type("a string");
    }
  }

  void take_list_entry(std::string text) {
    auto& list = field_->id == FieldId::kSkip      ? command.skip
                 : field_->id == FieldId::kSources ? *command.sources
                                                   : command.nodes;
    if (list.size() == kListMax) {
      fault(field_->name, "more than " + std::to_string(kListMax) + " entries");
      field_ = nullptr;
    } else if (check_name(text)) {
      list.push_back(std::move(text));
    }
  }

  void take_admin_state(std::string_view text) {
    for (const auto state :
         {traffic::AdminState::kReady, traffic::AdminState::kDrain, traffic::AdminState::kMaint}) {
      if (text == traffic::to_string(state)) {
        command.admin = state;
        return;
      }
    }
    fault(field_->name, "expected " + std::string(expected(field_->type)) + ", got \"" +
                            excerpt(text, 64) + "\"");
  }

  void take_number(std::uint64_t value) {
    if (takes(Type::kId)) {
      if (value == 0) return wrong_type("0");
      command.connection = value;
    } else if (takes(Type::kDuration) || takes(Type::kDeadline)) {
      if (value > base::kRequestDurationMax) return wrong_type(std::to_string(value));
      const bool trial = field_->id == FieldId::kConfirmWithin;
      (field_->type == Type::kDeadline ? command.deadline
       : trial                         ? command.confirm_within
                                       : command.close_over) = value;
    } else {
      wrong_type("a number");
    }
  }

  void take_bool(bool value) {
    if (!takes(Type::kBool)) return wrong_type(value ? "true" : "false");
    if (field_->id == FieldId::kForce) command.force = value;
    if (field_->id == FieldId::kDryRun) command.dry_run = value;
    if (field_->id == FieldId::kNotDurable) command.not_durable = value;
    if (field_->id == FieldId::kCancel) command.cancel = value;
    if (field_->id == FieldId::kUndo || field_->id == FieldId::kOff) command.undo = value;
    if (field_->id == FieldId::kSticky) command.sticky = value;
  }

  const Verb verb_;
  const Field* field_ = nullptr;  // the value being read belongs to it; null: to nothing known
  unsigned seen_ = 0;             // by FieldId
  int depth_ = 0;                 // objects and lists that are open
  bool in_list_ = false;          // in the list of a kNames field
  std::string text_;              // parts of a key or string
};

void require(Reader& reader, FieldId id) {
  if (reader.has(id)) return;
  for (const Field& field : kFields) {
    if (field.id == id)
      reader.fault(field.name, "is required: " + std::string(expected(field.type)));
  }
}

void check_whole(Reader& reader) {
  switch (reader.command.verb) {
    case Verb::kSwitch:
      require(reader, FieldId::kTo);
      break;
    case Verb::kPrepare:
      require(reader, FieldId::kPool);
      break;
    case Verb::kRetire:
      require(reader, FieldId::kPool);
      if (reader.command.undo && reader.has(FieldId::kCloseOver)) {
        reader.fault("undo", "closes nothing, so it does not go with close_over_ns");
      }
      break;
    case Verb::kEmptied:  // no request has it
    case Verb::kExpired:  // no request has it
    case Verb::kSplit:    // resolve() says what it needs
    case Verb::kRollback:
    case Verb::kConfirm:
    case Verb::kAbort:
      break;
    case Verb::kAdmin:
      require(reader, FieldId::kNodes);
      require(reader, FieldId::kAdmin);
      if (reader.faults.empty() && reader.command.nodes.empty()) {
        reader.fault("nodes", "must not be empty");
      }
      if (reader.faults.empty() && reader.has(FieldId::kDeadline) &&
          reader.command.admin != traffic::AdminState::kDrain) {
        reader.fault("deadline_ns", "only goes with \"admin\": \"drain\"");
      }
      break;
    case Verb::kClose: {
      const int given = int{reader.has(FieldId::kPool)} + int{reader.has(FieldId::kNode)} +
                        int{reader.has(FieldId::kConnection)};
      if (given != 1) {
        reader.fault("body", "exactly one of pool, node and connection is required, got " +
                                 std::to_string(given));
      }
      if (reader.command.cancel && reader.has(FieldId::kOver)) {
        reader.fault("cancel", "ends a closing, so it does not go with over_ns");
      }
      break;
    }
  }
}

}  // namespace

ParsedCommand parse_command(Verb verb, std::string_view body) {
  boost::json::parse_options options;
  options.max_depth = kNestingMax;
  boost::json::basic_parser<Reader> parser(options, verb);
  Reader& reader = parser.handler();

  if (!body.empty()) {
    boost::json::error_code error;
    const std::size_t read = parser.write_some(false, body.data(), body.size(), error);
    if (error) {
      reader.fault("body",
                   "not valid JSON near byte " + std::to_string(read) + ": " + error.message());
    } else if (read < body.size()) {
      reader.fault("body", "more bytes after the JSON object, from byte " + std::to_string(read));
    } else {
      check_whole(reader);
    }
  } else {
    check_whole(reader);
  }
  return {std::move(reader.command), std::move(reader.faults)};
}

}  // namespace shunt::admin
