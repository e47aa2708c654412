// Filters for what an order is about: a pool, a node, or (close) a connection.
#pragma once

#include "shunt/proxy/mailbox.hpp"

namespace shunt::control {

[[nodiscard]] inline proxy::RelayFilter filter_of_pool(traffic::AppId app, traffic::PoolId pool) {
  proxy::RelayFilter filter;
  filter.app = app;
  filter.pool = pool;
  return filter;
}

[[nodiscard]] inline proxy::RelayFilter filter_of_node(traffic::AppId app, traffic::NodeSlot slot) {
  proxy::RelayFilter filter;
  filter.app = app;
  filter.node = slot;
  return filter;
}

// About the same, whenever their connections were accepted.
[[nodiscard]] inline bool same(const proxy::RelayFilter& a, const proxy::RelayFilter& b) noexcept {
  return a.app == b.app && a.pool == b.pool && a.node == b.node && a.connection == b.connection;
}

}  // namespace shunt::control
