#include "src/app/daemon.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>

#include "shunt/admin/admin_server.hpp"
#include "shunt/base/units.hpp"
#include "shunt/control/control_plane.hpp"
#include "shunt/control/scheduling.hpp"
#include "shunt/observe/access_log.hpp"
#include "shunt/observe/command_meter.hpp"
#include "shunt/observe/event_log.hpp"
#include "shunt/observe/metrics.hpp"
#include "src/app/activation.hpp"
#include "src/app/kernel_tcp.hpp"
#include "src/app/machine.hpp"
#include "src/app/notify.hpp"
#include "src/app/shutdown.hpp"

namespace shunt::app {
namespace {

std::uint32_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

std::string plural(std::size_t count, const char* word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

void print_error(const base::Error& error) {
  std::cerr << "shunt: " << error.message << '\n';
  if (!error.hint.empty()) std::cerr << "  " << error.hint << '\n';
}

// Of what throws while the daemon is built: threads, descriptors, memory.
base::Error cannot_start(const std::string& what, int error) {
  constexpr const char* kMemory = "raise the limit of memory (MemoryMax=, ulimit -v)";
  switch (error) {
    case EAGAIN:  // pthread_create(3): of a stack that cannot be mapped too
      return {base::ErrorCode::kUnavailable, what,
              "raise the limit of threads (TasksMax=, ulimit -u) or of memory (MemoryMax=, "
              "ulimit -v)"};
    case ENOMEM:
      return {base::ErrorCode::kUnavailable, what, kMemory};
    case EMFILE:
    case ENFILE:
      return {base::ErrorCode::kUnavailable, what,
              "raise the limit of open files (LimitNOFILE=, ulimit -n)"};
    default:
      return {base::ErrorCode::kIo, what, {}};
  }
}

// Everything that runs, in the order in which it is built; destroyed from the bottom up.
class Daemon {
 public:
  explicit Daemon(control::Config config)
      : config_(std::move(config)),
        logger_({.level = config_.log.level,
                 .format = config_.log.format,
                 .fd = STDERR_FILENO,
                 .journal = observe::is_journal(STDERR_FILENO)}),
        events_(&logger_,
                [this](std::function<void()> run) { boost::asio::post(io_, std::move(run)); }),
        feed_(events_),
        admin_(io_, config_.admin, feed_,
               [this] { return metrics_ ? metrics_->scrape() : std::string(); }),
        histograms_(config_.model),
        meter_(config_.model),
        signals_(io_),
        watchdog_(io_) {}

  ~Daemon() { admin_.attach(nullptr); }

  base::Status start(bool reset_state);
  int run();

 private:
  void announce();
  void follow_decisions();
  void warn_of_machine();
  void wait_for_signal();
  void feed_watchdog();
  void entered(StopPhase phase);
  [[noreturn]] void end_without_disk();

  control::Config config_;
  boost::asio::io_context io_{1};
  observe::Logger logger_;
  observe::EventLog events_;
  admin::EventFeedOf<observe::EventLog> feed_;
  Notifier notifier_;
  LiveLine live_;
  std::string listening_;  // and the rest of the line that `systemctl status` shows
  std::unique_ptr<observe::Metrics> metrics_;  // before admin_, which scrapes it
  admin::AdminServer admin_;
  proxy::Capacity capacity_;
  BusyPollVerdict busy_poll_;
  std::unique_ptr<control::Persister> persister_;
  std::unique_ptr<proxy::DataPlane> data_plane_;
  std::unique_ptr<control::ControlPlane> control_;
  observe::ConnectionHistograms histograms_;
  observe::CommandMeter meter_;
  std::optional<observe::MeteredController> metered_;
  std::unique_ptr<observe::AccessLog> access_log_;
  std::unique_ptr<Shutdown> shutdown_;
  control::LastWords last_words_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer watchdog_;
};

// The state's lock comes first: a second daemon on the same state must not touch the first one's
// admin socket or listeners.
base::Status Daemon::start(bool reset_state) {
  // Before the first connection is taken: from then on a signal must not end it. What arrives until
  // run() waits for signals is kept.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) signals_.add(signal);
  auto store = control::StateStore::open(
      {.dir = config_.state.dir, .sync = config_.state.sync, .reset = reset_state});
  if (!store) return tl::unexpected(store.error());
  // Now: a start that fails later has put them aside all the same.
  if (const std::string& reset = store->loaded().reset; !reset.empty()) {
    control::Event event;
    event.type = "state_reset";
    event.level = control::EventLevel::kWarn;
    event.message = "begun anew by --reset-state, with `initial` of every app; " + reset;
    events_.publish(std::move(event));
  }
  auto restored = control::restore_state(config_.model, store->loaded(), config_.path);
  if (!restored) return tl::unexpected(restored.error());

  if (const auto listening = admin_.listen(); !listening) return listening;
  auto passed = take_passed_sockets();
  if (!passed) return tl::unexpected(passed.error());
  auto inherited = match_listeners(config_.model, std::move(*passed));
  if (!inherited) return tl::unexpected(inherited.error());

  const std::uint32_t workers = config_.workers == 0 ? usable_cpus() : config_.workers;
  proxy::Footprint footprint{.workers = workers, .addresses = 0, .splices = config_.splice};
  for (const traffic::Service& service : config_.model.services) {
    footprint.addresses += static_cast<std::uint32_t>(service.listen.size());
  }
  const auto capacity = proxy::claim_capacity(config_.connections_max, footprint);
  if (!capacity) return tl::unexpected(capacity.error());
  capacity_ = *capacity;
  busy_poll_ = judge_busy_poll(config_.busy_poll, workers, usable_cpus(), cpu_quota());
  auto data_plane = proxy::DataPlane::start({.workers = workers,
                                             .connections_max = capacity_.connections,
                                             .pin_workers = workers <= usable_cpus(),
                                             .accept_bursts = capacity_.accept_bursts,
                                             .splice_pipes = capacity_.splice_pipes,
                                             .busy_poll = config_.busy_poll,
                                             .busy_poll_hold = busy_poll_.hold},
                                            config_.model, std::move(*inherited),
                                            control::initial_root(config_.model, *restored));
  if (!data_plane) return tl::unexpected(data_plane.error());
  data_plane_ = std::move(*data_plane);

  persister_ = std::make_unique<control::Persister>(std::move(*store), io_.get_executor());
  control_ = control::make_control_plane(
      {.io = io_,
       .config = config_,
       .data_plane = *data_plane_,
       .persister = *persister_,
       .events = events_,
       .version = SHUNT_VERSION,
       .capacity = capacity_.connections,
       .drained = [this](auto... drain) { meter_.drained(drain...); },
       .commanded = [this](control::Verb verb,
                           const control::Outcome& outcome) { meter_.record(verb, outcome); }},
      std::move(*restored));
  access_log_ = std::make_unique<observe::AccessLog>(
      observe::AccessLogOptions{.path = config_.log.access, .format = config_.log.format},
      *data_plane_, config_.model, histograms_, events_);
  metered_.emplace(*control_, meter_);
  metrics_ = std::make_unique<observe::Metrics>(observe::MetricsSources{.controller = *control_,
                                                                        .connections = histograms_,
                                                                        .commands = meter_,
                                                                        .access_log = *access_log_,
                                                                        .logger = logger_});
  shutdown_ = std::make_unique<Shutdown>(
      io_, *data_plane_,
      Shutdown::Options{.delay = config_.shutdown_delay, .grace = config_.shutdown_grace},
      [this](StopPhase phase) { entered(phase); });
  return {};
}

int Daemon::run() {
  // After the workers were started, which would inherit it and then not give way to this thread.
  control::prefer_short_slices();
  control_->start();
  admin_.attach(&*metered_);
  wait_for_signal();
  announce();
  if (notifier_.watchdog_interval() != base::kOff) feed_watchdog();
  io_.run();
  if (!last_words_.disk_answers) end_without_disk();
  return last_words_.kept ? 0 : 1;
}

// No destructor: the Persister's would wait for a write that hangs.
void Daemon::end_without_disk() {
  logger_.finish();
  std::cerr << "shunt: the disk does not answer; the process ends without it\n" << std::flush;
  ::_exit(last_words_.kept ? 0 : 1);
}

void Daemon::announce() {
  std::string listening;
  for (const auto& service : data_plane_->listening()) {
    for (const base::Endpoint& address : service) {
      listening += (listening.empty() ? "" : ", ") + address.to_string();
    }
  }
  const std::string text =
      summary_of(config_) + "; listening on " + listening + "; " +
      plural(data_plane_->workers(), "worker") + ", room for " +
      plural(capacity_.connections, "connection") + " (" + std::to_string(capacity_.descriptors) +
      " descriptors)" + words_on_ports(config_.model, local_port_range(), capacity_.connections) +
      words_on_kernel(data_plane_->features()) + busy_poll_.words;
  control::Event event;
  event.type = "started";
  event.message = text;
  event.fields = {{"version", SHUNT_VERSION},
                  {"config", config_.path},
                  {"admin", config_.admin.socket},
                  {"capacity", std::to_string(capacity_.connections)},
                  {"io_uring", data_plane_->features()}};
  events_.publish(std::move(event));
  for (const control::AppStatus& app : control_->status().apps) live_.set(app.name, app.active);
  listening_ = text;
  warn_of_machine();
  notifier_.ready(live_.text() + listening_);
  follow_decisions();
}

void Daemon::follow_decisions() {
  (void)events_.subscribe([this](const control::Event& event) {
    if (event.type != "switch" && event.type != "rollback") return;
    const auto to = std::find_if(event.fields.begin(), event.fields.end(),
                                 [](const auto& field) { return field.first == "to"; });
    if (to == event.fields.end() || !live_.set(event.app, to->second)) return;
    if (shutdown_->phase() == StopPhase::kRunning) notifier_.status(live_.text() + listening_);
  });
}

void Daemon::warn_of_machine() {
  const auto warn = [this](const char* type, const control::ConfigError& lack) {
    control::Event event;
    event.type = type;
    event.level = control::EventLevel::kWarn;
    event.message = lack.to_string();
    events_.publish(std::move(event));
  };
  for (const auto& missing : missing_sources(config_, can_bind)) warn("source_missing", missing);
  for (const auto& idle : idle_fast_open(config_, tcp_fastopen())) warn("fast_open_idle", idle);
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP || signal == SIGUSR1) {
      access_log_->reopen();
    } else {
      shutdown_->signalled();
    }
    wait_for_signal();
  });
}

void Daemon::feed_watchdog() {
  notifier_.feed_watchdog(control_->alive());
  watchdog_.expires_after(std::chrono::nanoseconds(notifier_.watchdog_interval()));
  watchdog_.async_wait([this](const boost::system::error_code& error) {
    if (!error) feed_watchdog();
  });
}

void Daemon::entered(StopPhase phase) {
  const auto report = [this](std::string text) {
    control::Event event;
    event.type = "stopping";
    event.message = std::move(text);
    events_.publish(std::move(event));
  };
  switch (phase) {
    case StopPhase::kRunning:
      break;
    case StopPhase::kDelaying:
      control_->begin_stop();
      notifier_.stopping("stopping: not ready any more");
      if (config_.shutdown_delay != base::kOff) {
        report("not ready any more; accepting stops in " +
               base::format_duration(config_.shutdown_delay));
      }
      break;
    case StopPhase::kLingering:
      control_->end_commands();
      report("accepting has stopped; connections have " +
             base::format_duration(config_.shutdown_grace) + " to end");
      notifier_.status("stopping: waiting for connections to end");
      break;
    case StopPhase::kClosing:
      control_->end_commands();  // a second signal comes here without lingering
      report("closing what is left");
      break;
    case StopPhase::kEnded:
      access_log_->stop();
      report("stopped");
      signals_.cancel();
      watchdog_.cancel();
      admin_.stop([this] {
        last_words_ = control_->finish();
        io_.stop();
      });
      break;
    case StopPhase::kAbandoned:
      // No destructor: each would wait for the worker.
      (void)control_->finish();
      logger_.finish();
      std::cerr << "shunt: a worker does not end; the process ends without it\n" << std::flush;
      ::_exit(1);
  }
}

}  // namespace

std::string summary_of(const control::Config& config) {
  std::size_t pools = 0;
  for (const traffic::App& app : config.model.apps) pools += app.pools.size();
  return plural(config.model.apps.size(), "app") + ", " +
         plural(config.model.services.size(), "service") + ", " +
         plural(config.model.slots, "node") + " in " + plural(pools, "pool");
}

namespace {

// Builds the daemon; false: it did not start, and why has been said.
bool build(const cli::ServeOptions& options, std::optional<Daemon>& daemon) {
  control::ConfigOutcome outcome = control::load_config(options.config_path);
  const std::vector<control::ConfigError> errors =
      outcome.config ? refused_congestion(*outcome.config, try_congestion)
                     : std::move(outcome.errors);
  if (!errors.empty()) {
    for (const control::ConfigError& error : errors) std::cerr << error.to_string() << '\n';
    std::cerr << "shunt: not started: " << plural(control::count_of(errors), "error") << " in "
              << options.config_path << '\n';
    return false;
  }
  daemon.emplace(std::move(*outcome.config));
  const auto started = daemon->start(options.reset_state);
  if (!started) print_error(started.error());
  return started.has_value();
}

}  // namespace

int serve(const cli::ServeOptions& options) {
  // A peer that closed early must not end the process: sends report EPIPE instead.
  ::signal(SIGPIPE, SIG_IGN);
  // Nor a limit on the size of files (RLIMIT_FSIZE): writes report EFBIG, which is a full disk.
  ::signal(SIGXFSZ, SIG_IGN);
  std::optional<Daemon> daemon;
  try {
    if (!build(options, daemon)) return 1;
  } catch (const std::bad_alloc&) {
    print_error(cannot_start("cannot start: out of memory", ENOMEM));
    return 1;
  } catch (const std::system_error& error) {
    print_error(cannot_start(error.what(), error.code().value()));
    return 1;
  } catch (const boost::system::system_error& error) {
    print_error(cannot_start(std::string("cannot start: ") + error.what(), error.code().value()));
    return 1;
  }
  return daemon->run();
}

}  // namespace shunt::app
