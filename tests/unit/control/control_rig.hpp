// A whole control side over fakes: scripted workers, a disk with faults, a prober by hand.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shunt/control/control_plane.hpp"
#include "tests/unit/control/fake_data_plane.hpp"
#include "tests/unit/control/fixture_model.hpp"
#include "tests/unit/control/memory_file.hpp"

namespace shunt::control::test {

class EventList final : public EventSink {
 public:
  void publish(Event event) override { events.push_back(std::move(event)); }
  [[nodiscard]] std::size_t count(const std::string& type) const;
  // The newest of this type; a failure of the test where there is none.
  [[nodiscard]] const Event& last(const std::string& type) const;
  std::vector<Event> events;
};

class FakeProber final : public Prober {
 public:
  void start() override { started = true; }
  void stop() override {}
  void set_paused(traffic::NodeSlot slot, bool paused) override {
    if (paused) {
      paused_slots.push_back(slot);
    } else {
      std::erase(paused_slots, slot);
    }
  }
  [[nodiscard]] std::uint32_t in_flight() const noexcept override { return 0; }
  bool started = false;
  std::vector<traffic::NodeSlot> paused_slots;
  std::function<void(const ProbeResult&)> on_result;
};

// Slots of web_model(): b1 0, b2 1, g1 2, g2 3. Two workers, both asleep.
class ControlRig {
 public:
  explicit ControlRig(traffic::Model model = web_model(), bool sync = true);
  ~ControlRig();

  // Begins, from what the medium holds. Everything of green passes its checks where `healthy`.
  void start(bool healthy = true);
  // The process is killed: the medium's cache stays as it is.
  void kill();
  void restart() {
    kill();
    start();
  }

  // Runs the control thread until the command is answered.
  Outcome run(Command command);
  Outcome switch_to(const std::string& pool);
  Outcome rollback();
  // Applies without running; the answer arrives in the returned object.
  std::shared_ptr<std::optional<Outcome>> apply(Command command);
  void run_until(const std::function<bool()>& condition);
  void check(traffic::NodeSlot slot, bool passed, int times = 1);  // for both services
  // Two established connections on b1, one on b2; and their end.
  void put_connections();
  void end_connections();
  ControlRig& with_connections();  // after start()
  [[nodiscard]] AppStatus app() const { return plane->status().apps.at(0); }
  // Candidates of the published table, by node name.
  [[nodiscard]] std::vector<std::string> routed_to(traffic::ServiceId service = 0) const;
  [[nodiscard]] traffic::Revision revision() const;

  Config config;
  std::shared_ptr<Medium> medium = std::make_shared<Medium>();
  EventList events;
  ControlTiming timing;
  boost::asio::io_context io;
  std::unique_ptr<FakeDataPlane> data_plane;
  std::unique_ptr<Persister> persister;
  FakeProber* prober = nullptr;
  std::vector<std::pair<traffic::PoolId, base::Duration>> drained;
  std::size_t own_commands = 0;  // that shunt gave itself, done or refused
  std::unique_ptr<ControlPlane> plane;

 private:
  bool sync_;
  bool blank_ = true;
};

// key: the operation id; empty: none.
[[nodiscard]] Command switch_command(const std::string& pool, const std::string& key = {});
[[nodiscard]] Command rollback_command(const std::string& pool = {});
[[nodiscard]] Command admin_command(std::vector<std::string> nodes, traffic::AdminState state);
[[nodiscard]] Command not_durable(Command command);
[[nodiscard]] Command dry_run(Command command);
[[nodiscard]] Command drain_command(std::vector<std::string> nodes, base::Duration deadline);
[[nodiscard]] Command close_command(base::Duration over);  // of what the caller says
[[nodiscard]] Command close_pool(const std::string& pool, base::Duration over);
[[nodiscard]] Command close_node(const std::string& node, base::Duration over);

}  // namespace shunt::control::test
