#include "src/proxy/worker_thread.hpp"

#include <sched.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <thread>

#include "shunt/uring/system_kernel.hpp"
#include "src/proxy/worker.hpp"

namespace shunt::proxy {

WorkerThread::WorkerThread(std::uint32_t index, const Common& common)
    : common_(common),
      counters_(common.live->slots(), static_cast<std::uint32_t>(common.model->services.size())) {
  setup_.index = index;
  setup_.connections_max = common.connections_max;
  setup_.spilled_bytes_max = common.spilled_bytes_max;
  setup_.splice_pipes = common.splice_pipes;
  for (const traffic::Service& service : common.model->services) {
    setup_.app_of.push_back(service.app);
  }
  setup_.publication = common.publication;
  setup_.mailbox = &mailbox_;
  setup_.outbox = &outbox_;
  setup_.counters = &counters_;
  setup_.live = common.live;
  setup_.open = common.open;
  setup_.peers = common.peers;
  setup_.adoption_fd = common.adoption_fd;
  setup_.busy_poll = common.busy_poll;
  setup_.cpu_is_shared = &cpu_is_shared_;
}

WorkerThread::~WorkerThread() {
  join();
}

void WorkerThread::join() noexcept {
  if (!begun_) return;
  while (!ended() && !send(StopWorker{})) std::this_thread::yield();
  ::pthread_join(thread_, nullptr);
  begun_ = false;
}

base::Status WorkerThread::begin(std::vector<OwnedListener> listeners, int cpu) {
  wake_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!wake_) return base::fail_errno(errno, "eventfd");
  setup_.wake_fd = wake_.get();
  cpu_ = cpu;

  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  if (cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<std::size_t>(cpu), &cpus);
    ::pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
  }
  // Signals are the main thread's: a worker must not be interrupted in io_uring_enter by them.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (OwnedListener& listener : listeners) {
    setup_.listeners.push_back({listener.fd.release(), listener.service});
  }
  const int error = ::pthread_create(&thread_, &attributes, &WorkerThread::enter, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    for (const ListenerSocket& listener : setup_.listeners) ::close(listener.fd);
    return base::fail_errno(
        error, "cannot start a worker thread",
        "raise the limit of threads (TasksMax=, ulimit -u) or of memory (ulimit -v)");
  }
  begun_ = true;
  return {};
}

base::Status WorkerThread::wait_ready() {
  ready_.wait(false, std::memory_order_acquire);
  return outcome_;
}

void WorkerThread::wake() noexcept {
  ::eventfd_write(wake_.get(), 1);
}

void WorkerThread::look_at_cpu(std::string_view proc_stat) noexcept {
  static const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  if (cpu_ < 0 || ended()) return;
  const auto tasks = time_of_tasks(proc_stat, cpu_, ticks_per_second);
  clockid_t clock;
  timespec own;
  if (!tasks || ::pthread_getcpuclockid(thread_, &clock) != 0 ||
      ::clock_gettime(clock, &own) != 0) {
    return;
  }
  cpu_watch_.note({.at = base::monotonic_now(),
                   .tasks = *tasks,
                   .own = static_cast<base::Duration>(own.tv_sec) * base::kSecond +
                          static_cast<base::Duration>(own.tv_nsec)});
  cpu_is_shared_.store(cpu_watch_.shared(), std::memory_order_relaxed);
}

bool WorkerThread::send(const Request& request) noexcept {
  if (!mailbox_.push(request)) return false;
  wake();
  return true;
}

void* WorkerThread::enter(void* self) {
  auto* worker = static_cast<WorkerThread*>(self);
  char name[16];
  std::snprintf(name, sizeof(name), "shunt-worker%u", worker->setup_.index);
  ::pthread_setname_np(::pthread_self(), name);
  worker->run();
  worker->ended_.store(true, std::memory_order_release);
  return nullptr;
}

void WorkerThread::run() noexcept {
  uring::SystemKernelOptions options;
  options.ring.wanted = common_.features;
  options.ring.watched = common_.busy_poll.mode != BusyPollMode::kOff;
  auto kernel = uring::SystemKernel::create(options);
  if (!kernel) {
    for (const ListenerSocket& listener : setup_.listeners) ::close(listener.fd);
    return report(tl::unexpected(std::move(kernel.error())));
  }
  Worker<uring::SystemKernel> worker(**kernel, setup_);
  if (!worker.ready()) {
    for (const ListenerSocket& listener : setup_.listeners) ::close(listener.fd);
    return report(base::fail(
        base::ErrorCode::kUnavailable,
        "no address space for " + std::to_string(setup_.connections_max) + " connections",
        "lower limits.connections, or raise ulimit -v"));
  }
  features_ = (*kernel)->features();
  worker.start();
  report({});
  while (worker.turn()) {
  }
}

void WorkerThread::report(base::Status status) {
  outcome_ = std::move(status);
  ready_.store(true, std::memory_order_release);
  ready_.notify_all();
}

}  // namespace shunt::proxy
