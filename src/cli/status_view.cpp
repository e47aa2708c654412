#include "src/cli/status_view.hpp"

#include <algorithm>
#include <ctime>
#include <optional>

#include "shunt/base/clock.hpp"
#include "shunt/base/units.hpp"
#include "src/cli/text.hpp"

namespace shunt::cli {
namespace {

// Milliseconds since 1970 of "2026-11-23T10:00:00.123Z"; nothing where it is no such time.
std::optional<std::int64_t> wall_ms_of(const std::string& text) {
  std::tm utc{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&utc)) * 1000;
}

std::string ago(const std::string& time, std::int64_t now_ms) {
  const auto then = wall_ms_of(time);
  if (!then || *then > now_ms) return {};
  const auto seconds = static_cast<base::Duration>(now_ms - *then) / 1000;
  return base::format_duration_brief(seconds * base::kSecond);
}

bool is_live(const json::object& pool) {
  const std::string state = raw_at(pool, "state");
  return state == "active" || state == "trial";
}

class Renderer {
 public:
  explicit Renderer(const StatusView& view) : view_(view) {}

  std::string render(const json::object& snapshot) {
    const json::object& process = object_at(snapshot, "process");
    many_apps_ = array_at(snapshot, "apps").size() > 1;
    warn_of_phase(process);
    for (const json::value& app : array_at(snapshot, "apps")) {
      if (!app.is_object()) continue;
      if (!view_.app.empty() && raw_at(app.get_object(), "name") != view_.app) continue;
      show_app(app.get_object());
    }
    if (!process.empty()) show_process(process);
    return std::move(text_);
  }

 private:
  std::string paint(std::string_view text, Color color) const {
    return painted(text, color, view_.color);
  }
  void line(const std::string& text) { text_ += clipped(text, view_.width) + '\n'; }

  void warn_of_phase(const json::object& process) {
    const std::string phase = text_at(process, "phase");
    if (phase.empty() || phase == "ready") return;
    const std::string reason = text_at(process, "phase_reason");
    line(paint(phase, phase == "degraded" ? Color::kRed : Color::kYellow) +
         (reason.empty() ? "" : ": " + reason));
  }

  void show_process(const json::object& process) {
    std::string text = "shunt " + text_at(process, "version") + "  pid " +
                       std::to_string(number_at(process, "pid")) + ", " +
                       counted(number_at(process, "workers"), "worker") + ", " +
                       std::to_string(number_at(process, "connections")) + " of " +
                       counted(number_at(process, "capacity"), "connection");
    if (const std::string up = ago(raw_at(process, "started"), view_.now_ms); !up.empty()) {
      text += ", up " + up;
    }
    line(paint(text, Color::kDim));
  }

  // "green#12 1.3.0"
  static std::string called(const json::object& pool) {
    std::string text = text_at(pool, "name");
    if (const auto generation = number_at(pool, "generation"); generation != 0) {
      text += '#' + std::to_string(generation);
    }
    if (const std::string version = text_at(pool, "version"); !version.empty()) {
      text += ' ' + version;
    }
    return text;
  }
  static std::string live_of(const json::object& app) {
    for (const json::value& pool : array_at(app, "pools")) {
      if (pool.is_object() && raw_at(pool.get_object(), "name") == raw_at(app, "active")) {
        return called(pool.get_object());
      }
    }
    return text_at(app, "active");
  }

  [[nodiscard]] static bool can_go_back(const json::object& app) {
    for (const json::value& pool : array_at(app, "pools")) {
      if (!pool.is_object() || !flag_at(pool.get_object(), "rollback_target")) continue;
      return number_at(pool.get_object(), "usable") != 0;
    }
    return true;
  }

  std::string headline(const json::object& app) const {
    std::string text = paint(text_at(app, "name"), Color::kBold) + "  " +
                       paint("LIVE " + live_of(app), Color::kGreen) + "   epoch " +
                       std::to_string(number_at(app, "epoch"));
    const std::string last = raw_at(app, "last");
    const json::object& receipt = object_at(app, "last_receipt");
    const std::string since = ago(raw_at(receipt, "time"), view_.now_ms);
    if (last == "switch" || last == "rollback") {
      text += last == "switch" ? ", switched" : ", rolled back";
      if (!since.empty()) text += ' ' + since + " ago";
    }
    if (const auto left = maybe_number_at(app, "trial_ends_in_ns")) {
      const std::string confirm = "shunt confirm " + text_at(app, "active") +
                                  (many_apps_ ? " --app " + text_at(app, "name") : "");
      const std::string why = text_at(app, "trial_stays_because");
      std::string trial = "TRIAL, rolls back in " + base::format_duration_brief(*left);
      if (!can_go_back(app)) trial += " if a node to go back to is usable by then";
      if (*left == 0) {
        trial = "TRIAL OVER, " +
                (why.empty() ? "rolls back once both pools are checked" : "stays live: " + why);
      }
      text += "   " + paint(trial + ": " + confirm, *left == 0 ? Color::kRed : Color::kYellow);
    }
    if (flag_at(app, "recovered_unacknowledged")) {
      text += "   " + paint("recovered, unacknowledged", Color::kYellow);
    }
    if (!receipt.empty() && !flag_at(receipt, "durable")) {
      text += "   " + paint("NOT DURABLE", Color::kYellow);
    }
    return text;
  }

  void show_app(const json::object& app) {
    line(headline(app));
    for (const json::value& service : array_at(app, "services")) {
      if (service.is_object()) show_service(service.get_object());
    }
    struct Widths {
      std::size_t name = 0, state = 0, up = 0, connections = 0;
    } widths;
    std::vector<const json::object*> pools;
    for (const json::value& value : array_at(app, "pools")) {
      if (!value.is_object()) continue;
      const json::object& pool = value.get_object();
      if (!view_.pool.empty() && raw_at(pool, "name") != view_.pool) continue;
      // The active pool comes first, the others as in the file.
      const bool active = is_live(pool);
      pools.insert(active ? pools.begin() : pools.end(), &pool);
      widths.name = std::max(widths.name, columns(called(pool)));
      widths.state = std::max(widths.state, columns(text_at(pool, "state")));
      widths.up = std::max(widths.up, columns(up_of(pool)));
      widths.connections = std::max(widths.connections, connections_of(pool).size());
    }
    for (const json::object* pool : pools) {
      const bool active = is_live(*pool);
      if (active) warn_of_no_node(app, *pool);
      std::string text =
          "  " + padded_right(called(*pool), widths.name) + "  " +
          padded_right(paint(text_at(*pool, "state"), active ? Color::kGreen : Color::kPlain),
                       widths.state) +
          "  " + padded_right(painted_up(*pool), widths.up) + "  " +
          padded_left(connections_of(*pool), widths.connections) +
          (connections_of(*pool) == "1" ? " connection" : " connections") + connecting_of(*pool) +
          share_of(app, *pool) + drain_of(*pool) + rollback_of(app, *pool);
      line(text);
      show_nodes(*pool);
    }
    show_closings(app);
    for (const std::string& drift : texts_at(app, "drift")) {
      line("  " + paint("drift: " + drift, Color::kDim));
    }
  }

  // Connections can be closed one by one by the hundred: some stand for all.
  void show_closings(const json::object& app) {
    constexpr std::size_t kShown = 8;
    std::size_t shown = 0;
    const json::array& closings = array_at(app, "closings");
    for (const json::value& value : closings) {
      if (!value.is_object()) continue;
      if (!view_.all_nodes && shown == kShown) break;
      ++shown;
      const json::object& closing = value.get_object();
      std::string what;
      std::string flag;
      if (const auto id = maybe_number_at(closing, "connection")) {
        what = "connection " + std::to_string(*id);
        flag = "--connection " + std::to_string(*id);
      } else {
        const std::string kind = raw_at(closing, "node").empty() ? "pool" : "node";
        what = kind + ' ' + text_at(closing, kind);
        flag = "--" + kind + ' ' + shell_quoted(raw_at(closing, kind));
      }
      line("  " + paint("closing " + what, Color::kYellow) + ": " +
           counted(number_at(closing, "remaining"), "connection") + " left, through in " +
           base::format_duration_brief(number_at(closing, "ends_in_ns")) +
           "; to end it: shunt close " + escaped(flag) + " --cancel" +
           (many_apps_ ? " --app " + text_at(app, "name") : ""));
    }
    if (shown < closings.size()) {
      line("  " +
           paint(std::to_string(closings.size() - shown) + " more closings", Color::kYellow));
    }
  }

  void show_service(const json::object& service) {
    if (view_.all_nodes) {
      line("  " + text_at(service, "name") + " on " + joined(texts_at(service, "listen"), ", ") +
           ": " + std::to_string(number_at(service, "open")) + " open, " +
           std::to_string(number_at(service, "accepted")) + " accepted, " +
           std::to_string(number_at(service, "refused")) + " refused");
    }
    if (flag_at(service, "panic")) {
      line("  " + paint("PANIC " + text_at(service, "name") +
                            ": too few healthy nodes, ready ones are tried regardless of health",
                        Color::kRed));
    }
  }

  // Of the pool that takes one.
  [[nodiscard]] std::string share_of(const json::object& app, const json::object& pool) const {
    const json::object& split = object_at(app, "split");
    if (split.empty() || raw_at(split, "pool") != raw_at(pool, "name")) return {};
    std::string text = ", share " + text_at(split, "share");
    if (flag_at(split, "sticky")) text += " by client address";
    const std::vector<std::string> sources = texts_at(split, "sources");
    if (!sources.empty()) {
      text += ", and all from " + sources.front();
      if (sources.size() > 1) text += " and " + std::to_string(sources.size() - 1) + " more";
    }
    const std::vector<std::string> returned = texts_at(split, "returned");
    if (returned.empty()) return text;
    return text + "   " +
           paint("no usable node for " + joined(returned, ", ") + ": " + text_at(app, "active") +
                     " has its share",
                 Color::kRed);
  }

  // In a panic ready nodes are tried all the same, which is said already.
  void warn_of_no_node(const json::object& app, const json::object& active) {
    if (active.if_contains("usable") == nullptr || number_at(active, "usable") != 0) return;
    for (const json::value& service : array_at(app, "services")) {
      if (service.is_object() && flag_at(service.get_object(), "panic")) return;
    }
    line("  " + paint("NO NODE of " + text_at(active, "name") +
                          " can take connections: new ones are refused",
                      Color::kRed));
  }

  static std::string up_of(const json::object& pool) {
    return std::to_string(number_at(pool, "healthy")) + '/' +
           std::to_string(number_at(pool, "nodes")) + " up";
  }

  std::string painted_up(const json::object& pool) const {
    const std::uint64_t healthy = number_at(pool, "healthy");
    const Color color = healthy >= number_at(pool, "nodes") ? Color::kPlain
                        : number_at(pool, "usable") == 0    ? Color::kRed
                                                            : Color::kYellow;
    return paint(up_of(pool), color);
  }

  static std::string connections_of(const json::object& pool) {
    return std::to_string(number_at(pool, "established"));
  }

  // Of a pool or a node: they take places of `limits.connections` like the others.
  static std::string connecting_of(const json::object& pool_or_node) {
    const std::uint64_t connecting = number_at(pool_or_node, "connecting");
    return connecting == 0 ? "" : ", " + std::to_string(connecting) + " connecting";
  }

  static std::string drain_of(const json::object& pool) {
    return is_live(pool) ? "" : drain_text(object_at(pool, "drain"));
  }

  // Of a pool or a node.
  static std::string drain_text(const json::object& drain) {
    std::string text;
    if (const auto oldest = number_at(drain, "oldest_ns"); oldest != 0) {
      text += ", oldest " + base::format_duration_brief(oldest);
    }
    const auto span = [](std::uint64_t of) { return base::format_duration_brief(of); };
    const auto over = maybe_number_at(drain, "over_ns");
    if (flag_at(drain, "closing")) {
      text += ", closing";
      if (const auto end = maybe_number_at(drain, "ends_in_ns"))
        text += ", through in " + span(*end);
    } else if (const auto deadline = maybe_number_at(drain, "deadline_in_ns")) {
      text += ", closed in " + span(*deadline);
      if (over && *over != 0) text += " over " + span(*over);
    }
    return text;
  }

  std::string rollback_of(const json::object& app, const json::object& pool) const {
    if (flag_at(pool, "rollback_target")) {
      if (number_at(pool, "usable") > 0) return "   rollback: yes";
      return "   " + paint("rollback: only by --force, no node is usable", Color::kRed);
    }
    // Said once, beside the active pool: there is nowhere to go back to.
    const std::string why_not = text_at(app, "rollback_why_not");
    const bool active = is_live(pool);
    if (!active || why_not.empty() || !raw_at(app, "rollback_to").empty()) return {};
    return "   " + paint("rollback: no, " + why_not, Color::kDim);
  }

  void show_nodes(const json::object& pool) {
    const bool all = view_.all_nodes || !view_.pool.empty();
    std::vector<const json::object*> shown;
    std::size_t name_width = 0;
    for (const json::value& value : array_at(pool, "node_list")) {
      if (!value.is_object()) continue;
      const json::object& node = value.get_object();
      const bool trouble = raw_at(node, "health") == "down" || raw_at(node, "admin") != "ready";
      if (!all && !trouble) continue;
      shown.push_back(&node);
      name_width = std::max(name_width, columns(text_at(node, "name")));
    }
    for (const json::object* node : shown) {
      line("    " + padded_right(text_at(*node, "name"), name_width) + "  " + node_state(*node));
    }
  }

  std::string node_state(const json::object& node) const {
    const std::string health = text_at(node, "health");
    const std::string admin = text_at(node, "admin");
    const bool checked = admin != "maint";  // what checks said before it holds no more
    std::string text =
        !checked ? "not checked" : paint(health, health == "down" ? Color::kRed : Color::kPlain);
    if (const auto since = number_at(node, "since_ns"); checked && since >= base::kSecond) {
      text += ' ' + base::format_duration_brief(since);
    }
    if (admin != "ready") text += ", " + paint(admin, Color::kYellow);
    text += ", " + counted(number_at(node, "established"), "connection");
    text += connecting_of(node);
    text += drain_text(object_at(node, "drain"));
    if (const auto weight = number_at(node, "weight"); weight != 1) {
      text += ", weight " + std::to_string(weight);
    }
    if (const auto errors = number_at(node, "connect_errors"); errors != 0) {
      text += ", " + counted(errors, "connect error");
    }
    if (const std::string why = text_at(node, "last_failure"); !why.empty() && health != "up") {
      text += "   " + why;
    }
    return text;
  }

  const StatusView& view_;
  std::string text_;
  bool many_apps_ = false;  // then commands have to name theirs
};

}  // namespace

std::string render_status(const json::object& snapshot, const StatusView& view) {
  return Renderer(view).render(snapshot);
}

}  // namespace shunt::cli
