#include <algorithm>
#include <utility>

#include "src/control/config_model.hpp"

namespace shunt::control {
namespace {

constexpr std::array<std::pair<std::string_view, traffic::Balance>, 3> kBalances = {
    {{"round_robin", traffic::Balance::kRoundRobin},
     {"least_connections", traffic::Balance::kLeastConnections},
     {"random_two", traffic::Balance::kRandomTwo}}};
constexpr std::array<std::pair<std::string_view, traffic::HealthCheck>, 2> kHealthTypes = {
    {{"tcp", traffic::HealthCheck::kTcp}, {"off", traffic::HealthCheck::kOff}}};

// TCP_KEEPIDLE and TCP_KEEPINTVL take 1 to 32767 seconds, TCP_KEEPCNT 1 to 127 (tcp(7), tcp.h:
// MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT).
constexpr base::Duration kKeepaliveMax = 32'767 * base::kSecond;
constexpr std::uint32_t kKeepaliveCountMax = 127;
// A relay keeps these as milliseconds in 32 bits (proxy/relay.hpp), 49.7 days: what is beyond would
// be cut short without a word.
constexpr base::Duration kTimeoutMax = 49 * 86'400 * base::kSecond;
static_assert(kTimeoutMax / base::kMillisecond <= UINT32_MAX);
// Checks in a row; more would make a node's fate a matter of hours.
constexpr std::uint32_t kChecksInRowMax = 1000;

// What an app without `services` says of its only one.
constexpr std::array<std::string_view, 5> kOfOneService = {"listen", "target_port", "defer_accept",
                                                           "fast_open", "congestion"};

// Words that are designed but refused, so that nobody takes them for a spelling mistake.
template <std::size_t N>
bool refuse_later(const Section& section, std::string_view key,
                  const std::array<std::string_view, N>& later) {
  const TreeNode* value = section.find(key);
  if (value == nullptr || value->kind != TreeNode::Kind::kScalar) return false;
  if (std::find(later.begin(), later.end(), value->text) == later.end()) return false;
  section.wrong(key, quoted(value->text) + " is not supported by this version");
  return true;
}

void read_health(Report& report, const Section& parent, traffic::HealthOptions& health) {
  constexpr std::array<std::string_view, 5> kLaterTypes = {"http", "https", "tls", "grpc", "agent"};
  const Section section(report, parent.find("health"), parent.path("health"), kHealthKeys);
  const TreeNode* type = section.find("type");
  if (type != nullptr && type->kind == TreeNode::Kind::kScalar && is_off(type->text)) {
    health.type = traffic::HealthCheck::kOff;
  } else if (!refuse_later(section, "type", kLaterTypes)) {
    section.read_choice("type", health.type, kHealthTypes);
  }
  section.read("interval", health.interval,
               {.min = 10 * base::kMillisecond, .max = 3600 * base::kSecond});
  // A check ends before the next one is due, so the default shrinks with the interval.
  health.timeout = std::min(health.timeout, health.interval);
  section.read("timeout", health.timeout, {.max = 3600 * base::kSecond});
  if (health.timeout > health.interval) {
    section.wrong("timeout", "a check may not take longer than the interval between checks",
                  "make interval longer or timeout shorter");
  }
  section.read("rise", health.rise, 1, kChecksInRowMax);
  section.read("fall", health.fall, 1, kChecksInRowMax);
  section.read("passive_fall", health.passive_fall, 0, kChecksInRowMax);
}

}  // namespace

void read_timeouts(const Section& parent, traffic::Timeouts& timeouts) {
  const Section section(parent.report(), parent.find("timeouts"), parent.path("timeouts"),
                        kTimeoutsKeys);
  section.read("connect", timeouts.connect, {.max = kTimeoutMax});
  section.read("idle", timeouts.idle, {.max = kTimeoutMax, .off = true});
  section.read("half_closed", timeouts.half_closed, {.max = kTimeoutMax, .off = true});
  section.read("stalled", timeouts.stalled, {.max = kTimeoutMax, .off = true});
}

void read_keepalive(const Section& parent, traffic::Keepalive& keepalive) {
  const TreeNode* value = parent.find("keepalive");
  if (value != nullptr && value->kind == TreeNode::Kind::kScalar && is_off(value->text)) {
    keepalive.idle = base::kOff;
    return;
  }
  const Section section(parent.report(), value, parent.path("keepalive"), kKeepaliveKeys);
  section.read("idle", keepalive.idle,
               {.min = base::kSecond, .max = kKeepaliveMax, .off = true, .whole_seconds = true});
  section.read("interval", keepalive.interval,
               {.min = base::kSecond, .max = kKeepaliveMax, .whole_seconds = true});
  section.read("count", keepalive.count, 1, kKeepaliveCountMax);
}

void read_source(const Section& parent, std::vector<base::Endpoint>& sources,
                 std::vector<PlacedEndpoint>& placed) {
  if (const TreeNode* value = parent.find("source")) {
    sources = read_sources(parent.report(), *value, parent.path("source"), placed);
  }
}

// What the name stands for is read all the same, for its own errors; they are about the name that
// is returned, which is bounded as a path of each of them.
std::string ModelReader::check_name(const TreeNode& name, const std::string& what) {
  constexpr std::size_t kShown = 63;
  if (is_name(name.text)) return name.text;
  report_.add(name, quoted(name.text) + " cannot be the name of " + what, std::string(kNameRule));
  return name.text.size() <= kShown ? name.text : quoted(name.text);
}

traffic::Model ModelReader::read(const Section& top) {
  const TreeNode* apps = top.find("apps");
  if (apps == nullptr || apps->kind != TreeNode::Kind::kMapping || apps->entries.empty()) {
    if (top.node() != nullptr) {
      report_.add(
          apps != nullptr ? *apps : *top.node(),
          apps == nullptr ? "there are no apps"
                          : "apps: expected one app at least, got " + describe(*apps),
          "write apps: {web: {initial: blue, listen: 8080, pools: {blue: [\"10.0.0.1:80\"]}}}");
    }
    return std::move(model_);
  }
  if (apps->entries.size() > base::kAppsMax) {
    report_.add(*apps, "apps: more than " + std::to_string(base::kAppsMax) + " apps");
    return std::move(model_);
  }
  for (const TreeEntry& entry : apps->entries) read_app(entry.key, entry.value);
  report_overlaps(report_, listeners_);
  report_loops(report_, listeners_, targets_);
  return std::move(model_);
}

void ModelReader::read_app(const TreeNode& name, const TreeNode& value) {
  const std::string shown = check_name(name, "an app");
  const Section section(report_, &value, "apps." + shown, kAppKeys);
  if (section.node() == nullptr) return;
  traffic::App app;
  app.name = shown;
  node_names_.clear();
  read_options(section, app);
  read_services(section, app);
  read_pools(section, app);
  read_initial(section, app);
  model_.apps.push_back(std::move(app));
}

void ModelReader::read_options(const Section& section, traffic::App& app) {
  constexpr std::array<std::string_view, 2> kLaterBalances = {"source_hash", "maglev"};
  if (!refuse_later(section, "balance", kLaterBalances)) {
    section.read_choice("balance", app.balance, kBalances);
  }
  section.read_percent("panic_below", app.panic_below_percent, 0);
  read_health(report_, section, app.health);

  const Section drain(report_, section.find("drain"), section.path("drain"), kDrainKeys);
  drain.read("deadline", app.drain.deadline, {.off = true});
  drain.read("close_over", app.drain.close_over, {.min = 0});
  const Section release(report_, section.find("release"), section.path("release"), kReleaseKeys);
  release.read_percent("min_healthy", app.release.min_healthy_percent, 0);
  release.read("confirm_within", app.release.confirm_within, {.off = true});

  app.timeouts = defaults_.timeouts;
  app.keepalive = defaults_.keepalive;
  app.sources = defaults_.sources;
  read_timeouts(section, app.timeouts);
  read_keepalive(section, app.keepalive);
  read_source(section, app.sources, sources_);
}

void ModelReader::read_services(const Section& section, traffic::App& app) {
  const TreeNode* services = section.find("services");
  const bool short_form = section.find("listen") != nullptr;
  if (services == nullptr && !short_form) {
    report_.add(*section.node(), "apps." + app.name + " listens nowhere",
                "write listen: 8080, or services: {http: {listen: 8080, target_port: 80}}");
    return;
  }
  if (services == nullptr) {
    add_service(section, "default", app);
    return;
  }
  for (const std::string_view key : kOfOneService) {
    if (section.find(key) != nullptr) {
      section.wrong(key, "there are services too", "move it into one of them");
    }
  }
  if (services->kind != TreeNode::Kind::kMapping || services->entries.empty()) {
    section.wrong("services",
                  "expected a mapping of names to services, got " +
                      (services->entries.empty() && services->kind == TreeNode::Kind::kMapping
                           ? "an empty one"
                           : describe(*services)));
    return;
  }
  for (const TreeEntry& entry : services->entries) {
    const std::string shown = check_name(entry.key, "a service");
    const Section service(report_, &entry.value, section.path("services") + "." + shown,
                          kServiceKeys);
    add_service(service, shown, app);
  }
}

void ModelReader::add_service(const Section& section, const std::string& name, traffic::App& app) {
  if (model_.services.size() >= base::kServicesMax) {
    if (!std::exchange(services_full_, true)) {
      report_.add(*section.node(),
                  "more than " + std::to_string(base::kServicesMax) + " services in all");
    }
    return;
  }
  traffic::Service service;
  service.id = static_cast<traffic::ServiceId>(model_.services.size());
  service.app = static_cast<traffic::AppId>(model_.apps.size());
  service.name = name;
  if (const TreeNode* listen = section.find("listen")) {
    service.listen = read_listen(report_, *listen, section.path("listen"), listeners_);
  } else if (section.node() != nullptr) {
    report_.add(*section.node(), section.path("listen") + " is missing", "write listen: 8080");
  }
  std::uint32_t target_port = 0;
  section.read("target_port", target_port, 1, 65535);
  service.target_port = static_cast<std::uint16_t>(target_port);
  service.sockets = read_socket_options(section, socket_places_);
  app.services.push_back(service.id);
  model_.services.push_back(std::move(service));
}

void ModelReader::read_initial(const Section& section, traffic::App& app) {
  if (app.pools.empty() && section.find("initial") != nullptr) return;  // reported: no pools
  std::string names;
  std::vector<std::string_view> words;
  for (const traffic::Pool& pool : app.pools) {
    names += (names.empty() ? "pools: " : ", ") + pool.name;
    words.push_back(pool.name);
  }
  if (section.find("initial") == nullptr) {
    report_.add(
        *section.node(),
        "apps." + app.name + ".initial is missing: the pool that is active at the first start",
        names);
    return;
  }
  const std::string* initial = section.text("initial", "the name of a pool");
  if (initial == nullptr) return;
  for (traffic::PoolId id = 0; id < app.pools.size(); ++id) {
    if (app.pools[id].name == *initial) {
      app.initial = id;
      return;
    }
  }
  const std::string_view nearest = nearest_word(*initial, words);
  section.wrong("initial", "there is no pool " + quoted(*initial),
                nearest.empty() ? names : "did you mean '" + std::string(nearest) + "'? " + names);
}

}  // namespace shunt::control
