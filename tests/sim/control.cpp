#include "tests/sim/control.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "shunt/base/limits.hpp"
#include "shunt/traffic/table.hpp"

namespace shunt::sim {
namespace {

base::Endpoint address_of(traffic::NodeSlot slot, traffic::ServiceId service, bool local) {
  if (local) {
    return base::Endpoint::parse("unix:/node" + std::to_string(slot) + "." +
                                 std::to_string(service))
        .value();
  }
  return base::Endpoint::parse("10.0." + std::to_string(service) + "." + std::to_string(slot + 1))
      .value()
      .with_port(80);
}

traffic::Timeouts make_timeouts(Random& random) {
  traffic::Timeouts timeouts;
  timeouts.connect = random.one_in(2) ? 2 * base::kSecond : 50 * base::kMillisecond;
  if (random.one_in(4)) timeouts.idle = random.between(1, 5000) * base::kMillisecond;
  if (random.one_in(3)) timeouts.half_closed = random.between(1, 5000) * base::kMillisecond;
  if (random.one_in(3)) timeouts.stalled = random.between(1, 5000) * base::kMillisecond;
  return timeouts;
}

}  // namespace

traffic::Model Control::make_model(Random& random) {
  traffic::Model model;
  traffic::App app;
  app.name = "web";
  app.balance = static_cast<traffic::Balance>(random.below(3));
  app.timeouts = make_timeouts(random);
  if (random.one_in(4)) app.sources = {base::Endpoint::parse("10.1.0.1").value()};
  const std::uint32_t services = 1 + random.below(2);
  for (traffic::ServiceId id = 0; id < services; ++id) {
    app.services.push_back(id);
    model.services.emplace_back();
    model.services.back().id = id;
    model.services.back().name = "s" + std::to_string(id);
  }
  app.pools.resize(2 + random.below(2));
  for (traffic::Pool& pool : app.pools) {
    pool.name = "pool" + std::to_string(&pool - app.pools.data());
    const std::uint32_t nodes = 1 + random.below(3);
    for (std::uint32_t i = 0; i < nodes; ++i) {
      traffic::Node node;
      node.slot = model.slots++;
      node.name = "node" + std::to_string(node.slot);
      node.weight = 1 + random.below(3);
      const bool local = random.one_in(5);
      for (const traffic::ServiceId id : app.services) {
        node.addresses.push_back(address_of(node.slot, id, local));
      }
      pool.nodes.push_back(std::move(node));
    }
  }
  model.apps.push_back(std::move(app));
  return model;
}

Control::Control(Network& network, Random& random, Violations& violations)
    : network_(network),
      random_(random),
      violations_(violations),
      model_(make_model(random)),
      workers_(random.one_in(4) ? 2 + random.below(2) : 1),
      act_one_in_(random.one_in(8) ? 10 : static_cast<std::uint32_t>(random.between(50, 2000))),
      connections_max_(random.one_in(8) ? 1 + random.below(4) : 64),
      spilled_bytes_max_(network.temper().scarce ? random.below(512) : base::kSpilledBytesMax),
      publication_(workers_, make_root()),
      live_(model_.slots),
      peers_(workers_) {
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    auto counters = std::make_unique<proxy::WorkerCounters>(
        model_.slots, static_cast<std::uint32_t>(model_.services.size()));
    auto outbox = std::make_unique<proxy::Outbox>(*counters);
    peers_.introduce(worker, counters->relays);
    shared_.push_back(
        {.mailbox = std::make_unique<proxy::SpscRing<proxy::Request>>(base::kMailboxCapacity),
         .counters = std::move(counters),
         .outbox = std::move(outbox)});
  }
  constexpr NodeMood kMoods[] = {NodeMood::kHealthy,  NodeMood::kHealthy, NodeMood::kHealthy,
                                 NodeMood::kSlow,     NodeMood::kSlow,    NodeMood::kRefusing,
                                 NodeMood::kBlackHole};
  for (traffic::PoolId pool = 0; pool < model_.apps[0].pools.size(); ++pool) {
    for (const traffic::Node& node : model_.apps[0].pools[pool].nodes) {
      const NodeMood mood = kMoods[random_.below(7)];
      for (const base::Endpoint& address : node.addresses) {
        network_.add_node({address, node.slot, pool, mood});
      }
    }
  }
  possible_ = {active_};
  // Drawn aside, so that the other runs are what they would be without.
  Random aside = random_;
  has_splits_ = aside.one_in(3);
}

proxy::WorkerSetup Control::make_setup(std::uint32_t worker) {
  proxy::WorkerSetup setup;
  setup.index = worker;
  setup.connections_max = connections_max_;
  setup.spilled_bytes_max = spilled_bytes_max_;
  setup.large_buffers = {.count = random_.below(4), .bytes = 4096U << random_.below(2)};
  constexpr proxy::BusyPollMode kModes[] = {proxy::BusyPollMode::kOff, proxy::BusyPollMode::kAuto,
                                            proxy::BusyPollMode::kAlways};
  setup.busy_poll = {.mode = kModes[random_.below(3)],
                     .span = random_.between(1, 2000) * base::kMicrosecond};
  setup.app_of.assign(model_.services.size(), 0);
  setup.publication = &publication_;
  setup.mailbox = shared_[worker].mailbox.get();
  setup.outbox = shared_[worker].outbox.get();
  setup.counters = shared_[worker].counters.get();
  setup.live = &live_;
  setup.open = &open_;
  setup.peers = workers_ > 1 ? &peers_ : nullptr;
  setup.hand_over_margin = random_.below(3);
  return setup;
}

void Control::act() {
  if (calm_) {
    // Adoption and reclamation go on to the end.
    if (random_.one_in(100)) judge();
    return;
  }
  if (!random_.one_in(act_one_in_)) return;
  switch (random_.below(8)) {
    case 0:
    case 1:
    case 2:
      return publish();
    case 3:
    case 4:
    case 5:
      return judge();
    case 6:
      publication_.reclaim();
      return;
    case 7:
      // Several at once, as control does: one may wait behind the walk of another.
      for (std::uint32_t left = 1 + random_.below(3); left != 0; --left)
        ask(random_.below(workers_));
      return;
  }
}

// ---- Tables.

std::unique_ptr<const traffic::RoutingRoot> Control::make_root() {
  const bool sick = random_.one_in(4);
  auto table = traffic::build_table(
      model_, 0, {.active = active_, .epoch = revision_, .split = split_},
      [&](traffic::NodeSlot, std::uint32_t) {
        return sick && random_.one_in(2) ? traffic::Health::kDown : traffic::Health::kUp;
      },
      [&](traffic::NodeSlot) {
        return sick && random_.one_in(4) ? traffic::AdminState::kDrain
                                         : traffic::AdminState::kReady;
      });
  return traffic::build_root(revision_, {std::move(table)},
                             static_cast<std::uint32_t>(model_.services.size()));
}

// A share for another pool, now and then; one that is there may grow, shrink or end.
void Control::draw_split() {
  split_.reset();
  const auto pools = static_cast<std::uint32_t>(model_.apps[0].pools.size());
  if (!has_splits_ || pools < 2 || !random_.one_in(2)) return;
  traffic::SplitTerms terms;
  terms.pool = (active_ + 1 + random_.below(pools - 1)) % pools;
  terms.share = random_.below(traffic::kTickets + 1);
  terms.sticky = random_.one_in(2);
  split_ = terms;
}

void Control::publish() {
  if (!random_.one_in(3)) {
    active_ = random_.below(static_cast<std::uint32_t>(model_.apps[0].pools.size()));
  }
  draw_split();
  ++revision_;
  possible_.push_back(active_);
  if (split_) possible_.push_back(split_->pool);
  // From its exchange on the worker may read it.
  if (was_judged_) network_.allow_only(possible_);
  publication_.publish(make_root());
  violations_.note("publish revision " + std::to_string(revision_) + ", active pool " +
                   std::to_string(active_));
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (!publication_.adopted(worker, revision_)) wake(worker);
  }
}

void Control::judge() {
  if (publication_.adopted_by_all(revision_)) {
    violations_.note("adopted revision " + std::to_string(revision_));
    was_judged_ = true;
    possible_ = {active_};
    if (split_) possible_.push_back(split_->pool);
    network_.allow_only(possible_);
  } else if (random_.one_in(4)) {
    wake(random_.below(workers_));
  }
  publication_.reclaim();
}

// ---- Requests.

void Control::ask(std::uint32_t worker) {
  if (stopping_) return;
  traffic::PoolId pool = traffic::kNoPool;
  if (random_.one_in(2))
    pool = random_.below(static_cast<std::uint32_t>(model_.apps[0].pools.size()));
  proxy::Request request;
  switch (random_.below(8)) {
    case 0:
    case 1: {
      request = &pings_.emplace_back();
      break;
    }
    case 2:
    case 3: {
      proxy::Survey& survey = surveys_.emplace_back();
      survey.filter.pool = pool;
      survey.list_max = random_.below(4);
      survey.connections.reserve(survey.list_max);
      survey.oldest.resize(model_.slots);
      survey.marked.resize(model_.slots);
      request = &survey;
      break;
    }
    case 4: {
      proxy::CloseRelays& close = closes_.emplace_back();
      close.order.filter.pool = pool;
      close.order.over = random_.one_in(2) ? 0 : random_.between(0, base::kSecond);
      if (random_.one_in(2)) close.max = 1;
      if (random_.one_in(4)) {
        close.order.withdrawn = std::make_shared<const std::atomic<bool>>(random_.one_in(2));
      }
      close_was_asked_ = true;
      request = &close;
      break;
    }
    case 5: {
      proxy::CancelClose& cancel = cancels_.emplace_back();
      cancel.filter.pool = pool;
      cancel.cause = proxy::CloseCause::kClosed;
      cancel.all = random_.one_in(3);
      if (random_.one_in(2)) {
        cancel.others.push_back(
            {.filter = {.pool = pool}, .over = random_.between(1, base::kSecond)});
        close_was_asked_ = true;
      }
      request = &cancel;
      break;
    }
    default:
      return;
  }
  if (!shared_[worker].mailbox->push(request)) return;
  std::visit(
      [this](auto asked) {
        if constexpr (requires { asked->done; }) unanswered_.push_back(&asked->done);
      },
      request);
  wake(worker);
}

void Control::expect_answered() {
  std::erase_if(unanswered_, [](const auto* done) { return done->load(); });
  if (!unanswered_.empty()) violations_.add("a worker sleeps with mail left unread");
  unanswered_.clear();
}

void Control::calm_down() {
  calm_ = true;
}

void Control::stop_accepting() {
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    // Several of them are answered as one is.
    for (std::uint32_t left = 1 + random_.below(2); left != 0; --left) {
      if (!shared_[worker].mailbox->push(&stops_.emplace_back())) break;
      unanswered_.push_back(&stops_.back().done);
    }
    wake(worker);
  }
}

bool Control::accepting_stopped() const noexcept {
  return !stops_.empty() && std::all_of(stops_.begin(), stops_.end(),
                                        [](const auto& stop) { return stop.done.load(); });
}

void Control::stop_workers() {
  if (std::exchange(stopping_, true)) return;
  if (random_.one_in(2)) stop_accepting();
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (!shared_[worker].mailbox->push(proxy::StopWorker{})) {
      violations_.add("a mailbox is full to the end");
    }
    wake(worker);
  }
}

// ---- What became of it.

std::uint64_t Control::accepted() const {
  std::uint64_t sum = 0;
  for (const Shared& shared : shared_) {
    for (const proxy::ServiceCounters& service : shared.counters->services) {
      sum += service.accepted.get();
    }
  }
  return sum;
}

void Control::expect_no_late_ones() {
  if (!accepting_stopped()) return;
  if (accepted_when_stopped_ == UINT64_MAX) accepted_when_stopped_ = accepted();
  if (accepted() == accepted_when_stopped_) return;
  violations_.add("a connection began after all workers said that they accept no more");
  accepted_when_stopped_ = accepted();
}

void Control::take_records() {
  expect_no_late_ones();
  for (const Shared& shared : shared_) {
    proxy::ConnectionEnd end;
    while (shared.outbox->take_ends(&end, 1) == 1) {
      ends_.push_back(end);
      if (end.cause == proxy::CloseCause::kDone && accepting_stopped()) ++ended_after_accepting_;
      if (end.cause == proxy::CloseCause::kShutdown && !stopping_) {
        violations_.add("closed by a shutdown that nobody asked for");
      }
    }
    proxy::ConnectOutcome outcome;
    while (shared.outbox->take_outcomes(&outcome, 1) == 1) {
      for (const int own : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        if (outcome.error == own)
          violations_.add("a shortage of its own is told as a node's failure");
      }
    }
  }
}

void Control::expect_rest() const {
  const auto expect_zero = [this](std::uint64_t value, const std::string& what) {
    if (value != 0) violations_.add(what + " is " + std::to_string(value) + " with nothing left");
  };
  expect_zero(open_.count.load(), "the count of open connections");
  for (traffic::NodeSlot slot = 0; slot < model_.slots; ++slot) {
    expect_zero(live_.get(slot), "node " + std::to_string(slot) + ": live connections");
  }
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    const proxy::WorkerCounters& counters = *shared_[worker].counters;
    expect_zero(counters.relays.get(), "the count of relays");
    expect_zero(counters.stale_completions.get(), "the count of stale completions");
    expect_zero(counters.records_dropped.get(), "the count of dropped records");
    for (traffic::NodeSlot slot = 0; slot < model_.slots; ++slot) {
      const std::string node = "node " + std::to_string(slot) + ": ";
      expect_zero(counters.nodes[slot].connecting.get(), node + "connecting");
      expect_zero(counters.nodes[slot].established.get(), node + "established");
    }
    for (std::size_t service = 0; service < model_.services.size(); ++service) {
      expect_zero(counters.services[service].open.get(),
                  "open of service " + std::to_string(service));
    }
  }
}

}  // namespace shunt::sim
