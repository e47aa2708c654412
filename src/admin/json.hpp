// The JSON of docs/admin-api.md for what control reports.
#pragma once

#include "shunt/control/command.hpp"
#include "shunt/control/controller.hpp"
#include "shunt/control/event.hpp"
#include "shunt/control/status.hpp"
#include "src/admin/answer.hpp"
#include "src/admin/json_writer.hpp"

namespace shunt::admin {

void write_json(JsonWriter& json, const control::StatusSnapshot& snapshot);
void write_json(JsonWriter& json, const control::AppStatus& app);
void write_json(JsonWriter& json, const control::Receipt& receipt);
void write_json(JsonWriter& json, const control::ConnectionsAnswer& answer);
void write_json(JsonWriter& json, const control::Event& event);

template <class T>
[[nodiscard]] std::string to_json(const T& value) {
  std::string text;
  JsonWriter json(text);
  write_json(json, value);
  return text;
}

// 200 with the outcome, or the problem document of what kept it from happening.
[[nodiscard]] Answer answer_of(const control::Outcome& outcome);

}  // namespace shunt::admin
