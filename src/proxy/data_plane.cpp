#include "shunt/proxy/data_plane.hpp"

#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "shunt/base/check.hpp"
#include "src/proxy/listen_sockets.hpp"
#include "src/proxy/worker_thread.hpp"

namespace shunt::proxy {
namespace {

// The CPUs that the process may use, in order.
std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string read_proc_stat() {
  std::ifstream file("/proc/stat");
  return {std::istreambuf_iterator<char>(file), {}};
}

BusyPollSetting in_force(const DataPlaneOptions& options) noexcept {
  return options.busy_poll_hold == BusyPollHold::kNone
             ? options.busy_poll
             : BusyPollSetting{.mode = BusyPollMode::kOff};
}

class ThreadedDataPlane final : public DataPlane {
 public:
  ThreadedDataPlane(const DataPlaneOptions& options, const traffic::Model& model,
                    std::unique_ptr<const traffic::RoutingRoot> first_root)
      : live_(model.slots),
        publication_(options.workers, std::move(first_root)),
        peers_(options.workers) {}
  ~ThreadedDataPlane() override {
    // All are told before the first one is waited for.
    for (auto& worker : threads_) static_cast<void>(worker->send(StopWorker{}));
    for (auto& worker : threads_) worker->join();
    threads_.clear();
  }

  base::Status start(const DataPlaneOptions& options, const traffic::Model& model,
                     std::vector<InheritedListener> inherited) {
    auto features = uring::wanted_features();
    if (!features) return tl::unexpected(std::move(features.error()));
    features->multishot_accept = features->multishot_accept && options.accept_bursts;
    features->splice = features->splice && options.splice_pipes != 0;
    auto sockets = open_listen_sockets(model, options.workers, std::move(inherited));
    if (!sockets) return tl::unexpected(std::move(sockets.error()));
    listening_ = std::move(sockets->listening);

    adoption_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!adoption_) return base::fail_errno(errno, "eventfd");
    const WorkerThread::Common common{.model = &model,
                                      .publication = &publication_,
                                      .live = &live_,
                                      .open = &open_,
                                      .peers = options.workers > 1 ? &peers_ : nullptr,
                                      .adoption_fd = adoption_.get(),
                                      .connections_max = options.connections_max,
                                      .spilled_bytes_max = options.spilled_bytes_max,
                                      .splice_pipes = options.splice_pipes,
                                      .features = *features,
                                      .busy_poll = in_force(options)};
    busy_poll_ = common.busy_poll.mode;
    busy_poll_hold_ = options.busy_poll_hold;
    const std::vector<int> cpus = options.pin_workers ? usable_cpus() : std::vector<int>{};
    for (std::uint32_t index = 0; index < options.workers; ++index) {
      threads_.push_back(std::make_unique<WorkerThread>(index, common));
      peers_.introduce(index, threads_.back()->counters().relays);
    }
    for (std::uint32_t index = 0; index < options.workers; ++index) {
      base::Status status = threads_[index]->begin(std::move(sockets->by_worker[index]),
                                                   cpus.empty() ? -1 : cpus[index % cpus.size()]);
      if (!status) return status;
    }
    for (auto& worker : threads_) {
      if (base::Status status = worker->wait_ready(); !status) return status;
    }
    return {};
  }

  std::uint32_t workers() const noexcept override {
    return static_cast<std::uint32_t>(threads_.size());
  }
  Publication& publication() noexcept override { return publication_; }
  void wake(traffic::Revision revision) noexcept override {
    for (std::uint32_t index = 0; index < workers(); ++index) {
      if (!publication_.adopted(index, revision)) threads_[index]->wake();
    }
  }
  int adoption_fd() const noexcept override { return adoption_.get(); }
  int cpu(std::uint32_t worker) const noexcept override { return threads_[worker]->cpu(); }
  void watch_cpus() override {
    if (busy_poll_ != BusyPollMode::kAuto) return;
    const std::string text = read_proc_stat();
    for (auto& worker : threads_) worker->look_at_cpu(text);
  }
  BusyPollHold busy_poll_hold(std::uint32_t worker) const noexcept override {
    return busy_poll_ == BusyPollMode::kAuto ? threads_[worker]->busy_poll_hold() : busy_poll_hold_;
  }
  bool send(std::uint32_t worker, const Request& request) noexcept override {
    return threads_[worker]->send(request);
  }
  const WorkerCounters& counters(std::uint32_t worker) const noexcept override {
    return threads_[worker]->counters();
  }
  const traffic::LiveCounts& live() const noexcept override { return live_; }
  std::size_t take_ends(std::uint32_t worker, ConnectionEnd* out,
                        std::size_t max) noexcept override {
    return threads_[worker]->outbox().take_ends(out, max);
  }
  std::size_t take_outcomes(std::uint32_t worker, ConnectOutcome* out,
                            std::size_t max) noexcept override {
    return threads_[worker]->outbox().take_outcomes(out, max);
  }
  bool ended(std::uint32_t worker) const noexcept override { return threads_[worker]->ended(); }
  std::string features() const override {
    uring::Features of_all = threads_.front()->features();
    for (const auto& thread : threads_) {
      of_all = uring::common_features(of_all, thread->features());
    }
    return of_all.names();
  }
  const std::vector<std::vector<base::Endpoint>>& listening() const noexcept override {
    return listening_;
  }

 private:
  traffic::LiveCounts live_;
  OpenConnections open_;
  Publication publication_;
  Peers peers_;
  base::UniqueFd adoption_;
  BusyPollMode busy_poll_ = BusyPollMode::kOff;  // in force
  BusyPollHold busy_poll_hold_ = BusyPollHold::kNone;
  std::vector<std::vector<base::Endpoint>> listening_;
  std::vector<std::unique_ptr<WorkerThread>> threads_;  // the first to go
};

}  // namespace

base::Result<std::unique_ptr<DataPlane>> DataPlane::start(
    const DataPlaneOptions& options, const traffic::Model& model,
    std::vector<InheritedListener> inherited,
    std::unique_ptr<const traffic::RoutingRoot> first_root) {
  SHUNT_CHECK(options.workers > 0 && options.workers <= base::kWorkersMax);
  SHUNT_CHECK(options.connections_max > 0 && options.connections_max <= base::kConnectionsMax);
  auto plane = std::make_unique<ThreadedDataPlane>(options, model, std::move(first_root));
  if (base::Status status = plane->start(options, model, std::move(inherited)); !status) {
    return tl::unexpected(std::move(status.error()));
  }
  return plane;
}

}  // namespace shunt::proxy
