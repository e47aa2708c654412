#include "src/admin/openapi.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <functional>
#include <set>
#include <string>

#include "shunt/control/command.hpp"
#include "src/admin/command_json.hpp"
#include "src/admin/routes.hpp"

namespace shunt::admin {
namespace {

namespace json = boost::json;

json::value document() {
  const std::string_view text = openapi_document();
  return json::parse(json::string_view(text.data(), text.size()));
}

TEST(OpenApi, ListsEveryRouteAndNoOther) {
  std::set<std::string> served;
  for (const Route& route : routes()) {
    served.insert((route.changes ? "post " : "get ") + std::string(route.path));
  }
  std::set<std::string> described;
  const json::value whole = document();
  for (const auto& path : whole.at("paths").as_object()) {
    for (const auto& operation : path.value().as_object()) {
      if (operation.key() == "parameters") continue;
      described.insert(std::string(operation.key()) + " " + std::string(path.key()));
    }
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApi, DescribesTheQueryParametersOfEveryRoute) {
  const json::value whole = document();
  for (const Route& route : routes()) {
    if (route.changes) continue;
    std::string described;
    const auto& operation = whole.at("paths").at(route.path).at("get").as_object();
    if (const auto* parameters = operation.if_contains("parameters")) {
      for (const auto& parameter : parameters->as_array()) {
        if (parameter.at("in").as_string() != "query") continue;
        described += (described.empty() ? "" : " ") + std::string(parameter.at("name").as_string());
      }
    }
    EXPECT_EQ(described, route.params) << route.path;
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const json::value whole = document();
  const std::function<void(const json::value&)> check = [&](const json::value& value) {
    if (const auto* array = value.if_array()) {
      for (const auto& entry : *array) check(entry);
    }
    const auto* object = value.if_object();
    if (object == nullptr) return;
    for (const auto& member : *object) {
      if (member.key() == "$ref") {
        boost::system::error_code error;
        const std::string pointer(member.value().as_string().subview(1));
        EXPECT_NE(whole.find_pointer(pointer, error), nullptr) << pointer;
      }
      check(member.value());
    }
  };
  check(whole);
}

// The parser says which fields it knows when it meets one that it does not.
TEST(OpenApi, DescribesTheFieldsThatTheParserKnows) {
  const json::value whole = document();
  for (const auto& [verb, schema] : {std::pair{control::Verb::kSwitch, "SwitchRequest"},
                                     {control::Verb::kRollback, "RollbackRequest"},
                                     {control::Verb::kAdmin, "NodesRequest"},
                                     {control::Verb::kPrepare, "PrepareRequest"},
                                     {control::Verb::kRetire, "RetireRequest"},
                                     {control::Verb::kClose, "CloseRequest"}}) {
    const std::string known = parse_command(verb, R"({"?": 0})").faults.at(0).message;
    std::set<std::string> parsed;
    for (std::size_t at = known.find(": ") + 2; at < known.size();) {
      const std::size_t end = std::min(known.find(", ", at), known.size());
      parsed.insert(known.substr(at, end - at));
      at = end + 2;
    }
    std::set<std::string> described;
    for (const auto& property :
         whole.at("components").at("schemas").at(schema).at("properties").as_object()) {
      described.insert(std::string(property.key()));
    }
    EXPECT_EQ(described, parsed) << schema;
  }
}

}  // namespace
}  // namespace shunt::admin
