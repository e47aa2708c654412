#include "src/control/release_document.hpp"

#include <algorithm>

namespace shunt::control {
namespace {

// Before pools had states: kept ones are those of the stack, and the way back of a last switch is
// the top of it.
void tell_from_the_stack(const AppDocument& document, traffic::ReleaseState& release) {
  for (const traffic::PoolId pool : release.kept) {
    release.pools[pool].state = traffic::PoolState::kKept;
  }
  if (document.last == traffic::DecisionKind::kSwitch && !release.kept.empty()) {
    release.previous = release.kept.back();
  }
}

void read_pools(const traffic::App& app, const AppDocument& document,
                traffic::ReleaseState& release) {
  release.generations = document.generations;
  for (traffic::PoolId pool = 0; pool < app.pools.size(); ++pool) {
    traffic::PoolRecord& record = release.pools[pool];
    const auto found = document.pools.find(app.pools[pool].name);
    if (found != document.pools.end()) {
      record = found->second;
    } else if (record.generation != 0) {
      record.generation = ++release.generations;
    }
  }
  release.previous =
      document.previous.empty() ? traffic::kNoPool : find_pool(app, document.previous);
}

}  // namespace

traffic::PoolId find_pool(const traffic::App& app, const std::string& name) {
  const auto found = std::find_if(app.pools.begin(), app.pools.end(),
                                  [&name](const traffic::Pool& pool) { return pool.name == name; });
  return found == app.pools.end() ? traffic::kNoPool
                                  : static_cast<traffic::PoolId>(found - app.pools.begin());
}

std::optional<std::vector<base::Network>> networks_of(const std::vector<std::string>& sources) {
  std::vector<base::Network> networks;
  networks.reserve(sources.size());
  for (const std::string& source : sources) {
    const auto network = base::Network::parse(source);
    if (!network) return std::nullopt;
    networks.push_back(*network);
  }
  return networks;
}

std::optional<traffic::SplitTerms> split_of(const traffic::App& app,
                                            const traffic::ReleaseState& release) {
  const traffic::PoolId pool = traffic::canary_of(release);
  if (pool == traffic::kNoPool) return std::nullopt;
  return traffic::SplitTerms{.pool = pool,
                             .share = release.split.share,
                             .sticky = release.split.sticky,
                             .seed = traffic::seed_of(app.name),
                             .sources = networks_of(release.split.sources).value()};
}

traffic::ReleaseState fresh_release(const traffic::App& app) {
  std::vector<bool> has_nodes;
  has_nodes.reserve(app.pools.size());
  for (const traffic::Pool& pool : app.pools) has_nodes.push_back(!pool.nodes.empty());
  return traffic::initial_release(has_nodes, app.initial);
}

void write_release(const traffic::App& app, const traffic::ReleaseState& release,
                   AppDocument& document) {
  const auto name_of = [&app](traffic::PoolId pool) { return app.pools[pool].name; };
  document.epoch = release.epoch;
  document.active = name_of(release.active);
  document.kept.clear();
  for (const traffic::PoolId pool : release.kept) document.kept.push_back(name_of(pool));
  document.pools.clear();
  for (traffic::PoolId pool = 0; pool < app.pools.size(); ++pool) {
    document.pools[name_of(pool)] = release.pools[pool];
  }
  document.previous = release.previous == traffic::kNoPool ? "" : name_of(release.previous);
  document.generations = release.generations;
  document.split = release.split;
  document.confirm_by = release.confirm_by;
  document.last = release.last;
}

base::Result<traffic::ReleaseState> read_release(const traffic::App& app,
                                                 const AppDocument& document) {
  traffic::ReleaseState release = fresh_release(app);
  // `initial` is for apps without a history; it may name a pool that is new in the file.
  release.pools[app.initial].state = app.pools[app.initial].nodes.empty()
                                         ? traffic::PoolState::kRetired
                                         : traffic::PoolState::kStandby;
  release.epoch = document.epoch;
  release.last = document.last;
  release.active = find_pool(app, document.active);
  for (const std::string& name : document.kept) release.kept.push_back(find_pool(app, name));
  release.split = document.split;
  release.confirm_by = document.confirm_by;
  if (document.pools.empty()) {
    release.pools[release.active].state = traffic::PoolState::kActive;
    tell_from_the_stack(document, release);
  } else {
    read_pools(app, document, release);
  }
  // Its pool may be gone from the file.
  if (traffic::canary_of(release) == traffic::kNoPool) release.split = {};
  if (!traffic::is_sound(release) || !networks_of(release.split.sources)) {
    return base::fail(base::ErrorCode::kInvalid,
                      "app " + app.name + ": the stored pool states contradict each other",
                      "restore a copy of the state directory, or start once with --reset-state: "
                      "all decisions are forgotten");
  }
  return release;
}

}  // namespace shunt::control
