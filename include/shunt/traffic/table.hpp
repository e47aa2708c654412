// RoutingTable: everything that a new connection of one app needs, immutable. One RoutingRoot
// refers to a table per app; storing the pointer to a new root is the switch
// (proxy/publication.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "shunt/base/endpoint.hpp"
#include "shunt/traffic/health.hpp"
#include "shunt/traffic/ids.hpp"
#include "shunt/traffic/model.hpp"
#include "shunt/traffic/split.hpp"

namespace shunt::traffic {

// A node that new connections of one service may go to.
struct Candidate {
  base::Endpoint address;
  NodeSlot slot = kNoSlot;
  std::uint32_t weight = 1;
};

struct Split;

// One service's part of a table.
struct ServiceTable {
  ServiceId service = 0;
  AppId app = 0;
  PoolId pool = kNoPool;
  Epoch epoch = 0;
  Balance balance = Balance::kRoundRobin;
  bool panic = false;      // candidates were taken regardless of health
  bool fast_open = false;  // clients may be accepted before their handshake is over
  Timeouts timeouts;
  Keepalive keepalive;
  CongestionName congestion;  // of the sockets towards nodes
  std::vector<base::Endpoint> sources;
  std::vector<Candidate> candidates;
  // Smooth weighted round robin, unrolled: positions in `candidates`. Each turn through it gives
  // every candidate its weight (reduced by the greatest common divisor), spread out evenly.
  std::vector<std::uint16_t> schedule;
  std::uint32_t weight_total = 0;
  // Null where no other pool takes a share, or none of its nodes is usable for this service: what
  // is left of production goes to the live pool alone.
  std::shared_ptr<const Split> split;
};

// The part of new connections that goes to another pool than the live one.
struct Split {
  SplitTerms terms;
  ServiceTable table;  // of that pool; no split of its own
};

struct RoutingTable {
  AppId app = 0;
  PoolId active = kNoPool;
  Epoch epoch = 0;
  PoolId canary = kNoPool;             // that is to take a share, usable or not
  std::vector<ServiceTable> services;  // in the order of App::services
};

struct RoutingRoot {
  Revision revision = 0;
  std::vector<std::shared_ptr<const RoutingTable>> tables;  // by AppId
  std::vector<const ServiceTable*> services;                // by ServiceId; into `tables`
};

// What decides a table besides the model.
struct Decision {
  PoolId active = kNoPool;
  Epoch epoch = 0;
  std::optional<SplitTerms> split{};
};

// Builds the table of one app. health(slot, position of the service in App::services) and
// admin(slot) are asked for the nodes of the active pool, and of the one that takes a share. A node
// is a candidate when it is ready and usable; where the usable share of the ready nodes is below
// panic_below_percent, or is zero, every ready node is (panic). Drained and maintained nodes never
// are. For a share there is no panic: without a usable node it stays with the active pool.
template <class HealthOf, class AdminOf>
[[nodiscard]] std::shared_ptr<const RoutingTable> build_table(const Model& model, AppId app,
                                                              const Decision& decision,
                                                              HealthOf&& health, AdminOf&& admin);

// A root for these tables (one per app, none null).
[[nodiscard]] std::unique_ptr<const RoutingRoot> build_root(
    Revision revision, std::vector<std::shared_ptr<const RoutingTable>> tables,
    std::uint32_t service_count);

}  // namespace shunt::traffic

#include "shunt/traffic/table_build.hpp"  // build_table's definition
