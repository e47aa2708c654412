// Is it an answer of a shunt? What lacks the fields that every version's answers have is somebody
// else's, and reading it leniently (json.hpp) would make good news of it.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "src/cli/client.hpp"
#include "src/cli/json.hpp"

namespace shunt::cli {

struct Field {
  std::string_view name;
  json::kind kind;
};
using Shape = std::span<const Field>;

// Why that body is no answer of that shape; empty where it is one, and `object` holds it.
[[nodiscard]] std::string wrong_with_answer(const std::string& body, Shape shape,
                                            json::object& object);
// Why an answer other than 200 is no problem document; empty where it is one.
[[nodiscard]] std::string wrong_with_problem(const Response& response);

// What each answer holds at least (docs/admin-api.md).
namespace shape {

inline constexpr std::array<Field, 2> kStatus{
    {{"process", json::kind::object}, {"apps", json::kind::array}}};
inline constexpr std::array<Field, 3> kApp{
    {{"name", json::kind::string}, {"active", json::kind::string}, {"pools", json::kind::array}}};
inline constexpr std::array<Field, 1> kEvents{{{"events", json::kind::array}}};
inline constexpr std::array<Field, 1> kConnections{{{"connections", json::kind::array}}};
inline constexpr std::array<Field, 2> kDiff{
    {{"app", json::kind::string}, {"drift", json::kind::array}}};
inline constexpr std::array<Field, 4> kOutcome{{{"kind", json::kind::string},
                                                {"app", json::kind::string},
                                                {"message", json::kind::string},
                                                {"changed", json::kind::bool_}}};

}  // namespace shape
}  // namespace shunt::cli
