// Every metric that shunt exports: one row yields the enum, the exported name, type, label names
// and help text. docs/metrics.md repeats the rows for people, and a test compares the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt::observe {

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

// clang-format off
// Label names are separated by one space. Their values come from the configuration, from enums and
// from worker numbers, never from clients: the number of series is bounded.
#define SHUNT_METRICS(ROW)                                                                                                                                  \
  ROW(BuildInfo,             "shunt_build_info",                       Gauge,     "version",              "Always 1, the version is a label")               \
  ROW(ProcessStart,          "shunt_process_start_time_seconds",       Gauge,     "",                     "When the process started, seconds since 1970")   \
  ROW(Ready,                 "shunt_ready",                            Gauge,     "",                     "1 while /ready says 200")                        \
  ROW(Degraded,              "shunt_degraded",                         Gauge,     "",                     "1 while the phase in the status is degraded")    \
  ROW(StateDurable,          "shunt_state_durable",                    Gauge,     "",                     "1 while the decisions in force are on disk")     \
  ROW(Capacity,              "shunt_connections_capacity",             Gauge,     "",                     "Connections that may be open at once")           \
  ROW(Revision,              "shunt_table_revision",                   Gauge,     "",                     "The published revision of the routing tables")   \
  ROW(RetainedRoots,         "shunt_table_retained_roots",             Gauge,     "",                     "Replaced routing tables that a worker may still read") \
  ROW(Accepted,              "shunt_connections_accepted_total",       Counter,   "app service",          "Client connections accepted")                    \
  ROW(Open,                  "shunt_connections_open",                 Gauge,     "app service",          "Client connections accepted and not yet ended")  \
  ROW(Refused,               "shunt_connections_refused_total",        Counter,   "app service",          "Client connections refused at a limit")          \
  ROW(Retried,               "shunt_connects_retried_total",           Counter,   "app service",          "Connects to nodes after a connection's first")   \
  ROW(Repointed,             "shunt_connects_repointed_total",         Counter,   "app service",          "Connects taken back from a pool that was switched away") \
  ROW(Closed,                "shunt_connections_closed_total",         Counter,   "cause",                "Connections ended, by the cause in the access log") \
  ROW(ConnectSeconds,        "shunt_connect_seconds",                  Histogram, "app service pool",     "Duration of successful connects to nodes")       \
  ROW(ConnectionSeconds,     "shunt_connection_seconds",               Histogram, "app service",          "Life of connections, from accept to the end")    \
  ROW(Panic,                 "shunt_service_panic",                    Gauge,     "app service",          "1 while nodes are tried regardless of their health") \
  ROW(NodeEstablished,       "shunt_node_established",                 Gauge,     "app pool node",        "Established connections to the node")            \
  ROW(NodeConnecting,        "shunt_node_connecting",                  Gauge,     "app pool node",        "Connects to the node that are under way")        \
  ROW(NodeConnections,       "shunt_node_connections_total",           Counter,   "app pool node",        "Connects to the node that succeeded")            \
  ROW(NodeConnectErrors,     "shunt_node_connect_errors_total",        Counter,   "app pool node",        "Connects to the node that failed")               \
  ROW(NodeBytes,             "shunt_node_bytes_total",                 Counter,   "app pool node direction", "Bytes to the node (up) and from it (down)")   \
  ROW(NodeHealth,            "shunt_node_health",                      Gauge,     "app pool node health", "1 for the health that the node is in, else 0")   \
  ROW(NodeAdmin,             "shunt_node_admin_state",                 Gauge,     "app pool node state",  "1 for the admin state that the node is in, else 0") \
  ROW(PoolState,             "shunt_pool_state",                       Gauge,     "app pool state",       "1 for the state that the pool is in, else 0")    \
  ROW(PoolActive,            "shunt_pool_active",                      Gauge,     "app pool",             "1 for the pool that takes new connections")      \
  ROW(PoolNodes,             "shunt_pool_nodes",                       Gauge,     "app pool",             "Nodes of the pool")                              \
  ROW(PoolNodesReady,        "shunt_pool_nodes_ready",                 Gauge,     "app pool",             "Nodes of the pool in admin state ready")         \
  ROW(PoolNodesHealthy,      "shunt_pool_nodes_healthy",               Gauge,     "app pool",             "Ready nodes of the pool that passed their checks, as min_healthy counts them") \
  ROW(PoolNodesUsable,       "shunt_pool_nodes_usable",                Gauge,     "app pool",             "Ready nodes of the pool that may take connections") \
  ROW(PoolDrainOldest,       "shunt_pool_drain_oldest_seconds",        Gauge,     "app pool",             "Age of the oldest connection on a pool that is not active, 0 without one") \
  ROW(Epoch,                 "shunt_app_epoch",                        Gauge,     "app",                  "The app's count of traffic decisions")           \
  ROW(TrialRemaining,        "shunt_trial_remaining_seconds",          Gauge,     "app",                  "Until the live pool's trial goes back by itself; 0: it is over, or there is none") \
  ROW(TrialOverdue,          "shunt_trial_overdue",                    Gauge,     "app",                  "1 where a trial is over and has not gone back, because the pool before is less healthy") \
  ROW(PoolShare,             "shunt_pool_share_ratio",                 Gauge,     "app pool",             "Share of new connections that is to be the pool's, whatever the health of its nodes; clients that a split names apart") \
  ROW(Drift,                 "shunt_config_drift",                     Gauge,     "app",                  "Differences between the file and the decisions in force (shunt diff)") \
  ROW(Switches,              "shunt_switches_total",                   Counter,   "app kind outcome",     "Switches, rollbacks (aborts too) and trials that went back by themselves; dry runs and repeats by key left out") \
  ROW(SwitchSeconds,         "shunt_switch_seconds",                   Histogram, "app part",             "Duration of switches and rollbacks, by part of the receipt") \
  ROW(DrainSeconds,          "shunt_drain_seconds",                    Histogram, "app pool",             "From a switch to the end of the last connection that it left on the pool") \
  ROW(WorkerTurns,           "shunt_worker_turns_total",               Counter,   "worker",               "Turns of the worker's loop")                     \
  ROW(WorkerEnters,          "shunt_worker_enters_total",              Counter,   "worker",               "Calls of io_uring_enter")                        \
  ROW(WorkerCompletions,     "shunt_worker_completions_total",         Counter,   "worker",               "Completions handled")                            \
  ROW(WorkerStale,           "shunt_worker_stale_completions_total",   Counter,   "worker",               "Completions for a connection that was gone")     \
  ROW(WorkerStarved,         "shunt_worker_buffer_starved_total",      Counter,   "worker",               "Receives put off because no buffer was free")    \
  ROW(WorkerAcceptErrors,    "shunt_worker_accept_errors_total",       Counter,   "worker",               "Accepts that failed")                            \
  ROW(WorkerHandedOver,      "shunt_worker_handed_over_total",         Counter,   "worker",               "Connections that the worker accepted and handed to one with clearly fewer") \
  ROW(WorkerRecordsDropped,  "shunt_worker_records_dropped_total",     Counter,   "worker",               "Records that the control side took too late")    \
  ROW(WorkerBusyPoll,        "shunt_worker_busy_poll_seconds_total",   Counter,   "worker",               "Time of watching for work in the place of sleeping (busy_poll)") \
  ROW(WorkerBusyPollHeld,    "shunt_worker_busy_poll_held",            Gauge,     "worker reason",        "1 for what holds the worker off from watching (busy_poll: auto), else 0") \
  ROW(WorkerRelays,          "shunt_worker_connections",               Gauge,     "worker",               "Connections that the worker holds")              \
  ROW(AccessLogLines,        "shunt_access_log_lines_total",           Counter,   "",                     "Access log lines written")                       \
  ROW(AccessLogDropped,      "shunt_access_log_lines_dropped_total",   Counter,   "",                     "Access log lines that a full or unwritable file cost") \
  ROW(LogDropped,            "shunt_log_lines_dropped_total",          Counter,   "",                     "Log lines that a slow or stuck reader cost")
// clang-format on

enum class Metric : std::uint8_t {
#define SHUNT_ROW(name, exported, type, labels, help) k##name,
  SHUNT_METRICS(SHUNT_ROW)
#undef SHUNT_ROW
};

struct MetricText {
  std::string_view name;
  MetricType type;
  std::string_view labels;
  std::string_view help;
};

inline constexpr MetricText kMetricTexts[] = {
#define SHUNT_ROW(name, exported, type, labels, help) {exported, MetricType::k##type, labels, help},
    SHUNT_METRICS(SHUNT_ROW)
#undef SHUNT_ROW
};

inline constexpr std::size_t kMetrics = sizeof(kMetricTexts) / sizeof(kMetricTexts[0]);

[[nodiscard]] constexpr const MetricText& text_of(Metric metric) noexcept {
  return kMetricTexts[static_cast<std::size_t>(metric)];
}

}  // namespace shunt::observe
