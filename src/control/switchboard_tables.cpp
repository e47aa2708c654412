// The switchboard's tables: built from what is in force, published as one root.
#include <chrono>
#include <utility>

#include "src/control/announce.hpp"
#include "src/control/release_document.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {

void Switchboard::build(traffic::AppId app) {
  const traffic::ReleaseState& release = decisions_.apps[app].release;
  auto table = traffic::build_table(
      model_, app, {release.active, release.epoch, split_of(model_.apps[app], release)},
      [&](traffic::NodeSlot slot, std::uint32_t position) { return health_.at(slot, position); },
      [&](traffic::NodeSlot slot) { return decisions_.admin[slot]; });
  dirty_[app] = false;
  announce_panic(events_, model_, *tables_[app], *table);
  announce_share(events_, model_, *tables_[app], *table);
  tables_[app] = std::move(table);
}

base::Duration Switchboard::publish() {
  auto root =
      traffic::build_root(++revision_, tables_, static_cast<std::uint32_t>(model_.services.size()));
  const base::Duration store = data_plane_.publication().publish(std::move(root));
  data_plane_.wake(revision_);
  ++retained_;
  return store;
}

void Switchboard::rebuild_soon(traffic::AppId app) {
  dirty_[app] = true;
  if (std::exchange(rebuild_armed_, true)) return;
  rebuild_timer_.expires_after(std::chrono::nanoseconds(timing_.rebuild_delay));
  rebuild_timer_.async_wait(lifetime_.guard([this](const boost::system::error_code&) {
    rebuild_armed_ = false;
    bool any = false;
    for (traffic::AppId dirty = 0; dirty < dirty_.size(); ++dirty) {
      if (!dirty_[dirty]) continue;
      build(dirty);
      any = true;
    }
    if (any) publish();
  }));
}

void Switchboard::on_admin(std::function<void(traffic::NodeSlot, traffic::AdminState)> each) {
  on_admin_ = std::move(each);
  for (traffic::NodeSlot slot = 0; slot < decisions_.admin.size(); ++slot) {
    on_admin_(slot, decisions_.admin[slot]);
  }
}

void Switchboard::reclaim() {
  if (retained_ != 0) retained_ = data_plane_.publication().reclaim();
}

}  // namespace shunt::control
