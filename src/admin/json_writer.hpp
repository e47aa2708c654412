// JsonWriter appends JSON to a string, in the order in which it is called. Answers are written
// straight through, without a tree in between: a snapshot of thousands of nodes costs one buffer,
// and an outcome on the way of a switch no allocation of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::admin {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void begin_object(std::string_view key) { this->key(key), open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void begin_array(std::string_view key) { this->key(key), open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name);
  // Bytes that are not UTF-8 become U+FFFD: a file name may hold any, a JSON text may not (RFC
  // 8259).
  void string(std::string_view text);
  void number(std::uint64_t value);
  void number(std::int64_t value);
  void boolean(bool value);
  void null();

  void field(std::string_view name, std::string_view text) { key(name), string(text); }
  void field(std::string_view name, const char* text) { key(name), string(text); }
  void field(std::string_view name, std::uint64_t value) { key(name), number(value); }
  void field(std::string_view name, std::uint32_t value) {
    key(name), number(std::uint64_t{value});
  }
  void field(std::string_view name, std::int64_t value) { key(name), number(value); }
  void field(std::string_view name, bool value) { key(name), boolean(value); }
  void field_null(std::string_view name) { key(name), null(); }
  void field_or_null(std::string_view name, const std::optional<std::uint64_t>& value) {
    key(name);
    value ? number(*value) : null();
  }
  void field_or_null(std::string_view name, const std::optional<std::string>& text) {
    key(name);
    text ? string(*text) : null();
  }
  template <class Strings>
  void field_strings(std::string_view name, const Strings& texts) {
    begin_array(name);
    for (const auto& text : texts) string(text);
    end_array();
  }

 private:
  void open(char bracket);
  void close(char bracket);
  void comma();

  std::string& out_;
  bool first_ = true;       // nothing in the innermost object or array yet
  bool after_key_ = false;  // a value belongs to the key before it: no comma
};

}  // namespace shunt::admin
