// docs/access-log.md says what the code does.
#include <gmock/gmock.h>

#include "shunt/proxy/close_cause.hpp"
#include "src/observe/access_log_line.hpp"
#include "tests/unit/observe/fake_data_plane.hpp"
#include "tests/unit/observe/markdown.hpp"

namespace shunt::observe {
namespace {

TEST(AccessLogDocument, ListsEveryCauseOfCloseAndNoOther) {
  std::vector<std::vector<std::string>> expected;
  for (const proxy::CloseCauseText& cause : proxy::kCloseCauseTexts) {
    expected.push_back({"`" + std::string(cause.letters) + "`", std::string(cause.label),
                        std::string(cause.help)});
  }
  EXPECT_EQ(table_in_document("docs/access-log.md", "| cause | name | meaning |"), expected);
}

TEST(AccessLogDocument, ListsTheFieldsOfALineInTheirOrder) {
  const traffic::Model model = example_model();
  std::string json;
  AccessLogLine(model, control::LogFormat::kJson).append(json, {});
  std::string text;
  AccessLogLine(model, control::LogFormat::kText).append(text, {});

  std::size_t at_json = 0;
  std::size_t at_text = 0;
  for (const auto& row : table_in_document("docs/access-log.md", "| field | meaning |")) {
    const std::string& field = row[0];
    const std::size_t found = json.find("\"" + field + "\":", at_json);
    ASSERT_NE(found, std::string::npos) << field;
    EXPECT_EQ(found, at_json + 1) << "a field before " << field << " is not in the document";
    // On to the end of this member: values of an empty record hold no commas.
    at_json = json.find_first_of(",}", found);
    if (field == "time" || field == "cause_name") continue;
    const std::size_t found_text = text.find(" " + field + "=", at_text);
    ASSERT_NE(found_text, std::string::npos) << field;
    at_text = found_text + 1;
  }
  EXPECT_EQ(json.substr(at_json), "}\n") << "the last field is not in the document";
}

}  // namespace
}  // namespace shunt::observe
