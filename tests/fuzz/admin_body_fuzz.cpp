// Whatever the bytes, the body of a changing request becomes a command that keeps its promises, or
// faults that can be shown to anybody. The first byte says which command the body is for.
#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shunt/base/check.hpp"
#include "src/admin/answer.hpp"
#include "src/admin/command_json.hpp"
#include "src/admin/text.hpp"

namespace {

using shunt::admin::ParsedCommand;
using shunt::control::Command;
using shunt::control::Verb;

constexpr shunt::base::Duration kYear =
    shunt::base::Duration{366} * 24 * 3600 * shunt::base::kSecond;

void check_name(std::string_view name) {
  SHUNT_CHECK(!name.empty() && name.size() <= 253 && !shunt::admin::has_control_characters(name));
}

void check_command(const Command& command) {
  SHUNT_CHECK(command.verb != Verb::kSwitch || !command.pool.empty());
  SHUNT_CHECK(command.verb != Verb::kAdmin || !command.nodes.empty());
  if (!command.pool.empty()) check_name(command.pool);
  for (const auto& node : command.nodes) check_name(node);
  for (const auto& gate : command.skip) check_name(gate);
  SHUNT_CHECK(!shunt::admin::has_control_characters(command.reason));
  SHUNT_CHECK(command.close_over.value_or(0) <= kYear && command.deadline.value_or(0) <= kYear);
  if (command.verb == Verb::kClose) {
    const int targets =
        int{!command.pool.empty()} + int{!command.nodes.empty()} + int{command.connection != 0};
    SHUNT_CHECK(targets == 1);
  }
  // Only the rest of the request says these.
  SHUNT_CHECK(command.app.empty() && command.key.empty() && command.actor.empty());
  SHUNT_CHECK(!command.if_epoch);
}

// The problem document that shows the faults is JSON, whatever they quote.
void check_faults(const ParsedCommand& parsed) {
  SHUNT_CHECK(parsed.faults.size() <= 32);
  for (const auto& fault : parsed.faults)
    SHUNT_CHECK(!fault.gate.empty() && !fault.message.empty());
  const shunt::admin::Answer answer =
      shunt::admin::problem(shunt::admin::ProblemKind::kBadRequest, "faults", parsed.faults);
  boost::system::error_code error;
  const boost::json::value document = boost::json::parse(answer.body, error);
  SHUNT_CHECK(!error);
  SHUNT_CHECK(document.at("reasons").as_array().size() == parsed.faults.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto verb = static_cast<Verb>(data[0] % 4);
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ParsedCommand parsed = shunt::admin::parse_command(verb, body);
  SHUNT_CHECK(parsed.command.verb == verb);
  check_faults(parsed);
  if (parsed.faults.empty()) check_command(parsed.command);
  return 0;
}
