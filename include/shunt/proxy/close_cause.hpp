// Why a connection ended. One row a cause yields the enum, the two letters in the access log, the
// metric label and the help text. First letter: who ended it (C client, S server node, P shunt by
// its own rule, K operator's command); second: when or why.
#pragma once

#include <cstdint>
#include <string_view>

namespace shunt::proxy {

// clang-format off
#define SHUNT_CLOSE_CAUSES(ROW)                                                                       \
  ROW(kDone,            "--", "done",             "both sides ended in order")                        \
  ROW(kClientReset,     "CR", "client_reset",     "the client reset the connection")                  \
  ROW(kServerReset,     "SR", "server_reset",     "the node reset the connection")                    \
  ROW(kClientLost,      "CT", "client_lost",      "the client stopped answering (keepalive, network)") \
  ROW(kServerLost,      "ST", "server_lost",      "the node stopped answering (keepalive, network)")  \
  ROW(kConnectRefused,  "SC", "connect_refused",  "every tried node refused the connection")          \
  ROW(kConnectTimeout,  "SW", "connect_timeout",  "every tried node was silent until the deadline")   \
  ROW(kUnreachable,     "SU", "unreachable",      "no way leads to any tried node (route, socket path, permission)") \
  ROW(kNoNode,          "PN", "no_node",          "the active pool has no usable node")               \
  ROW(kNoPorts,         "PP", "no_ports",         "no local port towards the node is free")           \
  ROW(kNoSource,        "PA", "no_source",        "this machine has no source address that is configured") \
  ROW(kNoDescriptors,   "PD", "no_descriptors",   "the process ran out of descriptors")               \
  ROW(kNoMemory,        "PM", "no_memory",        "the kernel had no memory for a connection to the node") \
  ROW(kConnectionLimit, "PL", "connection_limit", "the limit of connections was reached")             \
  ROW(kIdle,            "PI", "idle",             "no byte within timeouts.idle")                     \
  ROW(kHalfClosed,      "PH", "half_closed",      "one side ended, silence within timeouts.half_closed") \
  ROW(kStalled,         "PS", "stalled",          "a reader took nothing within timeouts.stalled")    \
  ROW(kNoBuffers,       "PB", "no_buffers",       "its reader had stopped when buffers ran out for everybody") \
  ROW(kInternal,        "PE", "internal",         "an unexpected error of the kernel")                \
  ROW(kShutdown,        "KS", "shutdown",         "shunt stopped and its grace ended")                \
  ROW(kDrainDeadline,   "KD", "drain_deadline",   "the drain deadline of its pool or node passed")    \
  ROW(kClosed,          "KC", "closed",           "shunt close")
// clang-format on

enum class CloseCause : std::uint8_t {
#define SHUNT_ROW(name, letters, label, help) name,
  SHUNT_CLOSE_CAUSES(SHUNT_ROW)
#undef SHUNT_ROW
};

struct CloseCauseText {
  std::string_view letters;  // access log
  std::string_view label;    // metric and JSON
  std::string_view help;
};

inline constexpr CloseCauseText kCloseCauseTexts[] = {
#define SHUNT_ROW(name, letters, label, help) {letters, label, help},
    SHUNT_CLOSE_CAUSES(SHUNT_ROW)
#undef SHUNT_ROW
};

inline constexpr std::size_t kCloseCauses = sizeof(kCloseCauseTexts) / sizeof(kCloseCauseTexts[0]);

[[nodiscard]] constexpr const CloseCauseText& text_of(CloseCause cause) noexcept {
  return kCloseCauseTexts[static_cast<std::size_t>(cause)];
}

}  // namespace shunt::proxy
