// DataPlane: all workers together, as the control side sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/limits.hpp"
#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/proxy/busy_poll_hold.hpp"
#include "shunt/proxy/busy_poll_setting.hpp"
#include "shunt/proxy/counters.hpp"
#include "shunt/proxy/mailbox.hpp"
#include "shunt/proxy/publication.hpp"
#include "shunt/proxy/records.hpp"
#include "shunt/traffic/live_counts.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::proxy {

// A socket that was handed to the process (socket activation), shared by all workers.
struct InheritedListener {
  base::Endpoint address;
  base::UniqueFd fd;
};

struct DataPlaneOptions {
  std::uint32_t workers = 1;
  std::uint32_t connections_max = 0;  // in all; capacity() has what descriptors allow
  bool pin_workers = true;            // worker i on the i-th CPU that the process may use
  bool accept_bursts = true;          // Capacity has whether descriptors allow it
  std::uint32_t splice_pipes = 0;     // of each worker, for streams; Capacity has how many
  std::size_t spilled_bytes_max = base::kSpilledBytesMax;  // of each worker
  BusyPollSetting busy_poll{.mode = BusyPollMode::kOff};   // kAuto needs watch_cpus() and pinning
  BusyPollHold busy_poll_hold = BusyPollHold::kNone;       // else kAuto is as kOff
};

// What the machine lets this process hold (rule 17 of the data path).
struct Capacity {
  std::uint64_t descriptors = 0;  // RLIMIT_NOFILE after it was raised to the hard limit
  std::uint32_t connections = 0;  // (descriptors - reserved) / 2, or the configured limit if lower
  // A worker may accept as many connections with one request as its queue of completions holds,
  // before any of them meets the limit: there are descriptors for that beside the connections.
  bool accept_bursts = false;
  std::uint32_t splice_pipes = 0;  // kernel pipes of each worker, which take two each
};
// What the data plane will open for itself.
struct Footprint {
  std::uint32_t workers = 1;
  std::uint32_t addresses = 1;  // listen addresses of all services
  bool splices = false;         // streams through kernel pipes are wanted
};
// Raises the soft limit of descriptors to the hard one and computes what follows from it. wanted:
// limits.connections, 0 for auto; more than fits is an error that says how to raise the limit.
[[nodiscard]] base::Result<Capacity> claim_capacity(std::uint32_t wanted,
                                                    const Footprint& footprint);

class DataPlane {
 public:
  // Opens the listeners of every service (one SO_REUSEPORT socket a worker and address,
  // IPV6_V6ONLY; an address that another socket listens on is an error even where SO_REUSEPORT
  // would let both in), creates the rings on their threads and begins to accept. When this returns,
  // every worker serves. Errors say the cause and the way out: address in use, privileged port,
  // io_uring barred (seccomp, sysctl), too little memory, descriptors. `model` must outlive the
  // data plane.
  [[nodiscard]] static base::Result<std::unique_ptr<DataPlane>> start(
      const DataPlaneOptions& options, const traffic::Model& model,
      std::vector<InheritedListener> inherited,
      std::unique_ptr<const traffic::RoutingRoot> first_root);
  virtual ~DataPlane() = default;  // stops the workers (at once) and joins them

  [[nodiscard]] virtual std::uint32_t workers() const noexcept = 0;
  // The control thread publishes through it; after publish(), call wake() so that workers which are
  // asleep with connects under way follow soon.
  [[nodiscard]] virtual Publication& publication() noexcept = 0;
  // Wakes every worker that has not adopted `revision` (an eventfd write each, nothing waits).
  virtual void wake(traffic::Revision revision) noexcept = 0;
  // An eventfd that becomes readable when a worker follows a newer revision than before, so that
  // the control thread sleeps while it waits for adoption; it reads the counter. -1: there is none,
  // ask now and then.
  [[nodiscard]] virtual int adoption_fd() const noexcept { return -1; }
  // The CPU that the worker is pinned to; -1: none.
  [[nodiscard]] virtual int cpu(std::uint32_t /*worker*/) const noexcept { return -1; }
  // Looks whether others use the workers' CPUs, for busy_poll: auto. Control thread only, once a
  // second or so; reads /proc/stat.
  virtual void watch_cpus() {}
  // What holds busy_poll: auto off at this worker now; kNone as well for other settings. Control
  // thread only.
  [[nodiscard]] virtual BusyPollHold busy_poll_hold(std::uint32_t /*worker*/) const noexcept {
    return BusyPollHold::kNone;
  }
  // False when the worker's mailbox is full: try again later. Control thread only.
  [[nodiscard]] virtual bool send(std::uint32_t worker, const Request& request) noexcept = 0;
  [[nodiscard]] virtual const WorkerCounters& counters(std::uint32_t worker) const noexcept = 0;
  [[nodiscard]] virtual const traffic::LiveCounts& live() const noexcept = 0;
  // Takes up to `max` records, oldest first; returns how many. One consumer thread each.
  virtual std::size_t take_ends(std::uint32_t worker, ConnectionEnd* out,
                                std::size_t max) noexcept = 0;
  virtual std::size_t take_outcomes(std::uint32_t worker, ConnectOutcome* out,
                                    std::size_t max) noexcept = 0;
  // True once the worker's thread has ended (after StopWorker).
  [[nodiscard]] virtual bool ended(std::uint32_t worker) const noexcept = 0;
  // The io_uring features in use, for the start-up line and status: "defer_taskrun
  // multishot_accept".
  [[nodiscard]] virtual std::string features() const = 0;
  // Where each service listens now, with the real port where 0 was asked for. By ServiceId.
  [[nodiscard]] virtual const std::vector<std::vector<base::Endpoint>>& listening()
      const noexcept = 0;
};

}  // namespace shunt::proxy
