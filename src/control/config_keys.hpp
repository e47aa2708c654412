// Every key of the configuration file, by section. The reader, the JSON Schema,
// docs/configuration.md and config/shunt.yaml are held against these tables by tests.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace shunt::control {

struct KeyTable {
  std::string_view section;  // as written in messages; empty: the top level
  std::span<const std::string_view> known;
  std::span<const std::string_view> later;  // designed, but refused by this version
};

namespace keys {

inline constexpr std::array<std::string_view, 13> kTop = {
    "admin",     "state",  "workers", "busy_poll",      "splice",         "limits", "timeouts",
    "keepalive", "source", "log",     "shutdown_delay", "shutdown_grace", "apps"};
inline constexpr std::array<std::string_view, 4> kTopLater = {"tokens", "tls", "tracing",
                                                              "proxy_protocol"};
inline constexpr std::array<std::string_view, 3> kAdmin = {"socket", "socket_mode", "http"};
inline constexpr std::array<std::string_view, 4> kAdminLater = {"https", "tls", "tokens", "roles"};
inline constexpr std::array<std::string_view, 2> kState = {"dir", "sync"};
inline constexpr std::array<std::string_view, 1> kLimits = {"connections"};
inline constexpr std::array<std::string_view, 3> kLimitsLater = {"per_source", "memory", "rate"};
inline constexpr std::array<std::string_view, 4> kTimeouts = {"connect", "idle", "half_closed",
                                                              "stalled"};
inline constexpr std::array<std::string_view, 3> kKeepalive = {"idle", "interval", "count"};
inline constexpr std::array<std::string_view, 3> kLog = {"level", "format", "access"};
inline constexpr std::array<std::string_view, 16> kApp = {
    "initial",  "listen",   "target_port", "defer_accept", "fast_open", "congestion",
    "services", "balance",  "panic_below", "health",       "drain",     "release",
    "pools",    "timeouts", "keepalive",   "source"};
inline constexpr std::array<std::string_view, 9> kAppLater = {
    "preview", "limits", "slow_start",     "max_shrink", "split",
    "hold",    "sticky", "proxy_protocol", "verify"};
inline constexpr std::array<std::string_view, 5> kService = {
    "listen", "target_port", "defer_accept", "fast_open", "congestion"};
inline constexpr std::array<std::string_view, 5> kServiceLater = {"preview", "health", "limits",
                                                                  "tls", "proxy_protocol"};
inline constexpr std::array<std::string_view, 2> kCongestion = {"client", "node"};
inline constexpr std::array<std::string_view, 6> kHealth = {"type", "interval", "timeout",
                                                            "rise", "fall",     "passive_fall"};
inline constexpr std::array<std::string_view, 7> kHealthLater = {"path", "host", "method", "expect",
                                                                 "port", "send", "agent"};
inline constexpr std::array<std::string_view, 2> kDrain = {"deadline", "close_over"};
inline constexpr std::array<std::string_view, 2> kRelease = {"min_healthy", "confirm_within"};
inline constexpr std::array<std::string_view, 6> kReleaseLater = {"keep",   "guard", "min_per",
                                                                  "verify", "warm",  "steps"};
inline constexpr std::array<std::string_view, 2> kPool = {"labels", "nodes"};
inline constexpr std::array<std::string_view, 2> kPoolLater = {"nodes_from", "max_shrink"};
inline constexpr std::array<std::string_view, 5> kNode = {"name", "address", "labels", "weight",
                                                          "ports"};
inline constexpr std::array<std::string_view, 3> kNodeLater = {"limit", "slow_start", "admin"};

}  // namespace keys

inline constexpr KeyTable kTopKeys = {"", keys::kTop, keys::kTopLater};
inline constexpr KeyTable kAdminKeys = {"admin", keys::kAdmin, keys::kAdminLater};
inline constexpr KeyTable kStateKeys = {"state", keys::kState, {}};
inline constexpr KeyTable kLimitsKeys = {"limits", keys::kLimits, keys::kLimitsLater};
inline constexpr KeyTable kTimeoutsKeys = {"timeouts", keys::kTimeouts, {}};
inline constexpr KeyTable kKeepaliveKeys = {"keepalive", keys::kKeepalive, {}};
inline constexpr KeyTable kLogKeys = {"log", keys::kLog, {}};
inline constexpr KeyTable kAppKeys = {"apps.NAME", keys::kApp, keys::kAppLater};
inline constexpr KeyTable kServiceKeys = {"services.NAME", keys::kService, keys::kServiceLater};
inline constexpr KeyTable kCongestionKeys = {"congestion", keys::kCongestion, {}};
inline constexpr KeyTable kHealthKeys = {"health", keys::kHealth, keys::kHealthLater};
inline constexpr KeyTable kDrainKeys = {"drain", keys::kDrain, {}};
inline constexpr KeyTable kReleaseKeys = {"release", keys::kRelease, keys::kReleaseLater};
inline constexpr KeyTable kPoolKeys = {"pools.NAME", keys::kPool, keys::kPoolLater};
inline constexpr KeyTable kNodeKeys = {"nodes", keys::kNode, keys::kNodeLater};

// All of them, outermost first.
inline constexpr std::array<const KeyTable*, 15> kAllKeyTables = {
    &kTopKeys,       &kAdminKeys, &kStateKeys,   &kLimitsKeys,  &kTimeoutsKeys,
    &kKeepaliveKeys, &kLogKeys,   &kAppKeys,     &kServiceKeys, &kCongestionKeys,
    &kHealthKeys,    &kDrainKeys, &kReleaseKeys, &kPoolKeys,    &kNodeKeys};

}  // namespace shunt::control
