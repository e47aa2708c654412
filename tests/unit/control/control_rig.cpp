#include "tests/unit/control/control_rig.hpp"

#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>

namespace shunt::control::test {

std::size_t EventList::count(const std::string& type) const {
  std::size_t count = 0;
  for (const Event& event : events) count += event.type == type ? 1 : 0;
  return count;
}

const Event& EventList::last(const std::string& type) const {
  for (auto it = events.rbegin(); it != events.rend(); ++it) {
    if (it->type == type) return *it;
  }
  ADD_FAILURE() << "no event " << type;
  static const Event kNone;
  return kNone;
}

ControlRig::ControlRig(traffic::Model model, bool sync) : sync_(sync) {
  config.model = std::move(model);
  // Waits end by what happens; those that a test is about, it shortens.
  timing.persist_wait = 60 * base::kSecond;
  timing.adoption_wait = 60 * base::kSecond;
  timing.hurried_wait = 60 * base::kSecond;
  timing.persist_retry = base::kMillisecond;
  timing.settle = base::kMillisecond;
  timing.rebuild_delay = 0;
  timing.heartbeat = base::kMillisecond;
  timing.ping_interval = base::kMillisecond;
}

ControlRig::~ControlRig() {
  kill();
}

void ControlRig::start(bool healthy) {
  auto store = open_on(medium, std::exchange(blank_, false), sync_);
  ASSERT_TRUE(store) << store.error().message;
  auto restored = restore_state(config.model, store->loaded());
  ASSERT_TRUE(restored) << restored.error().message;
  data_plane =
      std::make_unique<FakeDataPlane>(config.model, 2, initial_root(config.model, *restored));
  persister = std::make_unique<Persister>(std::move(*store), io.get_executor());
  ControlParts parts{.io = io,
                     .config = config,
                     .data_plane = *data_plane,
                     .persister = *persister,
                     .events = events,
                     .version = "test",
                     .capacity = 100,
                     .timing = timing,
                     .drained = [this](traffic::AppId, traffic::PoolId pool,
                                       base::Duration took) { drained.emplace_back(pool, took); },
                     .commanded = [this](Verb, const Outcome&) { ++own_commands; }};
  parts.prober = [this](std::function<void(const ProbeResult&)> on_result) {
    auto made = std::make_unique<FakeProber>();
    prober = made.get();
    prober->on_result = std::move(on_result);
    return made;
  };
  plane = make_control_plane(std::move(parts), std::move(*restored));
  plane->start();
  if (!healthy) return;
  for (traffic::NodeSlot slot = 0; slot < config.model.slots; ++slot) check(slot, true, 2);
}

void ControlRig::kill() {
  plane.reset();
  persister.reset();
  io.restart();
  io.poll();  // what was posted for the control plane that is gone
  data_plane.reset();
}

std::shared_ptr<std::optional<Outcome>> ControlRig::apply(Command command) {
  auto answer = std::make_shared<std::optional<Outcome>>();
  plane->apply(std::move(command), [answer](Outcome outcome) {
    EXPECT_FALSE(answer->has_value()) << "answered twice";
    *answer = std::move(outcome);
  });
  return answer;
}

Outcome ControlRig::run(Command command) {
  const auto answer = apply(std::move(command));
  run_until([&] { return answer->has_value(); });
  return **answer;
}

Outcome ControlRig::switch_to(const std::string& pool) {
  return run(switch_command(pool));
}
Outcome ControlRig::rollback() {
  return run(rollback_command());
}

void ControlRig::run_until(const std::function<bool()>& condition) {
  const auto work = boost::asio::make_work_guard(io);
  io.restart();
  while (!condition()) io.run_one();
}

void ControlRig::check(traffic::NodeSlot slot, bool passed, int times) {
  for (int time = 0; time < times; ++time) {
    const std::size_t services = config.model.find_node(slot)->addresses.size();
    for (std::uint32_t position = 0; position < services; ++position) {
      prober->on_result({slot, position, passed, passed ? "" : "connection refused", 0});
    }
  }
}

void ControlRig::put_connections() {
  data_plane->bump(0).nodes[0].established.add(1);
  data_plane->bump(1).nodes[0].established.add(1);
  data_plane->bump(1).nodes[1].established.add(1);
}

void ControlRig::end_connections() {
  data_plane->bump(0).nodes[0].established.subtract(1);
  data_plane->bump(1).nodes[0].established.subtract(1);
  data_plane->bump(1).nodes[1].established.subtract(1);
}

ControlRig& ControlRig::with_connections() {
  start();
  put_connections();
  return *this;
}

std::vector<std::string> ControlRig::routed_to(traffic::ServiceId service) const {
  std::vector<std::string> names;
  for (const auto& candidate : data_plane->publication().current().services[service]->candidates) {
    names.push_back(config.model.find_node(candidate.slot)->name);
  }
  return names;
}

traffic::Revision ControlRig::revision() const {
  return data_plane->publication().current().revision;
}

Command switch_command(const std::string& pool, const std::string& key) {
  Command command;
  command.verb = Verb::kSwitch;
  command.pool = pool;
  command.key = key;
  command.actor = "uid 0";
  return command;
}

Command rollback_command(const std::string& pool) {
  Command command;
  command.verb = Verb::kRollback;
  command.pool = pool;
  return command;
}

Command admin_command(std::vector<std::string> nodes, traffic::AdminState state) {
  Command command;
  command.verb = Verb::kAdmin;
  command.nodes = std::move(nodes);
  command.admin = state;
  return command;
}

Command not_durable(Command command) {
  command.not_durable = true;
  return command;
}

Command dry_run(Command command) {
  command.dry_run = true;
  return command;
}

Command drain_command(std::vector<std::string> nodes, base::Duration deadline) {
  Command command = admin_command(std::move(nodes), traffic::AdminState::kDrain);
  command.deadline = deadline;
  return command;
}

Command close_command(base::Duration over) {
  Command command;
  command.verb = Verb::kClose;
  command.close_over = over;
  return command;
}

Command close_pool(const std::string& pool, base::Duration over) {
  Command command = close_command(over);
  command.pool = pool;
  return command;
}

Command close_node(const std::string& node, base::Duration over) {
  Command command = close_command(over);
  command.nodes = {node};
  return command;
}

}  // namespace shunt::control::test
