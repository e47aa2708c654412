// Stable small numbers by which tables, relays, counters and records name things. They index
// arrays; names are looked up in the Model (model.hpp), never carried on the data path.
#pragma once

#include <cstdint>
#include <limits>

namespace shunt::traffic {

// A node, unique in the process and not reused while anything refers to it. < base::kNodeSlotsMax.
using NodeSlot = std::uint32_t;
inline constexpr NodeSlot kNoSlot = std::numeric_limits<NodeSlot>::max();

// A service, unique in the process: the position in Model::services. < base::kServicesMax.
using ServiceId = std::uint32_t;
// An app: the position in Model::apps. < base::kAppsMax.
using AppId = std::uint32_t;
// A pool: the position in App::pools. < base::kPoolsPerAppMax.
using PoolId = std::uint32_t;
inline constexpr PoolId kNoPool = std::numeric_limits<PoolId>::max();

// Counts one app's traffic decisions; 1 is the first.
using Epoch = std::uint64_t;
// What a pool holds, counted over all pools of the app: "green#12".
using Generation = std::uint64_t;
// Counts published roots; 1 is the first.
using Revision = std::uint64_t;

}  // namespace shunt::traffic
