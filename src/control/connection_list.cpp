#include "src/control/connection_list.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "src/control/plan.hpp"

namespace shunt::control {
namespace {

constexpr std::uint32_t kListedMax = 10'000;

std::string text_of(const proxy::ClientAddress& client) {
  if (client.family == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(client.port);
    std::memcpy(&address.sin_addr, client.bytes, sizeof(address.sin_addr));
    return base::Endpoint(reinterpret_cast<const sockaddr*>(&address), sizeof(address)).to_string();
  }
  if (client.family == AF_INET6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(client.port);
    std::memcpy(&address.sin6_addr, client.bytes, sizeof(address.sin6_addr));
    return base::Endpoint(reinterpret_cast<const sockaddr*>(&address), sizeof(address)).to_string();
  }
  return "unix";
}

ConnectionRow row_of(const traffic::Model& model, const traffic::App& app,
                     const proxy::ConnectionInfo& info) {
  ConnectionRow row;
  row.id = info.id;
  row.client = text_of(info.client);
  if (info.service < model.services.size()) row.service = model.services[info.service].name;
  if (info.pool < app.pools.size()) row.pool = app.pools[info.pool].name;
  if (const traffic::Node* node = model.find_node(info.node)) row.node = node->name;
  row.epoch = info.epoch;
  row.established = info.established;
  row.age = info.age;
  row.idle = info.idle;
  row.bytes_up = info.bytes_up;
  row.bytes_down = info.bytes_down;
  return row;
}

}  // namespace

void list_connections(const traffic::Model& model, WorkerRequests& requests,
                      const ConnectionsQuery& query, base::Duration bound,
                      std::function<void(base::Result<ConnectionsAnswer>)> done) {
  // The names are those of a command: the same words for the same mistakes.
  Command names;
  names.verb = Verb::kAdmin;
  names.app = query.app;
  names.pool = query.pool;
  Resolved resolved;
  if (!query.node.empty()) names.nodes = {query.node};
  if (query.node.empty()) names.verb = Verb::kRollback;  // the one that needs no name at all
  if (const auto unresolved = resolve(model, names, resolved)) {
    const bool missing = unresolved->kind == OutcomeKind::kNotFound;
    return done(base::fail(missing ? base::ErrorCode::kNotFound : base::ErrorCode::kInvalid,
                           unresolved->message));
  }
  const std::uint32_t limit = std::min(query.limit, kListedMax);
  requests.ask<proxy::Survey>(
      [&] {
        auto survey = std::make_unique<proxy::Survey>();
        survey->filter.app = resolved.app;
        survey->filter.pool = resolved.pool;
        if (!resolved.nodes.empty()) survey->filter.node = resolved.nodes.front();
        survey->list_max = limit;
        survey->connections.reserve(limit);
        survey->oldest.assign(model.slots, 0);
        return survey;
      },
      bound,
      [&model, app = resolved.app, limit, done = std::move(done)](const auto& surveys,
                                                                  bool complete) {
        if (!complete) {
          return done(base::fail(base::ErrorCode::kTimeout, "a worker has not answered"));
        }
        ConnectionsAnswer answer;
        for (const auto& survey : surveys) {
          answer.matched += survey->matched;
          for (const auto& info : survey->connections) {
            answer.rows.push_back(row_of(model, model.apps[app], info));
          }
        }
        std::stable_sort(answer.rows.begin(), answer.rows.end(),
                         [](const auto& a, const auto& b) { return a.age > b.age; });
        if (answer.rows.size() > limit) answer.rows.resize(limit);
        done(std::move(answer));
      });
}

}  // namespace shunt::control
