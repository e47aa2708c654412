// HealthBoard: the health of every node for every service, fed by the prober and by the outcomes of
// real connects. Control thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/control/event.hpp"
#include "shunt/proxy/records.hpp"
#include "shunt/traffic/health.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::control {

// Where a slot leads.
struct NodePlace {
  traffic::AppId app = 0;
  traffic::PoolId pool = traffic::kNoPool;
  const traffic::Node* node = nullptr;
};

// By slot.
[[nodiscard]] std::vector<NodePlace> places_of(const traffic::Model& model);

class HealthBoard {
 public:
  // active: by AppId. Their nodes count as usable until checked, so that a restart interrupts
  // nothing; the others have to prove themselves (with checks off: nobody has to).
  HealthBoard(const traffic::Model& model, const std::vector<traffic::PoolId>& active,
              EventSink& events, base::Instant now);

  [[nodiscard]] traffic::Health at(traffic::NodeSlot slot, std::uint32_t position) const noexcept;
  // The worst over the services of its app.
  [[nodiscard]] traffic::Health worst(traffic::NodeSlot slot) const noexcept;
  [[nodiscard]] bool is_usable(traffic::NodeSlot slot) const noexcept;       // for every service
  [[nodiscard]] bool is_proven(traffic::NodeSlot slot) const noexcept;       // for every service
  [[nodiscard]] base::Instant since(traffic::NodeSlot slot) const noexcept;  // of worst()
  // "http: connection refused"; empty where nothing failed since it was last well.
  [[nodiscard]] std::string last_failure(traffic::NodeSlot slot) const;

  // Each returns true when the node became usable or ceased to be, so that tables which lead to it
  // have to be built anew.
  bool checked(traffic::NodeSlot slot, std::uint32_t position, bool passed,
               std::string_view failure, base::Instant now);
  bool connected(const proxy::ConnectOutcome& outcome, base::Instant now);
  // With checks off a node that was marked down gets another chance after interval * rise. Returns
  // the slots that got theirs.
  [[nodiscard]] std::vector<traffic::NodeSlot> retry_due(base::Instant now);

  // Maintenance is over: whatever was found before it says nothing about what the node is now, so
  // it has to prove itself again (with checks off: it gets another chance). needed: nothing else
  // can take its pool's connections; then it is used at once, and its first failed check marks it
  // down. The caller builds the tables that lead to it anew.
  void begin_anew(traffic::NodeSlot slot, bool needed, base::Instant now);

  [[nodiscard]] const NodePlace& place(traffic::NodeSlot slot) const noexcept {
    return places_[slot];
  }

 private:
  struct Entry {
    traffic::HealthMachine machine;
    base::Instant since = 0;
    std::string failure;
  };
  [[nodiscard]] const Entry& worst_entry(traffic::NodeSlot slot) const noexcept;
  bool changed(traffic::NodeSlot slot, std::uint32_t position, traffic::Health before,
               base::Instant now);

  const traffic::Model& model_;
  EventSink& events_;
  std::vector<NodePlace> places_;            // by slot
  std::vector<std::vector<Entry>> entries_;  // by slot, by position of the service
  std::vector<std::uint32_t> positions_;     // by ServiceId: its position in its app
};

}  // namespace shunt::control
