#include <algorithm>
#include <iostream>
#include <utility>

#include "shunt/base/units.hpp"
#include "src/cli/exit_code.hpp"
#include "src/cli/options.hpp"
#include "src/cli/session.hpp"
#include "src/cli/shape.hpp"
#include "src/cli/status_view.hpp"
#include "src/cli/text.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

// docs/admin-api.md has these bounds.
constexpr std::uint64_t kLimitDefault = 100;
constexpr std::uint64_t kLimitMax = 10'000;

const std::vector<std::string> kHeading{"ID",    "CLIENT", "SERVICE", "POOL", "NODE",
                                        "STATE", "AGE",    "IDLE",    "UP",   "DOWN"};
const std::vector<bool> kRight{true, false, false, false, false, false, true, true, true, true};

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
            .summary = "list connections, of all apps or one, of a pool or a node",
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
    std::vector<std::string> apps{common_.app};
    bool several = false;  // of the daemon, whichever have what is asked for
    if (common_.app == "-") {
      const auto status = session.fetch("/v1/status", shape::kStatus);
      if (!status) return status.error();
      std::vector<std::string> holding = apps_with(*status);
      several = apps_of(*status).size() > 1;
      // With one app the daemon says what is wrong with a name.
      if (!holding.empty() || several) apps = std::move(holding);
    }
    if (apps.empty()) {
      const std::string detail = "no app has " + what_is_asked();
      if (common_.json) {
        session.print_problem("not_found", detail, {});
      } else {
        environment.err << "not found: " << detail << "\n";
      }
      return kFailed;
    }
    return several ? show_all(session, apps) : show_one(session, apps.front());
  }

 private:
  [[nodiscard]] std::string target_of(const std::string& app) const {
    std::string query = "?limit=" + std::to_string(limit_.value_or(kLimitDefault));
    if (!pool_.empty()) query += "&pool=" + percent_encoded(pool_);
    if (!node_.empty()) query += "&node=" + percent_encoded(node_);
    return Session::path_of(app, "/connections" + query);
  }

  [[nodiscard]] std::string what_is_asked() const {
    std::string node = node_.empty() ? "" : "the node " + escaped(node_);
    if (pool_.empty()) return node;
    return "the pool " + escaped(pool_) + (node.empty() ? "" : " with " + node);
  }

  // Of those that have the pool and the node that are asked for: all where neither is.
  [[nodiscard]] std::vector<std::string> apps_with(const json::object& status) const {
    std::vector<std::string> names;
    for (const json::value& value : array_at(status, "apps")) {
      if (value.is_object() && has_asked(value.get_object())) {
        names.push_back(raw_at(value.get_object(), "name"));
      }
    }
    return names;
  }

  [[nodiscard]] bool has_asked(const json::object& app) const {
    if (pool_.empty() && node_.empty()) return true;
    for (const json::value& value : array_at(app, "pools")) {
      if (!value.is_object()) continue;
      const json::object& pool = value.get_object();
      if (!pool_.empty() && raw_at(pool, "name") != pool_) continue;
      const json::array& nodes = array_at(pool, "node_list");
      const bool found = std::any_of(nodes.begin(), nodes.end(), [this](const json::value& node) {
        return node.is_object() && raw_at(node.get_object(), "name") == node_;
      });
      if (node_.empty() || found) return true;
    }
    return false;
  }

  int show_one(const Session& session, const std::string& app) const {
    const Environment& environment = session.environment();
    const auto answer = session.read(target_of(app), shape::kConnections);
    if (!answer) return answer.error();
    if (common_.json) return kDone;
    std::vector<std::vector<std::string>> rows;
    for (const json::value& value : array_at(*answer, "connections")) {
      if (value.is_object()) rows.push_back(row_of(value.get_object()));
    }
    show_table(environment, kHeading, kRight, std::move(rows), number_at(*answer, "matched"));
    return kDone;
  }

  // The bound is of all together, so that the table is no longer than of one app.
  int show_all(const Session& session, const std::vector<std::string>& apps) const {
    const Environment& environment = session.environment();
    std::vector<std::vector<std::string>> rows;
    std::uint64_t matched = 0;
    for (const std::string& app : apps) {
      auto answer = session.fetch(target_of(app), shape::kConnections);
      if (!answer) return answer.error();
      if (common_.json) {
        json::object line{{"app", app}};
        for (auto& member : *answer) line.insert(std::move(member));
        environment.out << json::serialize(line) << "\n";
        continue;
      }
      matched += number_at(*answer, "matched");
      for (const json::value& value : array_at(*answer, "connections")) {
        if (!value.is_object() || rows.size() == limit_.value_or(kLimitDefault)) continue;
        rows.push_back(row_of(value.get_object()));
        rows.back().insert(rows.back().begin(), escaped(app));
      }
    }
    environment.out << std::flush;
    if (common_.json) return kDone;
    std::vector<std::string> heading = kHeading;
    heading.insert(heading.begin(), "APP");
    std::vector<bool> right = kRight;
    right.insert(right.begin(), false);
    show_table(environment, std::move(heading), right, std::move(rows), matched);
    return kDone;
  }

  static void show_table(const Environment& environment, std::vector<std::string> heading,
                         const std::vector<bool>& right, std::vector<std::vector<std::string>> rows,
                         std::uint64_t matched) {
    const std::uint64_t listed = rows.size();
    rows.insert(rows.begin(), std::move(heading));
    if (listed != 0) environment.out << table(rows, right);
    environment.out << counted(matched, "connection");
    if (listed < matched) environment.out << ", " << listed << " listed";
    environment.out << "\n" << std::flush;
  }

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
