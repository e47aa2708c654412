// Which optional parts of the kernel are used, most of them io_uring's: what it offers less what
// SHUNT_URING_DISABLE=name,name switches off (to narrow down a kernel bug in the field).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shunt/base/result.hpp"

namespace shunt::uring {

// One row a feature: field, name as printed and as switched off.
// clang-format off
#define SHUNT_URING_FEATURES(ROW)                                                                  \
  ROW(defer_taskrun,    "defer_taskrun")     /* 6.1: completions are made only inside enter */     \
  ROW(single_issuer,    "single_issuer")     /* 6.0: one thread submits */                         \
  ROW(coop_taskrun,     "coop_taskrun")      /* 5.19: no interrupt to post a completion */         \
  ROW(registered_ring,  "registered_ring")   /* 5.18: enter without a descriptor look-up */        \
  ROW(multishot_accept, "multishot_accept")  /* 5.19: one accept request for many connections */   \
  ROW(multishot_receive, "multishot_receive") /* 6.17: one bounded receive for many messages */    \
  ROW(message_ring,     "message_ring")      /* 5.18: a worker hands connections to another one */ \
  ROW(min_wait,         "min_wait")          /* 6.12: one wake-up for several completions */        \
  ROW(splice,           "splice")            /* 2.6.17: streams go on without a copy */               \
  ROW(no_iowait,        "no_iowait")         /* 6.15: a sleeping worker is not shown as iowait */
// clang-format on

struct Features {
#define SHUNT_ROW(field, name) bool field = true;
  SHUNT_URING_FEATURES(SHUNT_ROW)
#undef SHUNT_ROW

  // The names of those that are on, with a space between: "defer_taskrun single_issuer".
  [[nodiscard]] std::string names() const;
};

// Those that are on in both.
[[nodiscard]] Features common_features(const Features& one, const Features& other) noexcept;

// All features on, less the listed ones. An unknown name is an error that lists the known ones.
[[nodiscard]] base::Result<Features> parse_disabled(std::string_view list);
// From the environment variable SHUNT_URING_DISABLE; not set: all on.
[[nodiscard]] base::Result<Features> wanted_features();

}  // namespace shunt::uring
