#include <iostream>

#include "shunt/base/units.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

// docs/admin-api.md has these bounds.
constexpr std::uint64_t kLimitDefault = 100;
constexpr std::uint64_t kLimitMax = 10'000;

std::vector<std::string> row_of(const json::object& connection) {
  return {std::to_string(number_at(connection, "id")),
          text_at(connection, "client"),
          text_at(connection, "service"),
          text_at(connection, "pool"),
          text_at(connection, "node"),
          flag_at(connection, "established") ? "established" : "connecting",
          base::format_duration_brief(number_at(connection, "age_ns")),
          base::format_duration_brief(number_at(connection, "idle_ns")),
          std::to_string(number_at(connection, "bytes_up")),
          std::to_string(number_at(connection, "bytes_down"))};
}

class Connections final : public Verb {
 public:
  [[nodiscard]] Manual manual() const override {
    return {.name = "connections",
            .summary = "list connections, of a pool or a node",
            .examples = {"shunt connections --pool blue",
                         "shunt connections --node node17 --limit 1000"},
            .exit_codes = {kDone, kFailed, kUsage, kUnreachable}};
  }

  void declare(Parser& parser) override {
    parser.add_name({.names = "--pool", .help = "only of this pool", .value = "NAME"}, pool_);
    parser.add_name({.names = "--node", .help = "only of this node", .value = "NAME"}, node_);
    parser.add_number(
        {.names = "--limit", .help = "how many to list, 1 to 10000 (default 100)", .value = "N"},
        limit_);
    common_.declare(parser);
  }

  [[nodiscard]] std::string usage_error() const override {
    const bool fits = !limit_ || (*limit_ >= 1 && *limit_ <= kLimitMax);
    return fits ? "" : "--limit: from 1 to " + std::to_string(kLimitMax);
  }

  [[nodiscard]] int run(const Environment& environment) override {
    const Session session(environment, common_);
    std::string query = "?limit=" + std::to_string(limit_.value_or(kLimitDefault));
    if (!pool_.empty()) query += "&pool=" + percent_encoded(pool_);
    if (!node_.empty()) query += "&node=" + percent_encoded(node_);
    const auto answer = session.read(session.app_path("/connections" + query), shape::kConnections);
    if (!answer) return answer.error();
    if (common_.json) return kDone;
    std::vector<std::vector<std::string>> rows{
        {"ID", "CLIENT", "SERVICE", "POOL", "NODE", "STATE", "AGE", "IDLE", "UP", "DOWN"}};
    for (const json::value& value : array_at(*answer, "connections")) {
      if (value.is_object()) rows.push_back(row_of(value.get_object()));
    }
    const std::uint64_t listed = rows.size() - 1;
    const std::uint64_t matched = number_at(*answer, "matched");
    if (listed != 0) {
      environment.out << table(rows,
                               {true, false, false, false, false, false, true, true, true, true});
    }
    environment.out << counted(matched, "connection");
    if (listed < matched) environment.out << ", " << listed << " listed";
    environment.out << "\n" << std::flush;
    return kDone;
  }

 private:
  CommonOptions common_;
  std::string pool_;
  std::string node_;
  std::optional<std::uint64_t> limit_;
};

}  // namespace

std::unique_ptr<Verb> make_connections() {
  return std::make_unique<Connections>();
}

}  // namespace shunt::cli
