#include "src/cli/shape.hpp"

#include <utility>

namespace shunt::cli {
namespace {

// "no 'apps' (array), no 'process' (object)"; empty where it has all of them.
std::string lacking(const json::object& object, Shape shape) {
  std::string text;
  for (const Field& field : shape) {
    const json::value* value = object.if_contains({field.name.data(), field.name.size()});
    if (value != nullptr && value->kind() == field.kind) continue;
    const auto kind = json::to_string(field.kind);
    text += (text.empty() ? "no '" : ", no '") + std::string(field.name) + "' (" +
            std::string(kind.data(), kind.size()) + ")";
  }
  return text;
}

}  // namespace

std::string wrong_with_answer(const std::string& body, Shape shape, json::object& object) {
  auto parsed = parse_object(body);
  if (!parsed) return "it is not a JSON object";
  object = *std::move(parsed);
  const std::string lacks = lacking(object, shape);
  return lacks.empty() ? "" : "it has " + lacks;
}

std::string wrong_with_problem(const Response& response) {
  const auto problem = parse_object(response.body);
  if (problem && !raw_at(*problem, "kind").empty()) return {};
  return "HTTP status " + std::to_string(response.status) +
         " without the problem document of a shunt";
}

}  // namespace shunt::cli
